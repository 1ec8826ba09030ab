"""A module as a program: its entries, lowered, with the objects they share."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field

from ..cancel import CancelFlag
from . import activation, calls, lower
from .effects import Block, Branch, Call, Effect, Loop, Region, Try
from .frameworks.table import LOOK_ALIKES
from .machine import Blindness, Machine, OutOfBudget
from .scope import ClassInfo, Frame
from .things import Function, Thing
from .vocabulary import MODE_METHODS, TRAINING_METHODS

TRAINING_WORDS = frozenset(
    {"backward", "manual_backward", "zero_grad", "optim", "optimizer", "optimizers", "GradScaler", "SGD", "Adam", "AdamW",
     "LBFGS", "RMSprop", "Adagrad", "Adadelta", "Adafactor", "NAdam", "RAdam", "Adamax"}
)  # fmt: skip
_UNCALLED = "statement that names a training method"
_ENTRY_WORDS = TRAINING_WORDS | {"step", _UNCALLED}

FunctionNode = (ast.FunctionDef, ast.AsyncFunctionDef)


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
    entries: list[Entry] = field(default_factory=list)
    blind: list[Blindness] = field(default_factory=list)
    things: list[Thing] = field(default_factory=list)
    complete: bool = True
    look_alikes: bool = False


def build(tree: ast.Module, cancel: CancelFlag) -> Program:
    """Lower a module: its own body first, then every function with training in it that nothing called."""
    words = _words(tree)
    relevant = _relevant(words)
    size = sum(1 for _ in _statements(tree))
    machine = Machine(2_000 + 15 * size, relevant, cancel)
    machine.inline = activation.inline
    machine.consume = activation.consume
    program = Program(tree, look_alikes=_imports_look_alike(tree))
    frame = Frame(tree, tested=activation.tested_names(tree))
    machine.frame = frame
    try:
        machine.statement = tree.body[0] if tree.body else ast.Pass()
        lower.statements(machine, tree.body)
        program.entries.append(Entry("<module>", tree, machine.block, closed=True))
        for function, name in _entries(machine, frame, relevant, words):
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
    machine: Machine, frame: Frame, relevant: frozenset[ast.AST], words: dict[ast.AST, set[str]]
) -> Iterator[tuple[Function, str]]:
    """Functions to enter: callers before those they call, methods on an object of their class, closures last."""
    waiting = [node for node in words if node in relevant]
    for roots_only in (True, False):
        for node in waiting:
            if node in machine.reached or (node in machine.nested and machine.nested[node][0] is not frame):
                continue
            name = getattr(node, "name", "")
            if roots_only and any(name in used for other, used in words.items() if other is not node and other in relevant):
                continue
            yield from _function(machine, frame, node)
    for node in waiting:
        if node not in machine.reached and node in machine.nested:
            inner, store = machine.nested[node]
            outer, machine.store = machine.store, store
            assert isinstance(node, FunctionNode)
            yield Function(node, inner), node.name
            machine.store = outer


def _function(machine: Machine, frame: Frame, node: ast.AST) -> Iterator[tuple[Function, str]]:
    assert isinstance(node, FunctionNode)
    if node in machine.nested:
        yield Function(node, frame), node.name
        return
    for info, store in list(machine.classes):
        if node in info.methods.values():
            outer, machine.store = machine.store, store
            yield Function(node, info.frame, _self(machine, info)), f"{info.name}.{node.name}"
            machine.store = outer
            return


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


def _imports_look_alike(tree: ast.Module) -> bool:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            if any(alias.name.partition(".")[0] in LOOK_ALIKES for alias in node.names):
                return True
        elif isinstance(node, ast.ImportFrom) and not node.level and (node.module or "").partition(".")[0] in LOOK_ALIKES:
            return True
    return False


def _statements(tree: ast.AST) -> Iterator[ast.stmt]:
    for node in ast.walk(tree):
        if isinstance(node, ast.stmt):
            yield node


def _words(tree: ast.Module) -> dict[ast.AST, set[str]]:
    """For each function: the names and attributes in it and in the functions nested in it."""
    found: dict[ast.AST, set[str]] = {}

    def visit(node: ast.AST, open_sets: tuple[set[str], ...]) -> None:
        if isinstance(node, FunctionNode):
            found[node] = set()
            open_sets = (*open_sets, found[node])
        elif isinstance(node, ast.Name):
            for words in open_sets:
                words.add(node.id)
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Attribute):
            if node.value.attr in TRAINING_METHODS | MODE_METHODS:
                for words in open_sets:
                    words.add(_UNCALLED)
        elif isinstance(node, ast.Attribute):
            for words in open_sets:
                words.add(node.attr)
        for child in ast.iter_child_nodes(node):
            visit(child, open_sets)

    visit(tree, ())
    return found


def _relevant(words: dict[ast.AST, set[str]]) -> frozenset[ast.AST]:
    """Functions in which training happens, or that call such a function."""
    relevant = {node for node, used in words.items() if not used.isdisjoint(_ENTRY_WORDS)}
    names = {getattr(node, "name", "") for node in relevant} - {"__init__", "forward", "__call__"}
    while True:
        more = {node for node, used in words.items() if node not in relevant and not used.isdisjoint(names)}
        if not more:
            return frozenset(relevant)
        relevant |= more
        names |= {getattr(node, "name", "") for node in more} - {"__init__", "forward", "__call__"}
