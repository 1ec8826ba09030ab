"""What can be said about one observation: a code, a sentence, a place."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

from ..finding import Confidence
from .observation import Observation, OptimizerSeen, Place, StepSeen
from .status import Judged

STEP = ("step",)
BACKWARD = ("backward", "grad")
CLIP = ("clip_grad_norm_", "clip_grad_value_")


@dataclass(frozen=True)
class Fact:
    """`calls` are the names of the call at `place` that is meant; `about` are positions in the judged
    parameters. `assigned`, without a place: the attribute whose first assignment in the script is meant.
    """

    code: str
    message: str
    place: Place | None
    calls: tuple[str, ...] = ()
    related: tuple[tuple[Place, tuple[str, ...], str], ...] = ()
    confidence: Confidence = Confidence.CERTAIN
    about: frozenset[int] = frozenset()
    assigned: str = ""


@dataclass(frozen=True)
class Evidence:
    """An observation with its judged parameters, and the questions that facts ask of them."""

    seen: Observation
    judged: tuple[Judged, ...]

    @property
    def optimizers(self) -> list[tuple[int, OptimizerSeen]]:
        return [(index, each) for index, each in enumerate(self.seen.optimizers) if not each.inner]

    def held_by(self, optimizer: int) -> list[int]:
        """Positions of the parameters that were handed to an optimizer."""
        return [at for at, each in enumerate(self.judged) if optimizer in each.seen.optimizers]

    def steps_of(self, optimizer: int) -> list[tuple[int, StepSeen]]:
        return [(at, step) for at, step in enumerate(self.seen.steps) if step.optimizer == optimizer]

    def place_of(self, optimizer: int) -> tuple[Place | None, tuple[str, ...]]:
        """Where an optimizer steps, or where it was built if it never does."""
        for _, step in reversed(self.steps_of(optimizer)):
            if step.at is not None:
                return step.at, STEP
        seen = self.seen.optimizers[optimizer]
        return seen.built, (seen.kind,)

    def last_backward(self) -> Place | None:
        return next((each.at for each in reversed(self.seen.backwards) if each.at is not None), None)

    def names(self, positions: Sequence[int]) -> str:
        return listed([self.judged[at].seen.name for at in positions])


def listed(names: Sequence[str], most: int = 3) -> str:
    """The names themselves, or the module they have in common and one of them."""
    if len(names) <= most:
        return _sentence([f"`{name}`" for name in names])
    prefix = _shared([name.split(".")[:-1] for name in names])
    if prefix:
        return f"{len(names)} parameters of `{prefix}` (`{names[0]}` is one)"
    return f"`{names[0]}`, `{names[1]}` and {len(names) - 2} more"


def _shared(paths: Sequence[list[str]]) -> str:
    """The path of the innermost module that all of them lie in."""
    shared = list(itertools.takewhile(lambda parts: len(set(parts)) == 1, zip(*paths, strict=False)))
    return ".".join(parts[0] for parts in shared)


def _sentence(words: Sequence[str]) -> str:
    return " and ".join([", ".join(words[:-1]), words[-1]]) if len(words) > 1 else "".join(words)


def verb(count: int, one: str, several: str) -> str:
    return one if count == 1 else several
