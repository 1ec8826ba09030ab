"""The graph of values, walked from a result back to what it was computed from, through the forward passes of modules."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from ...immutable import value_class
from ...program.frameworks.table import Meaning, is_wired, meaning
from ...program.program import Program
from ...program.things import (
    NONE,
    UNKNOWN,
    Choice,
    Constant,
    Counter,
    Either,
    External,
    Many,
    Mapping,
    Method,
    Modulo,
    Operation,
    Parameters,
    Plain,
    Role,
    Sequence,
    Tensor,
    Thing,
    Value,
)

Environment = tuple[tuple[Thing, "Node"], ...]
_MAX_DEPTH = 12
# The name of a symbol that stands for the call whose forward pass an environment belongs to.
_CALLED = "()"
# Stands for every number that a loop counts, or that is out of sight.
_NUMBER = Constant(...)


class _Within(tuple[tuple[Thing, "Node"], ...]):
    """An environment that goes through others in its values: its hash is worked out once, not at each level anew."""

    _hash: int | None = None

    def __hash__(self) -> int:
        if self._hash is None:
            self._hash = super().__hash__()
        return self._hash


@value_class
class Node:
    """A value where it is used: `environment` says what the symbols of the forward passes around it stand for."""

    value: Value
    environment: Environment = ()


@value_class
class Source:
    """One way a value may have come about.

    `of` is an operation, an object that stands for itself (a batch, a model's output that nobody can look into), a
    constant, parameters, a collection of values, or None where it is out of sight.
    """

    of: Operation | Thing | Constant | Parameters | Sequence | Mapping | Many | None
    environment: Environment = ()

    @property
    def key(self) -> tuple[object, Environment]:
        """What tells it from others: tensors are equal where their sources are, however they were computed."""
        collection = isinstance(self.of, (Sequence, Mapping, Many))
        return (id(self.of) if collection else self.of, self.environment)

    @property
    def name(self) -> str | None:
        """The operation's name; None where this is none."""
        return self.of.name if isinstance(self.of, Operation) else None

    @property
    def operation(self) -> Operation | None:
        return self.of if isinstance(self.of, Operation) else None

    @property
    def calls(self) -> tuple[Operation, ...]:
        """The calls of modules in sight that it was computed in, outermost first."""
        found: list[Operation] = []
        mark = next((symbol for symbol, _ in self.environment if symbol.name == _CALLED), None)
        while mark is not None and mark.made_by is not None:
            found.append(mark.made_by)
            mark = mark.parent
        return tuple(reversed(found))

    @property
    def place(self) -> ast.AST | None:
        """Where it is written: a layer where it is built, any other operation where it is computed."""
        operation = self.operation
        if operation is None:
            return None
        layer = operation.callee
        return layer.node if layer is not None and layer.created_by and layer.node is not None else operation.site.node

    @property
    def operands(self) -> tuple[Node, ...]:
        """What the operation was computed from; nothing where this is no operation."""
        return tuple(Node(value, self.environment) for value in self.of.inputs) if isinstance(self.of, Operation) else ()

    def argument(self, name: str) -> Node | None:
        """An argument of the operation by its name, or by its position as "0"."""
        value = self.of.arguments.get(name) if isinstance(self.of, Operation) else None
        return Node(value, self.environment) if value is not None else None


# Operations whose result is what something inside them computes.
_ENTERED = frozenset({"call", "getitem"})


class Graph:
    """Looks up where values come from: their numbers, or, where `recorded`, their gradients.

    Gradients end at leaves, and calls made while autograd was off are not entered; where a `tape` has to have recorded what is
    differentiated, calls made outside of it neither.
    """

    def __init__(self, program: Program, *, recorded: bool = False, tape: Thing | None = None) -> None:
        self.program = program
        self._recorded = recorded
        self._tape = tape
        self._marks: dict[tuple[Operation, Thing | None], Thing] = {}
        self._environments: dict[Environment, Environment] = {}

    def sources(self, node: Node) -> tuple[Source, ...]:
        """Every way `node` may have come about; calls of modules in sight are entered."""
        value = node.value
        if isinstance(value, Tensor) and isinstance(value.origin, Operation) and value.origin.name not in _ENTERED:
            return (Source(value.origin, node.environment),)
        return tuple({source.key: source for source in self._sources(node, 0)}.values())

    def ends(self, operation: Operation, environment: Environment) -> bool:
        """No gradient gets through `operation`."""
        if not self._recorded:
            return False
        if operation.cuts or not operation.recorded:
            return True
        return self._tape is not None and not environment and self._tape not in operation.tapes

    def _sources(self, node: Node, depth: int) -> Iterator[Source]:
        value, environment = node.value, node.environment
        options: tuple[Value | Operation | Either | None, ...]
        if isinstance(value, Tensor):
            options = value.origin.options if isinstance(value.origin, Either) else (value.origin,)
        elif isinstance(value, Choice):
            options = value.options
        else:
            options = (value,)
        for option in options:
            yield from self._one(option, environment, depth)

    def _one(self, value: Value | Operation | Either | None, environment: Environment, depth: int) -> Iterator[Source]:
        if isinstance(value, (Tensor, Choice)):
            yield from self._sources(Node(value, environment), depth)
        elif isinstance(value, Thing):
            for symbol, meaning in environment:
                if symbol == value:
                    if value.grown and self._recorded:
                        yield Source(None)
                    yield from self._sources(meaning, depth + 1) if depth < _MAX_DEPTH else (Source(None),)
                    return
            if value.member and any(symbol is value.top for symbol, _ in environment) and depth < _MAX_DEPTH:
                yield from self._member(value, environment, depth)
            elif value.made_by is not None and not (self._recorded and value.role is Role.LEAF):
                yield from self._operation(value.made_by, environment, depth)
            else:
                yield Source(value, environment)
        elif isinstance(value, Operation):
            yield from self._operation(value, environment, depth)
        elif isinstance(value, (Constant, Parameters, Sequence, Mapping, Many)):
            yield Source(value, environment)
        elif _is_plain(value):
            yield Source(_NUMBER)
        else:
            yield Source(None)

    def _operation(self, operation: Operation, environment: Environment, depth: int) -> Iterator[Source]:
        module = operation.callee
        if self.ends(operation, environment):
            yield Source(operation, environment)
            return
        if operation.name == "call" and module is not None and depth < _MAX_DEPTH:
            for symbol, given_module in environment:
                if symbol is operation.callee and isinstance(given_module.value, Thing):
                    module = given_module.value
            wired = _wired(module)
            if wired is not None:
                fed = operation.arguments.get("0", operation.arguments.get("inputs", UNKNOWN))
                yield from self._sources(Node(wired[1], self._fed(operation, environment, wired[0], fed)), depth + 1)
                return
            summary = self.program.summary(module)
            if summary is not None:
                inner = [(self._mark(operation, environment), Node(NONE))]
                for index, (name, parameter) in enumerate(summary.parameters.items()):
                    given = operation.arguments.get(str(index), operation.arguments.get(name))
                    if given is not None and isinstance(parameter, Thing):
                        inner.append((parameter, Node(given, environment)))
                yield from self._sources(Node(summary.result, self._within(inner)), depth + 1)
                return
        if operation.name == "getitem" and depth < _MAX_DEPTH:
            yield from self._element(operation, environment, depth)
            return
        yield Source(operation, environment)

    def _fed(self, operation: Operation, environment: Environment, inputs: Value, given: Value) -> Environment:
        """What the inputs of a model stand for in a call of it."""
        inner = [(self._mark(operation, environment), Node(NONE))]
        symbols = inputs.items if isinstance(inputs, Sequence) else (inputs,)
        values = given.items if isinstance(given, Sequence) and len(given.items) == len(symbols) else (given,) * len(symbols)
        for symbol, value in zip(symbols, values, strict=True):
            if isinstance(symbol, Thing):
                inner.append((symbol, Node(value, environment)))
        return self._within(inner)

    def _within(self, inner: list[tuple[Thing, Node]]) -> Environment:
        """The environment, the same object wherever it is equal."""
        found = _Within(inner)
        return self._environments.setdefault(found, found)

    def _mark(self, operation: Operation, environment: Environment) -> Thing:
        """The symbol by which the environment of a call tells which call it is."""
        outer = next((symbol for symbol, _ in environment if symbol.name == _CALLED), None)
        found = self._marks.get((operation, outer))
        if found is None:
            found = self._marks[operation, outer] = Thing(_CALLED, made_by=operation, parent=outer)
        return found

    def _element(self, operation: Operation, environment: Environment, depth: int) -> Iterator[Source]:
        """A member of a tuple, list or dictionary; of anything else the indexing itself."""
        whole, index = operation.inputs[0], operation.inputs[1]
        key = index.value if isinstance(index, Constant) else None
        for source in self._sources(Node(whole, environment), depth + 1):
            item = _item(source.of, key)
            if item is not None:
                yield from self._sources(Node(item, source.environment), depth + 1)
            else:
                yield Source(None if isinstance(source.of, (Sequence, Mapping)) else operation, environment)

    def _member(self, value: Thing, environment: Environment, depth: int) -> Iterator[Source]:
        """A member of what a symbol stands for, where that is a collection; of data, the data."""
        assert value.parent is not None
        for source in self._sources(Node(value.parent, environment), depth + 1):
            item = _item(source.of, _key(value))
            if item is not None:
                yield from self._sources(Node(item, source.environment), depth + 1)
            else:
                yield source if isinstance(source.of, Thing) else Source(value, environment)

    def flat(self, node: Node) -> Iterator[Node]:
        """The tensors of a collection; the value itself where it is none."""
        value = node.value
        if isinstance(value, (Sequence, Choice)):
            for item in value.items if isinstance(value, Sequence) else value.options:
                yield from self.flat(Node(item, node.environment))
        elif isinstance(value, Many):
            yield from self.flat(Node(value.element, node.environment))
        elif isinstance(value, Mapping):
            for _, item in value.items:
                yield from self.flat(Node(item, node.environment))
        else:
            yield node


def _key(member: Thing) -> object:
    try:
        return ast.literal_eval(member.member[1:-1])
    except (ValueError, SyntaxError):
        return None


def _item(whole: object, key: object) -> Value | None:
    """What a collection has under `key`."""
    if isinstance(whole, Sequence) and isinstance(key, int) and -len(whole.items) <= key < len(whole.items):
        return whole.items[key]
    if isinstance(whole, Mapping) and key is not None:
        return next((value for known, value in whole.items if known == key), None)
    return whole.element if isinstance(whole, Many) else None


def _wired(module: Thing) -> tuple[Value, Value] | None:
    """The inputs and outputs of a model that is made of them; None where it is made in another way."""
    if module.cls is not None or not is_wired(module.created_by or ""):
        return None
    given = dict(zip(("inputs", "outputs"), module.positional, strict=False)) | module.arguments
    return (given["inputs"], given["outputs"]) if "inputs" in given and "outputs" in given else None


def _is_plain(value: object) -> bool:
    """No tensor: what a loop counts, what comes from outside, and what a library of numbers has, such as `math.pi`."""
    if isinstance(value, Method):
        return isinstance(value.receiver, Plain)
    return isinstance(value, (Counter, Modulo, Plain)) or (
        isinstance(value, External) and meaning(value.name) in (Meaning.PURE, Meaning.CUT)
    )
