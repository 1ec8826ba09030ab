"""The state of lowering: where it stands, what it knows, and what it has written down."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ..cancel import CancelFlag
from ..immutable import value_class
from ..source.parse import Site
from .effects import Block, ContextManager, Effect, Region
from .frameworks.table import holds_modules
from .index import Index
from .scope import Changes, ClassInfo, Frame, Key, Store
from .things import (
    Choice,
    Constant,
    External,
    Function,
    Mapping,
    Operation,
    Partial,
    Pending,
    Role,
    Sequence,
    Thing,
    Value,
)

if TYPE_CHECKING:
    from .frameworks.vocabulary import Phase
    from .hidden_loops import Training
    from .imports import Importer

# The mode that calls set, as a value that meets another at the end of a branch; what turned it off is its argument.
_GRAD_MODE: Key = ("autograd", "mode")
_GRAD_MODE_OWNER = External("autograd")
_GRAD_ON = Partial(_GRAD_MODE_OWNER, (), ())

# A function expression whose arguments are being evaluated, and the one around it.
Receivers = tuple[ast.expr, Any]
Consumer = Callable[[Value], None]
Inline = Callable[["Machine", Value, ast.AST, list[Value], dict[str, Value]], Value]


class OutOfBudget(Exception):
    """Lowering grew beyond what a text of this size may cost; what is not lowered is not judged."""


@dataclass(slots=True)
class LoopPaths:
    """How control leaves the body of the loop being lowered, whose turn began at `base`; `sought` is what it looked for there."""

    base: Store
    sought: set[Key] = field(default_factory=set)
    continues: list[Changes] = field(default_factory=list)
    breaks: list[Changes] = field(default_factory=list)


@dataclass(slots=True)
class CallPaths:
    """How control leaves the function being lowered, and with what value."""

    base: Store
    returns: list[tuple[Changes, Value]] = field(default_factory=list)


@value_class
class Binding:
    """An attribute of an object is given a value; `attribute` is None where its name is out of sight."""

    attribute: str | None
    value: Value
    site: Site


@value_class
class Blindness:
    """A place where sight was lost, and why."""

    node: ast.AST
    reason: str


# An argument by position or name, "" for the object whose method is called; then the places in tuples.
Given = tuple[int | str, ...]


@value_class
class Renewal:
    """A call returns, at `path` of its result, what `done` moved in it; an empty path stands for the whole result.

    `given` are the places of its arguments at which it got what was moved, `function` is the one in sight that is called.
    """

    site: Site
    path: tuple[int, ...]
    done: Operation
    given: tuple[Given, ...]
    function: ast.AST | None


class Machine:
    """One lowering of one module. `inline` lowers the body of a function in sight at a call.

    `budget` is how many more statements and calls may be lowered, `allowance` how many of them in functions without
    training, whose calls are not followed any further after that; `reserve` is what such functions leave of the budget.
    `drafts` are the first turns of loops being lowered, all of which may be lowered again; `postponed`: a loop inside them waits
    for that with the second turn of its own. `receivers`: the functions whose arguments are being evaluated, innermost first.
    `called` are the calls of functions in sight, `handed_out` the functions that code out of sight may call. The command
    line gives the attributes of `namespaces` and the arguments of `commands`. `handing` are calls that return the argument
    at a place, changed in its leaves at most. `traced` are run on symbols by their
    library, so that nothing but what they return leaves them.
    """

    def __init__(self, statements: int, index: Index, relevant: Iterable[ast.AST], cancel: CancelFlag) -> None:
        self.budget, self.allowance = 3_000, 1_000
        self.reserve = 1_000 + 2 * statements
        self.afford(statements)
        self.aside = False
        self.receivers: Receivers | None = None
        self.index = index
        self.relevant = set(relevant)
        self.importer: Importer | None = None
        self.cancel = cancel
        self.store = Store()
        self.store.set(_GRAD_MODE, _GRAD_ON)
        self.block = Block()
        self.frame: Frame
        self.statement: ast.stmt
        self.grad_context: ast.AST | bool | None = None
        self._grad_was_off = False
        self.inference: set[ast.AST] = set()
        self.turns: tuple[tuple[ast.AST, int], ...] = ()
        self.members: tuple[int, ...] = ()
        self.plain: frozenset[tuple[Frame, str]] = frozenset()
        self.drafts: list[LoopPaths] = []
        self.postponed = False
        self.contexts: tuple[ContextManager, ...] = ()
        self.stepped_through: tuple[str | None, Thing | None] = (None, None)
        self.operations: list[Operation] = []
        self.renewals: list[Renewal] = []
        self.traced: set[ast.AST] = set()
        self.handing: dict[ast.AST, int] = {}
        self.bindings: dict[Thing, list[Binding]] = {}
        self.constructions: dict[ClassInfo, Block] = {}
        self.forwards: dict[Thing, tuple[Function, Store]] = {}
        self.open_entry = False
        self.training: Training | None = None
        self.parts: tuple[Phase, list[tuple[Thing, ...]]] | None = None
        self.stack: tuple[ast.AST, ...] = ()
        self.consumers: dict[Frame, Consumer] = {}
        self.loops: list[LoopPaths] = []
        self.calls: list[CallPaths] = []
        self.things: dict[tuple[object, ...], Thing] = {}
        self.reached: set[ast.AST] = set()
        self.called: dict[ast.AST, dict[ast.AST, Site]] = {}
        self.handed_out: set[ast.AST] = set()
        self.namespaces: set[Thing] = set()
        self.commands: set[ast.AST] = set()
        self.methods: dict[ast.AST, tuple[ClassInfo, Store]] = {}
        self.nested: dict[ast.AST, tuple[Frame, Store]] = {}
        self.blind: dict[ast.AST, Blindness] = {}
        self.inline: Inline
        self.consume: Callable[[Machine, Function, ast.expr, list[Value], dict[str, Value], Consumer], None]

    def forget(self) -> None:
        """Let go of what refers to the machine in turn."""
        self.importer = None
        self.consumers.clear()
        self.methods.clear()
        self.nested.clear()
        for thing in self.things.values():
            thing.owners.clear()
            thing.made_by = None
        for operation in self.operations:
            operation.writes = ()

    def afford(self, statements: int) -> None:
        """Let lowering cost what a text of so many statements more may cost."""
        self.budget += 8 * statements
        self.allowance += 2 * statements

    def spend(self) -> None:
        self.budget -= 1
        self.allowance -= self.aside
        if self.budget < 0:
            raise OutOfBudget
        if not self.budget % 64:
            self.cancel.check()

    def site(self, node: ast.AST) -> Site:
        return Site(node, self.statement, self.frame.node)

    def emit(self, region: Region) -> None:
        self.block.items.append(region)

    @property
    def grad_disabled_by(self) -> ast.AST | None:
        """What turned autograd off here: the context around it, or the statement that set the mode before it."""
        if self.grad_context is not None:
            return self.grad_context if isinstance(self.grad_context, ast.AST) else None
        if not self._grad_was_off:
            return None
        mode = self.store.get(_GRAD_MODE)
        turned_off = mode.args[0] if isinstance(mode, Partial) and mode.args else None
        return turned_off.value if isinstance(turned_off, Constant) and isinstance(turned_off.value, ast.AST) else None

    @property
    def grad_enabled(self) -> bool:
        return self.grad_disabled_by is None

    def set_grad_mode(self, node: ast.AST, enabled: bool | None) -> None:
        """A call sets the mode from here on: to the end of the context around it, if there is one."""
        if self.grad_context is not None:
            self.grad_context = node if enabled is False else True
        else:
            self._grad_was_off = self._grad_was_off or enabled is False
            self.store.set(_GRAD_MODE, Partial(_GRAD_MODE_OWNER, (Constant(node),), ()) if enabled is False else _GRAD_ON)

    def operation(
        self,
        node: ast.AST,
        name: str,
        inputs: tuple[Value, ...],
        arguments: dict[str, Value] | None = None,
        callee: Thing | None = None,
        cuts: bool = False,
    ) -> Operation:
        """Note down a computation on tensors."""
        found = Operation(name, self.site(node), inputs, arguments or {}, callee, self.grad_disabled_by, cuts, self.turns)
        if self.contexts:
            found.tapes = self.tapes
        self.operations.append(found)
        return found

    def record_call(self, function: ast.AST, node: ast.AST) -> None:
        """Note down that a function in sight is called at `node`."""
        if isinstance(node, ast.expr):
            self.called.setdefault(function, {}).setdefault(node, self.site(node))

    def hand_out(self, value: Value) -> None:
        """Note down that code out of sight is given `value`: it may call the functions in it."""
        if isinstance(value, Function):
            self.handed_out.add(value.node)
        elif isinstance(value, Partial):
            for part in (value.function, *value.args):
                self.hand_out(part)
        elif isinstance(value, (Sequence, Choice)):
            for part in value.items if isinstance(value, Sequence) else value.options:
                self.hand_out(part)
        elif isinstance(value, Mapping):
            for _, part in value.items:
                self.hand_out(part)

    @property
    def tapes(self) -> tuple[Thing, ...]:
        """The tapes that record what is computed here."""
        recording: dict[Thing, bool] = {}
        for context in self.contexts:
            if context.tape is not None:
                recording[context.tape] = not context.paused
        return tuple(tape for tape, records in recording.items() if records)

    def record_binding(self, holder: Thing, attribute: str | None, node: ast.AST, value: Value) -> None:
        """Note down what an attribute of an object whose class is in sight is given."""
        if holder.cls is not None:
            self.bindings.setdefault(holder, []).append(Binding(attribute, value, self.site(node)))

    def emit_effect(self, effect: type[Effect], node: ast.AST, *args: object) -> None:
        self.emit(effect(self.site(node), *args))

    def lose_sight(self, node: ast.AST, reason: str) -> None:
        self.blind.setdefault(node, Blindness(node, reason))

    def thing(self, node: ast.AST, tag: str = "", *, name: str = "", role: Role | None = None) -> Thing:
        """The object that `node` denotes at this call depth, for this member of what loops around it go over: the same one
        whenever it is asked for."""
        key = (node, tag, self.stack, self.members)
        found = self.things.get(key)
        if found is None:
            found = self.things[key] = Thing(name, role, node=node)
        return found

    def part(self, whole: Thing, attribute: str) -> Thing:
        """The object behind an attribute that was never assigned in sight."""
        key = (whole, attribute)
        found = self.things.get(key)
        if found is None:
            name = f"{whole.name}.{attribute}" if not attribute.startswith("[") else whole.name + attribute
            found = self.things[key] = Thing(name, parent=whole, data=whole.data, any_member=attribute == "[]")
            found.member = attribute if attribute.startswith("[") else ""
            if found.member and whole.role is Role.MODULE:
                bases = whole.cls.outside if whole.cls is not None else (whole.created_by or "",)
                found.role = Role.MODULE if any(map(holds_modules, bases)) else None
        if whole.made_by is not None:
            found.carries, found.opaque = whole.carries, whole.opaque
        return found

    @contextmanager
    def apart(self, frame: Frame, block: Block, statement: ast.stmt) -> Iterator[None]:
        """Work on the top level of another file, whatever is being lowered here."""
        outer = (self.frame, self.block, self.statement, self.store, self.stack, self.loops, self.calls)
        around = (self.grad_context, self.contexts, self.drafts)
        self.frame, self.block, self.statement, self.store = frame, block, statement, self.store.root
        self.stack, self.loops, self.calls, self.drafts, self.grad_context, self.contexts = (), [], [], [], None, ()
        try:
            yield
        finally:
            self.frame, self.block, self.statement, self.store, self.stack, self.loops, self.calls = outer
            self.grad_context, self.contexts, self.drafts = around

    @property
    def is_script(self) -> bool:
        """The code being lowered belongs to the file that is run, not to one that it imports."""
        return self.importer is None or self.frame.module is self.importer.main

    def lookup(self, name: str) -> Value | None:
        frame = self.frame
        while True:
            if name in frame.bound:
                value = self.store.get((frame, name))
                if value is not None:
                    break
            if frame.outer is None:
                return self.importer.missing(frame, name) if self.importer is not None else None
            frame = frame.outer
        if self.importer is not None and isinstance(value, (Pending, Choice)):
            return self.importer.force(value)
        return value
