"""A module as a program: its entries, lowered, with the objects they share."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeVar

from ..cancel import CancelFlag
from ..source.nodes import walk
from ..source.parse import Site
from ..source.workspace import Parsed, Workspace
from . import activation, hidden_loops, lower, objects
from .effects import Block, Effect, Loop, leaves
from .frameworks.table import TRAINING_STEPS, is_module_base
from .frameworks.vocabulary import HiddenLoop
from .imports import Importer
from .index import FunctionNode, Index
from .machine import Binding, Blindness, Machine, OutOfBudget, Renewal
from .reached_elsewhere import reached_elsewhere, sets_rates
from .relevance import entered_functions, relevant_functions, users_of
from .resolution import Resolver
from .scope import ClassInfo, Frame
from .things import UNKNOWN, External, Function, Operation, Thing, Value
from .training_imports import training_names
from .values import things_in
from .vocabulary import RETURNED

Kind = TypeVar("Kind", bound=Effect)

_SUMMARY_BUDGET = 500


@dataclass(eq=False)
class Entry:
    """Where control comes in from out of sight: the module itself, or a function nobody in sight calls.

    `closed`: nothing happens to its gradients after its end. `whole`: its optimizers are used nowhere else. `derived` is for what
    others compute of it and need again.
    """

    name: str
    node: ast.AST
    body: Block
    closed: bool
    whole: bool = False
    derived: dict[object, Any] = field(default_factory=dict)

    @cached_property
    def effects(self) -> list[Effect]:
        """All of them, in the order of the text; complete only when the whole program is."""
        return leaves(self.body)

    def of(self, kind: type[Kind]) -> list[Kind]:
        """Those of one kind, in the order of the text."""
        found: list[Kind] = self._of_kind.get(kind, [])
        return found

    @cached_property
    def _of_kind(self) -> dict[type[Effect], list[Any]]:
        return by_kind(self.effects)


def by_kind(effects: list[Effect]) -> dict[type[Effect], list[Any]]:
    found: dict[type[Effect], list[Any]] = {}
    for effect in effects:
        found.setdefault(effect.__class__, []).append(effect)
    return found


@dataclass(frozen=True, slots=True)
class Summary:
    """The forward pass of a module: the symbols for what it is given, in the order of its parameters, its result, and all
    that is computed on the way."""

    parameters: dict[str, Value]
    result: Value
    operations: tuple[Operation, ...]


@dataclass(eq=False)
class Program:
    """`files` are the other files of the workspace that were entered: effects may lie in them."""

    tree: ast.Module
    index: Index
    entries: list[Entry] = field(default_factory=list)
    blind: list[Blindness] = field(default_factory=list)
    things: list[Thing] = field(default_factory=list)
    files: list[Parsed] = field(default_factory=list)
    complete: bool = True
    operations: list[Operation] = field(default_factory=list)
    machine: Machine | None = None
    trainings: list[hidden_loops.Training] = field(default_factory=list)
    _summaries: dict[Thing, Summary | None] = field(default_factory=dict)
    _constructed: dict[Block, dict[type[Effect], list[Any]]] = field(default_factory=dict)

    @property
    def inference(self) -> set[ast.AST]:
        """The contexts, decorators among them, whose tensors can have no part in a graph."""
        return self.machine.inference if self.machine is not None else set()

    def forget(self) -> None:
        """Let go of what refers to each other in turn, so that what is left frees itself."""
        for entry in self.entries:
            entry.derived.clear()
        if self.machine is not None:
            self.machine.forget()

    def effects(self, kind: type[Kind]) -> Iterator[Kind]:
        """Every effect of one kind, of the entries and of the constructors that ran for their sake."""
        for entry in self.entries:
            yield from entry.of(kind)
        for body in [*self.machine.constructions.values()] if self.machine is not None else []:
            if body not in self._constructed:
                self._constructed[body] = by_kind(leaves(body))
            yield from self._constructed[body].get(kind, ())

    @property
    def bodies(self) -> list[Block]:
        """Everything that was lowered: the entries, and the constructors that ran for their sake."""
        constructions = list(self.machine.constructions.values()) if self.machine is not None else []
        return [*(entry.body for entry in self.entries), *constructions]

    def bindings(self, thing: Thing) -> list[Binding]:
        """What the attributes of an object whose class is in sight were given, in the order of the program."""
        return self.machine.bindings.get(thing, []) if self.machine is not None else []

    def spelled(self, thing: Thing, site: Site) -> str:
        """How the function of `site` writes an object: by the attribute that holds it, where its name belongs to another one."""
        function, head = site.function, thing.name.partition(".")[0]
        if self.machine is None or any(isinstance(node, ast.Name) and node.id == head for node in walk(function)):
            return thing.name
        for holder, bindings in self.machine.bindings.items():
            own = holder.cls is not None and function in holder.cls.methods.values()
            attribute = next((one.attribute for one in bindings if one.attribute and thing in things_in(one.value)), None)
            if own and attribute is not None and isinstance(function, FunctionNode) and function.args.args:
                return f"{function.args.args[0].arg}.{attribute}"
        return thing.name

    def calls_of(self, function: ast.AST) -> list[Site]:
        """Every call of a function, once for each place; none where there may be calls out of sight."""
        machine = self.machine
        if machine is None or function in machine.handed_out or not self.complete:
            return []
        return list(machine.called.get(function, {}).values())

    @property
    def renewals(self) -> list[Renewal]:
        """The calls that return parameters or a state anew, in the order of the program."""
        return self.machine.renewals if self.machine is not None else []

    def handed_on(self, call: ast.AST) -> int | None:
        """The place of the argument that a call returns, changed in its leaves at most."""
        return self.machine.handing.get(call) if self.machine is not None else None

    def is_traced(self, function: ast.AST) -> bool:
        """Nothing but what it returns leaves the function."""
        return self.machine is not None and function in self.machine.traced

    def name_of(self, qualified: str) -> str | None:
        """How the checked file calls something that it imports: by a name of its own, or as an attribute of one."""
        if self.machine is None:
            return None
        for name, value in self.machine.store.root.items_of_module(self.tree):
            if isinstance(value, External) and (qualified == value.name or qualified.startswith(value.name + ".")):
                return name + qualified[len(value.name) :]
        return None

    def reached_elsewhere(self, info: ClassInfo, attribute: str) -> bool:
        """Another file of the workspace may change what objects of the class have under this name."""
        importer = self.machine.importer if self.machine is not None else None
        return importer is not None and reached_elsewhere(importer.workspace, importer.here, info.name, attribute)

    @cached_property
    def sets_rates(self) -> bool:
        """Some file of the workspace gives an optimizer a new learning rate."""
        importer = self.machine.importer if self.machine is not None else None
        return sets_rates(importer.workspace if importer is not None else None, ast.unparse(self.tree))

    @cached_property
    def classes(self) -> list[ClassInfo]:
        """The classes of the checked file, in the order of the text."""
        if self.machine is None:
            return []
        found = dict.fromkeys(info for info, _ in self.machine.methods.values())
        return [info for info in found if info.frame.module.node is self.tree]

    def instance(self, info: ClassInfo) -> Thing | None:
        """An object of a class of this file, built by its constructor from unknown arguments; None where that costs too much."""
        machine = self.machine
        if machine is None:
            return None
        found = info.find("__init__")
        state = machine.store, machine.block, machine.operations, machine.frame
        if found is not None and found[1] in machine.methods:
            machine.store = machine.methods[found[1]][1]
        machine.operations, machine.grad_context, machine.contexts = [], None, ()
        machine.budget = max(machine.budget, _SUMMARY_BUDGET)
        try:
            return _self(machine, info)
        except OutOfBudget:
            return None
        finally:
            machine.store, machine.block, machine.operations, machine.frame = state

    def forward_of(self, info: ClassInfo) -> Summary | None:
        """The forward pass of a class of this file, for an object built from unknown arguments."""
        found, thing = info.find("forward"), self.instance(info)
        if self.machine is None or thing is None or found is None or found[1] not in self.machine.methods:
            return None
        self.machine.forwards.setdefault(thing, (Function(found[1], found[0].frame, thing), self.machine.methods[found[1]][1]))
        return self.summary(thing)

    def forward(self, info: ClassInfo) -> Block | None:
        """What the forward pass of an object of a class of this file does; None where that costs too much or there is none."""
        return self.method(info, "forward") if "forward" in info.methods else None

    def method(self, info: ClassInfo, name: str) -> Block | None:
        """What a method does to an object of the class, given nothing; None where that costs too much or there is none."""
        machine, thing, inherited = self.machine, self.instance(info), info.find(name)
        if machine is None or thing is None or inherited is None or inherited[1] not in machine.methods:
            return None
        owner, found = inherited
        state = machine.store, machine.block, machine.operations
        machine.store, machine.block, machine.operations = machine.methods[found][1].fork(), Block(), []
        machine.stack, machine.loops, machine.calls, machine.grad_context = (), [], [], None
        machine.contexts = ()
        machine.budget = max(machine.budget, _SUMMARY_BUDGET)
        try:
            activation.inline(machine, Function(found, owner.frame, thing), found, [], {})
            return machine.block
        except OutOfBudget:
            return None
        finally:
            machine.store, machine.block, machine.operations = state

    def parts_used(self, thing: Thing) -> bool:
        """The program looks at an attribute of an object that it was not given in sight, such as the weight of a layer."""
        return self.machine is not None and any(part.parent is thing for part in self.machine.things.values())

    def construction(self, info: ClassInfo) -> Block | None:
        """What the constructor that `instance` ran does; None where the class has none in sight."""
        return self.machine.constructions.get(info) if self.machine is not None else None

    def summary(self, module: Thing) -> Summary | None:
        """What calling a module whose class is in sight computes; None where that is out of sight."""
        if module not in self._summaries:
            self._summaries[module] = None
            self._summaries[module] = _summarise(self.machine, module) if self.machine is not None else None
        return self._summaries[module]


def build(tree: ast.Module, cancel: CancelFlag, workspace: Workspace | None = None, path: str = "") -> Program:
    """Lower a module: its own body first, then every function with training in it that nothing called.

    `path` is where it lies in `workspace`; without one, what it imports is out of sight.
    """
    index = Index()
    index.add(tree)
    users = users_of(index)
    resolver = Resolver(workspace) if workspace is not None else None
    relevant = relevant_functions(index, users, training_names(resolver, path, index) if resolver else frozenset())
    entered = entered_functions(index, relevant)
    machine = Machine(index.statements, index, relevant, cancel)
    machine.inline = activation.inline
    machine.consume = activation.consume
    program = Program(tree, index)
    frame = Frame(tree, tested=index.functions[tree].tested)
    machine.frame = frame
    if resolver is not None:
        machine.importer = Importer(machine, resolver, path, frame)
    try:
        machine.statement = tree.body[0] if tree.body else ast.Pass()
        lower.statements(machine, tree.body)
        program.entries.append(Entry("<module>", tree, machine.block, closed=True))
        for info, loop in list(hidden_loops.trained_classes(machine, tree)):
            program.entries += _train(machine, program, frame, info, loop)
        for function, name in _entries(machine, frame, entered, relevant, users):
            program.entries.append(_enter(machine, function, name))
    except OutOfBudget:
        program.complete = False
    program.blind = list(machine.blind.values())
    program.things = list(machine.things.values())
    program.files = machine.importer.files if machine.importer is not None else []
    program.operations, program.machine = machine.operations, machine
    return program


def _summarise(machine: Machine, module: Thing) -> Summary | None:
    """Lower the forward pass of `module` apart, with symbols for its arguments; its effects are left out."""
    if module not in machine.forwards:
        return None
    function, store = machine.forwards[module]
    outer = machine.store, machine.block, machine.operations
    machine.store, machine.block, machine.operations = store.fork(), Block(), []
    made = module.node or (module.cls.node if module.cls is not None else function.node)
    machine.stack, machine.loops, machine.calls, machine.grad_context = (made,), [], [], None
    machine.contexts = ()
    machine.set_grad_mode(function.node, None)
    machine.budget = max(machine.budget, _SUMMARY_BUDGET)
    try:
        names = [argument.arg for argument in (*function.node.args.posonlyargs, *function.node.args.args)][1:]
        parameters: dict[str, Value] = {name: Thing(name) for name in names}
        result = activation.inline(machine, function, function.node, list(parameters.values()), {})
        return Summary(parameters, result, tuple(machine.operations))
    except OutOfBudget:
        return None
    finally:
        machine.store, machine.block, machine.operations = outer


def _enter(machine: Machine, function: Function, name: str) -> Entry:
    """Lower `function` with nothing known of its arguments."""
    machine.block = Block()
    machine.stack, machine.loops, machine.calls, machine.grad_context = (), [], [], None
    machine.contexts = ()
    base = machine.store
    machine.store, machine.open_entry = base.fork(), True
    machine.set_grad_mode(function.node, None)
    activation.inline(machine, function, function.node, [], {})
    machine.store = base
    if _is_training_step(function):
        turns = Loop(function.node, machine.block, Block(), skippable=False, calls=name.rpartition(".")[2])
        return Entry(name, function.node, Block([turns]), closed=True)
    return Entry(name, function.node, machine.block, closed=False)


def _is_training_step(function: Function) -> bool:
    """A method that a library runs for every batch, of a model of which nothing is out of sight."""
    name, receiver = getattr(function.node, "name", ""), function.receiver
    if name not in TRAINING_STEPS or not isinstance(receiver, Thing) or receiver.cls is None:
        return False
    return bool(receiver.cls.outside) and all(map(is_module_base, receiver.cls.outside))


def _train(machine: Machine, program: Program, frame: Frame, info: ClassInfo, loop: HiddenLoop) -> Iterator[Entry]:
    """Lower the loop out of sight that runs the methods of `info`. Where it is out of sight which of the optimizers that are
    built it steps, building them is an entry of its own."""
    base = machine.store
    machine.store = machine.methods[next(iter(info.methods.values()))][1]
    thing = _self(machine, info, created_by=info.name if hidden_loops.is_whole(machine, info, frame) else None)
    machine.block, machine.open_entry = Block(), False
    machine.store = machine.store.fork()
    machine.statement = info.node
    training = hidden_loops.lower(machine, loop, info, thing)
    machine.store = base
    program.trainings.append(training)
    node = training.computes or info.node
    if not training.knows_optimizers:
        for thing in things_in(training.built or UNKNOWN):
            thing.escaped = True
            thing.uses.add(RETURNED)
        yield Entry(f"{info.name} before its loop", training.builds or node, training.setup, closed=False)
    whole = training.thing.in_sight and training.automatic is False
    yield Entry(f"{info.name} in its loop", node, machine.block, closed=False, whole=whole)


def _entries(
    machine: Machine,
    frame: Frame,
    entered: list[FunctionNode],
    relevant: dict[FunctionNode, None],
    users: dict[str, list[FunctionNode]],
) -> Iterator[tuple[Function, str]]:
    """Functions to enter: callers before those they call, methods on an object of their class, closures last."""

    def called(node: FunctionNode) -> bool:
        return any(other is not node and other in relevant for other in users[node.name])

    for roots_only in (True, False):
        for node in entered:
            if node in machine.reached or (node in machine.nested and machine.nested[node][0] is not frame):
                continue
            if not (roots_only and called(node)):
                yield from _function(machine, frame, node)
    for roots_only in (True, False):
        for node in entered:
            if node not in machine.reached and node in machine.nested and not (roots_only and called(node)):
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


def _self(machine: Machine, info: ClassInfo, created_by: str | None = None) -> Thing:
    """The object a method is called on: one for the class, built by its constructor from unknown arguments.

    `created_by` is what makes it another object than all that are built in sight.
    """
    key = ("self", info)
    thing = machine.things.get(key)
    if thing is None:
        thing = machine.things[key] = Thing("self", objects.role_of_class(info), created_by, cls=info)
        found = info.find("__init__")
        if found is not None:
            outer = machine.block
            machine.block = machine.constructions[info] = Block()
            machine.stack, machine.loops, machine.calls = (), [], []
            activation.inline(machine, Function(found[1], found[0].frame, thing), info.node, [], {})
            machine.block = outer
    return thing
