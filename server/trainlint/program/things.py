"""The abstract objects of a training program, and the values that carry them.

A `Thing` stands for one run-time object: created in sight, or a symbol for what a parameter, an attribute or
an unseen call hands over. Everything else an expression can be is one of the small value classes below.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import TYPE_CHECKING, Union

from ..immutable import record_class, value_class
from .sequences import Sequence as Sequence

if TYPE_CHECKING:
    from ..source.parse import Site, Spot
    from .scope import ClassInfo, Frame


class Role(Enum):
    """What an object is to training. A symbol has none until its uses are weighed."""

    OPTIMIZER = "optimizer"
    MODULE = "model"
    LEAF = "tensor"
    LOSS_FUNCTION = "loss function"
    SCHEDULER = "scheduler"
    SCALER = "gradient scaler"
    ACCELERATOR = "accelerator"
    ENGINE = "engine"
    TAPE = "tape"
    INPUT = "input of a model"
    TRANSFORMATION = "gradient transformation"
    TRAIN_STATE = "train state"
    INSTANCE = "object"
    OTHER = "object of another kind"

    __hash__ = object.__hash__


@dataclass(eq=False, slots=True)
class Thing:
    """One abstract object. Identity is the object itself: `is` and hashing by identity are meant.

    `grown`: the program makes it require a gradient, or stores into it, so that it may have a graph after all.
    `optional`: on some paths there is None in its place. `tapes` recorded the call out of sight that returned it.
    `member`: how its parent is indexed to get it, as "[0]"; empty where it is an attribute.
    `default`: the number that it is where nobody gives another.
    """

    name: str
    role: Role | None = None
    created_by: str | None = None
    node: ast.AST | None = None
    parent: Thing | None = None
    cls: ClassInfo | None = None
    parameters: Parameters | None = None
    arguments: dict[str, Value] = field(default_factory=dict)
    positional: tuple[Value, ...] = ()
    made_by: Operation | None = None
    copy_of: Thing | None = None
    holds: frozenset[Thing] = frozenset()
    carries: frozenset[Thing] = frozenset()
    owners: set[Thing] = field(default_factory=set)
    uses: set[str] = field(default_factory=set)
    opaque: bool = True
    data: bool = False
    escaped: bool = False
    any_member: bool = False
    member: str = ""
    grown: bool = False
    optional: bool = False
    tapes: tuple[Thing, ...] = ()
    default: Default | None = None

    @property
    def in_sight(self) -> bool:
        """Its creation is in sight, so it differs from every other object created in sight."""
        return self.created_by is not None

    @property
    def top(self) -> Thing:
        """The object that it is a part of, and that is part of no other."""
        thing = self
        while thing.parent is not None:
            thing = thing.parent
        return thing

    def within(self, other: Thing) -> bool:
        """This object is `other` or a part of it."""
        seen: set[Thing] = set()
        waiting = [self]
        while waiting:
            thing = waiting.pop()
            if thing is other or thing._shares_place(other) or thing._may_stand_for(other):
                return True
            if thing not in seen:
                seen.add(thing)
                if thing.parent is not None:
                    waiting.append(thing.parent)
                waiting.extend(thing.owners)
        return False

    def _shares_place(self, other: Thing) -> bool:
        """Members of one collection, of which one is any member."""
        return self.parent is not None and self.parent is other.parent and (self.any_member or other.any_member)

    def _may_stand_for(self, other: Thing) -> bool:
        """One is any object of a class, the other one of this class that was built in sight."""
        if self.cls is None or other.cls is None or self.in_sight is other.in_sight:
            return False
        anyone, built = (other, self) if self.in_sight else (self, other)
        return anyone.node is None and anyone.cls in built.cls.lineage()  # type: ignore[union-attr]

    def __repr__(self) -> str:
        return f"<{self.role.value if self.role else 'symbol'} {self.name}>"


@value_class
class Default:
    """A number that is written at `place`; `option`: the command line may give another."""

    value: float
    place: Site
    option: bool = False


@dataclass(eq=False, slots=True)
class Operation:
    """One computation on tensors, as a node of the graph of values: `name` of `inputs`, as the tables spell it.

    `arguments` are all that it was given, by the parameter names of the tables; those without one by position
    ("0" is the first). `callee` is the object that was called, where one was. `disabled_by` is the context or
    decorator that turned autograd off around it; `cuts`: its result has no graph in any case. `turns` are the loops
    it was computed in, each with the turn of the model: what a second turn sees was computed in the first.
    `tapes` record it, so that they can differentiate it later.
    `leaf_at` is where its result is made to require a gradient, `writes` what is stored into it later; `released`: it is
    detached in place some time.
    """

    name: str
    site: Site
    inputs: tuple[Value, ...] = ()
    arguments: dict[str, Value] = field(default_factory=dict)
    callee: Thing | None = None
    disabled_by: ast.AST | None = None
    cuts: bool = False
    turns: tuple[tuple[ast.AST, int], ...] = ()
    leaf_at: ast.AST | None = None
    released: bool = False
    writes: tuple[Value, ...] = ()
    tapes: tuple[Thing, ...] = ()

    @property
    def recorded(self) -> bool:
        return self.disabled_by is None

    def __repr__(self) -> str:
        return f"<{self.name} of {len(self.inputs)}>"


@value_class
class Either:
    """A value that was computed in one of several ways, by the path that was taken."""

    options: tuple[Origin, ...]


@value_class
class Tensor:
    """A tensor whose graph reaches the parameters of `sources`; of unknown others too where `opaque`.

    `origin` is how it was computed, None where that is out of sight; it takes no part in comparisons.
    """

    sources: frozenset[Thing] = frozenset()
    opaque: bool = False
    loss: bool = False
    origin: Origin | None = field(default=None, compare=False)

    def by(self, origin: Origin | None) -> Tensor:
        return Tensor(self.sources, self.opaque, self.loss, origin)


@dataclass(eq=False, slots=True)
class Generator:
    """An iterator that `node` makes in the loops `turns`: it can be gone through once."""

    node: ast.AST
    turns: tuple[tuple[ast.AST, int], ...] = ()


@value_class
class Parameters:
    """Some or all parameters of `owners`, or a collection of them; of unknown others too where `opaque`.

    `partial`: the program picks some of them; `named`: by a part of their names. `detached`: their values, outside of
    autograd. `generator` is the iterator that hands them out, None where they can be gone through more than once.
    """

    owners: frozenset[Thing] = frozenset()
    opaque: bool = False
    partial: bool = False
    named: bool = False
    detached: bool = False
    generator: Generator | None = field(default=None, compare=False)

    @property
    def kept(self) -> Parameters:
        """The same as a collection, or as one of its members."""
        return replace(self, generator=None) if self.generator is not None else self

    @property
    def some(self) -> Parameters:
        return replace(self, partial=True, generator=None)

    @staticmethod
    def union(parts: Iterable[Parameters]) -> Parameters:
        """All of several collections; detached where all are."""
        known = list(parts)
        owners = frozenset[Thing]().union(*(part.owners for part in known))
        detached = bool(known) and all(part.detached for part in known)
        opaque, partial = any(part.opaque for part in known), any(part.partial for part in known)
        return Parameters(owners, opaque, partial, any(part.named for part in known), detached)


@value_class
class Gradient:
    """The `.grad` of parameters."""

    of: Parameters


@value_class
class Constant:
    """`source` is where the value was loaded from, if that is a file of its own."""

    value: object
    source: Spot | None = field(default=None, compare=False)


@value_class
class External:
    """Something imported from outside the program, by its qualified name."""

    name: str


@value_class
class ModuleValue:
    """A file of the workspace, or a folder of such, as an object. `name` is its dotted name, as libraries have one."""

    path: str
    name: str


@value_class
class FileValue:
    """A path that is known, or where `opened` what lies there: an open file, or its text."""

    path: str
    opened: bool = False


@dataclass(eq=False, slots=True)
class Loaded:
    """A table or list that was loaded from a file. Its entries are in the store, since programs change them."""

    keys: tuple[object, ...]


@value_class
class Pending:
    """A name imported from a file of the workspace, not looked up before it is used."""

    module: ModuleValue
    name: str
    qualified: str


@record_class
class Function:
    """A function whose body is in sight; `receiver` where it is bound."""

    node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
    frame: Frame
    receiver: Value | None = None

    def bind(self, receiver: Value) -> Function:
        return Function(self.node, self.frame, receiver)


@value_class
class ClassValue:
    info: ClassInfo


@value_class
class Method:
    """A method of an object whose body is out of sight."""

    receiver: Value
    name: str


@value_class
class Many:
    """A collection of unknown length whose members are all like `element`."""

    element: Value


@value_class
class Mapping:
    """A dictionary with known keys; those in `loose` are there on some paths only."""

    items: tuple[tuple[object, Value], ...]
    loose: frozenset[object] = frozenset()

    def values(self) -> Sequence:
        return Sequence(tuple(value for _, value in self.items), self._groups())

    def pairs(self) -> Sequence:
        """The keys with their values."""
        return Sequence(tuple(Sequence((Constant(key), value)) for key, value in self.items), self._groups())

    def _groups(self) -> tuple[int, ...]:
        return tuple(int(key in self.loose) for key, _ in self.items) if self.loose else ()

    def joined(self, other: Mapping) -> Mapping | None:
        """This table or the other one, of which one has all entries of the other; None where neither does."""
        few, many = (self, other) if len(self.items) <= len(other.items) else (other, self)
        if not all(item in many.items for item in few.items):
            return None
        missing = frozenset(key for key, _ in many.items) - frozenset(key for key, _ in few.items)
        return Mapping(many.items, missing | few.loose | many.loose)


@value_class
class Partial:
    """`functools.partial` over a callable."""

    function: Value
    args: tuple[Value, ...]
    keywords: tuple[tuple[str, Value], ...]


@value_class
class Counter:
    """An integer that a loop counts: the counter plus a constant."""

    name: str
    offset: int = 0


@value_class
class Modulo:
    """`(counter + offset) % modulus`; a modulus out of sight is a string that identifies it. `written` is its expression."""

    counter: str
    offset: int
    modulus: int | str
    written: ast.AST | None = field(default=None, compare=False)


@value_class
class Choice:
    """One of several values, by a condition that is out of sight here."""

    options: tuple[Value, ...]


@value_class
class Unknown:
    """A value of which nothing that matters to training is known."""


@value_class
class Plain(Unknown):
    """A plain value out of sight: a number, a text, or a collection of such, and no tensor."""


Value = Union[
    Thing, Tensor, Parameters, Gradient, Constant, External, Function, ClassValue, Method, Sequence, Many,
    Mapping, Partial, Counter, Modulo, Choice, Unknown, ModuleValue, Pending, FileValue, Loaded,
]  # fmt: skip

# How a value came about: an operation, an object that stands for itself, or one of several of these.
Origin = Union[Operation, Thing, Constant, Either]

UNKNOWN = Unknown()
PLAIN = Plain()
NONE = Constant(None)
