"""What ``trainlint watch`` costs once it has let go: the time of an iteration with and without it.

A small model is trained by a script of its own, alone and watched in turn. The first iterations, in which the agent
is attached, are left out. ``python benchmarks/watch_overhead.py [RUNS]`` prints the medians and their difference,
beside how much the script differs from itself.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

RUNS = 8

SCRIPT = """
import time
import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils import clip_grad_norm_

torch.set_num_threads(1)
torch.manual_seed(0)
model = nn.Sequential(nn.Linear(32, 64), nn.ReLU(), nn.Linear(64, 10))
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
x, y = torch.randn(32, 32), torch.randint(0, 10, (32,))
times = []
for turn in range(3000):
    started = time.perf_counter()
    optimizer.zero_grad()
    F.cross_entropy(model(x), y).backward()
    clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    times.append(time.perf_counter() - started)
print(sorted(times[500:])[1250] * 1e6)
"""


def main(runs: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "train.py"
        script.write_text(SCRIPT)
        alone, watched = [], []
        for _ in range(runs):
            alone.append(median_us([sys.executable, str(script)]))
            watched.append(median_us([sys.executable, "-m", "trainlint", "watch", str(script)]))
    difference = statistics.median(watched) - statistics.median(alone)
    spread = statistics.stdev(alone)
    print(f"alone    {statistics.median(alone):8.1f} us an iteration (standard deviation {spread:.1f})")
    print(f"watched  {statistics.median(watched):8.1f} us an iteration (standard deviation {statistics.stdev(watched):.1f})")
    print(f"difference {difference:+.1f} us, {difference / statistics.median(alone):+.2%}")


def median_us(command: list[str]) -> float:
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return float(done.stdout)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else RUNS)
