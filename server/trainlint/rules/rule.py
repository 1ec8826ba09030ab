"""What a rule is: metadata, documentation, and one function from facts to observations."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from enum import Enum

from ..analysis.facts import Facts
from ..analysis.places import Place
from ..finding import Confidence, Severity
from ..program.effects import Effect
from ..program.things import Operation
from ..source.parse import Spot
from .remedy import Remedy


class Fixability(Enum):
    ALWAYS = "always"
    SOMETIMES = "sometimes"
    NEVER = "never"


@dataclass(frozen=True, slots=True)
class Observation:
    """A mistake at `place`. `related` are other places with what they have to do with it.

    Each may lie in another file that the program leads to; a site tells which call leads there.
    """

    place: Place
    message: str
    confidence: Confidence
    related: tuple[tuple[Place | Spot, str], ...] = ()
    remedies: tuple[Remedy, ...] = ()


Check = Callable[[Facts], Iterable[Observation]]


@dataclass(frozen=True, eq=False)
class Rule:
    """`doc` is the rule's page: the docstring of the file it stands in."""

    code: str
    name: str
    severity: Severity
    fixable: Fixability
    since: str
    check: Check
    doc: str = field(default="", compare=False)

    def __post_init__(self) -> None:
        module = inspect.getmodule(self.check)
        object.__setattr__(self, "doc", inspect.cleandoc((module and module.__doc__) or ""))

    @property
    def summary(self) -> str:
        return self.doc.partition("\n")[0]


def confidence(certain: bool) -> Confidence:
    return Confidence.CERTAIN if certain else Confidence.LIKELY


def written(what: Effect | Operation) -> str:
    """An effect or a computation, as the user wrote it."""
    return ast.unparse(what.site.node)


def called(what: Effect | Operation) -> str:
    """The name by which the user calls what has an effect or computes something."""
    return ast.unparse(getattr(what.site.node, "func", what.site.node))
