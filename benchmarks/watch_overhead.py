"""What ``trainlint watch`` costs once it has let go: the computing time of an iteration, of all threads, with and without it.

A small model, whose iterations are as short as they come, is trained by a script of its own: alone and watched, both at once.
After 500 iterations each waits for the other, so that what else the machine does meets both alike. Each run tells the median of
its first iterations, in which the agent is attached, and the first decile of those behind the 500th: what is added to every
iteration is in it, what other processes take from some is not. ``python benchmarks/watch_overhead.py [PAIRS [SECONDS]]`` prints
each pair as it comes, at the end the medians over the runs and, for the iterations after detaching, the mean difference within
a pair with its 95 % interval (bootstrap over pairs). Most of a run is the start of torch: where the pairs take longer than
SECONDS, it ends with those that it has.
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
import os
import statistics
import sys
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
    if turn == 500:
        open(os.path.join(sys.argv[1], str(os.getpid())), "w").close()
        limit = time.monotonic() + 120
        while len(os.listdir(sys.argv[1])) < 2 and time.monotonic() < limit:
            time.sleep(0.01)
    started = time.process_time()
    optimizer.zero_grad()
    F.cross_entropy(model(x), y).backward()
    clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    times.append(time.process_time() - started)
print(1e6 * statistics.median(times[:2]), 1e6 * statistics.quantiles(times[500:], n=10)[0])
"""


def main(pairs: int, seconds: float) -> None:
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "train.py"
        script.write_text(SCRIPT)
        alone, watched = [], []
        for pair in range(pairs):
            meeting = Path(folder) / str(pair)
            meeting.mkdir()
            watch = [sys.executable, "-m", "trainlint", "watch", str(script), "--", str(meeting)]
            running = [start([sys.executable, str(script), str(meeting)]), start(watch)]
            for times, process in zip((alone, watched), running, strict=True):
                times.append(told(process))
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


def start(command: Sequence[str]) -> subprocess.Popen[str]:
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)


def told(process: subprocess.Popen[str]) -> tuple[float, float]:
    """Microseconds of an iteration at the beginning and later on."""
    first, rest = map(float, process.communicate()[0].split())
    return first, rest


def interval(values: Sequence[float]) -> tuple[float, float]:
    """The middle 95 % of the means of resampled values."""
    draw = random.Random(0)
    means = sorted(statistics.mean(draw.choices(values, k=len(values))) for _ in range(RESAMPLES))
    return means[int(0.025 * RESAMPLES)], means[int(0.975 * RESAMPLES)]


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else PAIRS, float(sys.argv[2]) if len(sys.argv) > 2 else SECONDS)
