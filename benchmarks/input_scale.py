"""From which scale of its inputs on a network stops learning: where the range of the probe's TRNP31 comes from.

Small networks, as their library initialises them and at the rates that its examples use, learn four overlapping classes. The same
inputs are multiplied by a factor; the accuracy on fresh samples is compared with that at a root mean square of 1.

    python benchmarks/input_scale.py
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F

FACTORS = (1, 4, 16, 64, 256, 1024)
STEPS, BATCH, FEATURES, CLASSES = 300, 64, 16, 4
OPTIMIZERS = {
    "SGD 0.01": lambda parameters: torch.optim.SGD(parameters, lr=0.01),
    "SGD 0.1": lambda parameters: torch.optim.SGD(parameters, lr=0.1),
    "SGD 0.01, momentum": lambda parameters: torch.optim.SGD(parameters, lr=0.01, momentum=0.9),
    "Adam 1e-3": lambda parameters: torch.optim.Adam(parameters, lr=1e-3),
}
ACTIVATIONS = {"ReLU": nn.ReLU, "Tanh": nn.Tanh, "Sigmoid": nn.Sigmoid}


def accuracy(factor: float, optimizer: str, activation: str, seed: int) -> float:
    """Share of fresh samples that are right after training; chance is one in `CLASSES`."""
    generator = torch.Generator().manual_seed(seed)
    torch.manual_seed(seed)
    centres = torch.randn(CLASSES, FEATURES, generator=generator)

    def batch(size: int) -> tuple[torch.Tensor, torch.Tensor]:
        labels = torch.randint(0, CLASSES, (size,), generator=generator)
        values = centres[labels] + torch.randn(size, FEATURES, generator=generator)
        return values / 2**0.5 * factor, labels

    kind = ACTIVATIONS[activation]
    model = nn.Sequential(nn.Linear(FEATURES, 32), kind(), nn.Linear(32, 32), kind(), nn.Linear(32, CLASSES))
    steps = OPTIMIZERS[optimizer](model.parameters())
    for _ in range(STEPS):
        values, labels = batch(BATCH)
        steps.zero_grad()
        F.cross_entropy(model(values), labels).backward()
        steps.step()
    with torch.no_grad():
        values, labels = batch(2000)
        return float((model(values).argmax(1) == labels).double().mean())


def main() -> None:
    torch.set_num_threads(1)
    chance = 1 / CLASSES
    print(f"{'':32}" + "".join(f"{factor:>8}" for factor in FACTORS))
    failed = dict.fromkeys(FACTORS, 0)
    total = 0
    for optimizer in OPTIMIZERS:
        for activation in ACTIVATIONS:
            rows = [sum(accuracy(factor, optimizer, activation, seed) for seed in range(3)) / 3 for factor in FACTORS]
            print(f"{optimizer + ', ' + activation:32}" + "".join(f"{row:8.2f}" for row in rows))
            if rows[0] - chance > 0.2:
                total += 1
                for factor, row in zip(FACTORS, rows, strict=True):
                    failed[factor] += row - chance < 0.8 * (rows[0] - chance)
    print(f"{f'lost a fifth or more, of {total}':32}" + "".join(f"{failed[factor]:>8}" for factor in FACTORS))


if __name__ == "__main__":
    main()
