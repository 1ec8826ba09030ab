"""What ``trainlint watch`` costs once it has let go: the computing time of an iteration, of all threads, with and without it.

A small model, whose iterations are as short as they come, is trained by a script of its own: alone and watched, in pairs
of neighbouring runs whose order alternates. Each run tells the median of its first iterations, in which the agent is
attached, and of all that follow. ``python benchmarks/watch_overhead.py [PAIRS [SECONDS]]`` prints each pair as it comes,
at the end the medians over the runs and, for the iterations after detaching, the mean difference within a pair with its
95 % interval (bootstrap over pairs). Most of a run is the start of torch: where the pairs take longer than SECONDS, it ends
with those that it has.
"""

from __future__ import annotations

import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

PAIRS = 20
SECONDS = 300.0

RESAMPLES = 10_000

SCRIPT = """
import statistics
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
F.cross_entropy(model(x), y).backward()
for turn in range(3000):
    started = time.process_time()
    optimizer.zero_grad()
    F.cross_entropy(model(x), y).backward()
    clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    times.append(time.process_time() - started)
print(1e6 * statistics.median(times[:2]), 1e6 * statistics.median(times[500:]))
"""


def main(pairs: int, seconds: float) -> None:
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "train.py"
        script.write_text(SCRIPT)
        alone, watched = [], []
        for pair in range(pairs):
            runs = [(alone, [sys.executable, str(script)]), (watched, [sys.executable, "-m", "trainlint", "watch", str(script)])]
            for times, command in runs if pair % 2 else reversed(runs):
                times.append(run(command))
            apart = watched[-1][1] - alone[-1][1]
            print(f"pair {pair + 1}: {alone[-1][1]:.1f} us alone, {apart:+.1f} us watched", flush=True)
            if pair and (time.monotonic() - began) * (pair + 2) / (pair + 1) > seconds:
                break
    for name, times in (("alone", alone), ("watched", watched)):
        first, rest = (statistics.median(column) for column in zip(*times, strict=True))
        print(f"{name:8} {first:10.1f} us for each of the first two iterations, {rest:8.1f} us for each after the 500th")
    differences = [after[1] - before[1] for before, after in zip(alone, watched, strict=True)]
    low, high = interval(differences)
    mean = statistics.mean(differences)
    share = mean / statistics.mean(rest for _, rest in alone)
    print(f"after detaching {mean:+.2f} us an iteration ({share:+.2%}), 95 % interval {low:+.2f} to {high:+.2f} us, ", end="")
    print(f"{len(differences)} pairs")


def run(command: Sequence[str]) -> tuple[float, float]:
    """Microseconds of an iteration at the beginning and later on."""
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    first, rest = map(float, done.stdout.split())
    return first, rest


def interval(values: Sequence[float]) -> tuple[float, float]:
    """The middle 95 % of the means of resampled values."""
    draw = random.Random(0)
    means = sorted(statistics.mean(draw.choices(values, k=len(values))) for _ in range(RESAMPLES))
    return means[int(0.025 * RESAMPLES)], means[int(0.975 * RESAMPLES)]


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else PAIRS, float(sys.argv[2]) if len(sys.argv) > 2 else SECONDS)
