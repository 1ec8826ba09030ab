"""A module as a program: its entries, lowered, with the objects they share."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

from ..cancel import CancelFlag
from . import activation, calls, lower
from .effects import Block, Branch, Call, Effect, Loop, Region, Try
from .index import UNCALLED, FunctionNode, Index
from .machine import Blindness, Machine, OutOfBudget
from .scope import ClassInfo, Frame
from .things import Function, Thing

TRAINING_WORDS = frozenset(
    {"backward", "manual_backward", "zero_grad", "optim", "optimizer", "optimizers", "GradScaler", "SGD", "Adam", "AdamW",
     "LBFGS", "RMSprop", "Adagrad", "Adadelta", "Adafactor", "NAdam", "RAdam", "Adamax"}
)  # fmt: skip
_ENTRY_WORDS = TRAINING_WORDS | {"step", UNCALLED}
_CALLED_BY_OTHERS = frozenset({"__init__", "forward", "__call__"})


@dataclass(slots=True, eq=False)
class Entry:
    """Where control comes in from out of sight: the module itself, or a function nobody in sight calls.

    `closed`: nothing happens to its gradients after its end.
    """

    name: str
    node: ast.AST
    body: Block
    closed: bool


@dataclass(slots=True, eq=False)
class Program:
    tree: ast.Module
    index: Index
    entries: list[Entry] = field(default_factory=list)
    blind: list[Blindness] = field(default_factory=list)
    things: list[Thing] = field(default_factory=list)
    complete: bool = True


def build(tree: ast.Module, cancel: CancelFlag) -> Program:
    """Lower a module: its own body first, then every function with training in it that nothing called."""
    index = Index()
    index.add(tree)
    users = _users(index)
    relevant = _relevant(index, users)
    machine = Machine(2_000 + 15 * index.statements, index, relevant, cancel)
    machine.inline = activation.inline
    machine.consume = activation.consume
    program = Program(tree, index)
    frame = Frame(tree, tested=index.functions[tree].tested)
    machine.frame = frame
    try:
        machine.statement = tree.body[0] if tree.body else ast.Pass()
        lower.statements(machine, tree.body)
        program.entries.append(Entry("<module>", tree, machine.block, closed=True))
        for function, name in _entries(machine, frame, relevant, users):
            program.entries.append(_enter(machine, function, name))
    except OutOfBudget:
        program.complete = False
    program.blind = list(machine.blind.values())
    program.things = list(machine.things.values())
    return program


def leaves(region: Region) -> Iterator[Effect]:
    """Every effect below a region, in the order of the text."""
    if isinstance(region, Effect):
        yield region
    elif isinstance(region, Block):
        for item in region.items:
            yield from leaves(item)
    elif isinstance(region, (Loop, Branch)):
        yield from leaves(region.body)
        yield from leaves(region.orelse)
    elif isinstance(region, Call):
        yield from leaves(region.body)
    elif isinstance(region, Try):
        for part in (region.body, *region.handlers, region.orelse, region.final):
            yield from leaves(part)


def _enter(machine: Machine, function: Function, name: str) -> Entry:
    """Lower `function` with nothing known of its arguments."""
    machine.block = Block()
    machine.stack, machine.loops, machine.calls, machine.grad_enabled = (), [], [], True
    base = machine.store
    machine.store, machine.open_entry = base.fork(), True
    activation.inline(machine, function, function.node, [], {})
    machine.store = base
    return Entry(name, function.node, machine.block, closed=False)


def _entries(
    machine: Machine, frame: Frame, relevant: dict[FunctionNode, None], users: dict[str, list[FunctionNode]]
) -> Iterator[tuple[Function, str]]:
    """Functions to enter: callers before those they call, methods on an object of their class, closures last."""
    for roots_only in (True, False):
        for node in relevant:
            if node in machine.reached or (node in machine.nested and machine.nested[node][0] is not frame):
                continue
            if roots_only and any(other is not node and other in relevant for other in users[node.name]):
                continue
            yield from _function(machine, frame, node)
    for node in relevant:
        if node not in machine.reached and node in machine.nested:
            inner, store = machine.nested[node]
            outer, machine.store = machine.store, store
            yield Function(node, inner), node.name
            machine.store = outer


def _function(machine: Machine, frame: Frame, node: FunctionNode) -> Iterator[tuple[Function, str]]:
    if node in machine.nested:
        yield Function(node, frame), node.name
        return
    if node in machine.methods:
        info, store = machine.methods[node]
        outer, machine.store = machine.store, store
        yield Function(node, info.frame, _self(machine, info)), f"{info.name}.{node.name}"
        machine.store = outer


def _self(machine: Machine, info: ClassInfo) -> Thing:
    """The object a method is called on: one for the class, built by its constructor from unknown arguments."""
    key = ("self", info)
    thing = machine.things.get(key)
    if thing is None:
        thing = machine.things[key] = Thing("self", calls.role_of_class(info), cls=info)
        found = info.find("__init__")
        if found is not None:
            machine.block = Block()
            machine.stack, machine.loops, machine.calls = (), [], []
            activation.inline(machine, Function(found[1], found[0].frame, thing), info.node, [], {})
    return thing


def _users(index: Index) -> dict[str, list[FunctionNode]]:
    """For each name of a function: the functions that mention it."""
    nodes = [node for node in index.functions if isinstance(node, FunctionNode)]
    names = {node.name for node in nodes}
    users: dict[str, list[FunctionNode]] = defaultdict(list)
    for node in nodes:
        for name in names & index.functions[node].words:
            users[name].append(node)
    return users


def _relevant(index: Index, users: dict[str, list[FunctionNode]]) -> dict[FunctionNode, None]:
    """Functions in which training happens, or that call such a function, in the order of the text."""
    nodes = [node for node in index.functions if isinstance(node, FunctionNode)]
    found = {node for node in nodes if not index.functions[node].words.isdisjoint(_ENTRY_WORDS)}
    waiting = list(found)
    while waiting:
        name = waiting.pop().name
        if name not in _CALLED_BY_OTHERS:
            more = [node for node in users[name] if node not in found]
            found.update(more)
            waiting.extend(more)
    return dict.fromkeys(node for node in nodes if node in found)
