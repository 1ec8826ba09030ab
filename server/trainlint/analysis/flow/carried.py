"""Graphs that outlive the turn of the loop they were built in: differentiated again, or only kept."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from ...program import effects as fx
from ...program.names import text_of
from ...program.naming import MODEL, suggests
from ...program.program import Program
from ...program.things import Constant, Many, Mapping, Operation, Role, Sequence, Thing
from ...source.nodes import walk
from ..models.modules import Modules
from .gradients import Gradients, Reach
from .graph import Node, Source

Path = tuple[fx.Region, ...]
_FEW_TURNS = 10
_HANDS_ON_ITS_STATE = frozenset({"rnn", "gru", "lstm"})
_IS_ITS_STATE = frozenset({"rnn_cell", "gru_cell", "lstm_cell", "rnncell", "grucell", "lstmcell"})


@dataclass(frozen=True, slots=True)
class CarriedGraph:
    """`backward` differentiates what it has differentiated in the turn of `loop` before, through `carrier`.

    `retained`: it keeps the graphs, so that this is no error.
    """

    backward: fx.Backward
    loop: fx.Loop
    carrier: Operation
    retained: bool

    @property
    def release(self) -> str | None:
        """The statement that would end the history of what `carrier` hands on, where that is known to be a tensor or a few."""
        statement = self.carrier.site.statement
        if (
            isinstance(statement, ast.AugAssign)
            and isinstance(statement.target, ast.Name)
            and statement is self.carrier.site.node
        ):
            return f"{statement.target.id} = {statement.target.id}.detach()"
        if not isinstance(statement, ast.Assign) or not self._is_all_of(statement.value):
            return None
        (target, *_), kind = statement.targets, self.carrier.name
        if kind in _HANDS_ON_ITS_STATE and isinstance(target, ast.Tuple) and len(target.elts) == 2:
            target = target.elts[1]
        elif kind not in _IS_ITS_STATE and not (isinstance(target, ast.Name) and _adds_to(target.id, statement.value)):
            return None
        name = text_of(target)
        if isinstance(target, ast.Tuple):
            parts = [text_of(part) for part in target.elts]
            return f"{', '.join(parts)} = {', '.join(f'{part}.detach()' for part in parts)}"
        return f"{name} = ({name}[0].detach(), {name}[1].detach())" if kind == "lstm" else f"{name} = {name}.detach()"

    def _is_all_of(self, value: ast.expr) -> bool:
        """What is assigned is what takes the graph of the turn before, or a sum with it."""
        return value is self.carrier.site.node or (_sums(value) and any(node is self.carrier.site.node for node in walk(value)))


def _adds_to(name: str, value: ast.AST) -> bool:
    """A sum that goes on from the value of the turn before."""
    return _sums(value) and any(isinstance(node, ast.Name) and node.id == name for node in walk(value))


def _sums(value: ast.AST) -> bool:
    return isinstance(value, ast.BinOp) and isinstance(value.op, (ast.Add, ast.Sub))


@dataclass(frozen=True, slots=True)
class GrowingSum:
    """`operation` adds `term` to a sum in every turn of `loop`, graph and all, and `backward` has differentiated it already."""

    operation: Operation
    term: ast.expr
    backward: fx.Backward
    loop: fx.Loop

    @property
    def text(self) -> str:
        """The term as something a dot may follow."""
        text = text_of(self.term)
        return text if isinstance(self.term, (ast.Name, ast.Attribute, ast.Call, ast.Subscript)) else f"({text})"


def _may_be_a_number(term: Reach) -> bool:
    """A method out of sight answered: perhaps how many there are, and not what they are."""
    asked = [source.operation for source in term.passed if source.operation is not None]
    return any(one.name.startswith(".") or (one.callee is not None and _is_method(one.callee)) for one in asked)


def _is_method(callee: Thing) -> bool:
    """By its name, a function of an object out of sight, and no model."""
    holder, _, last = callee.name.rpartition(".")
    return callee.role is None and not callee.in_sight and bool(holder) and not suggests(last, MODEL)


@dataclass(frozen=True, slots=True)
class _Differentiated:
    """A backward, the innermost loop around it, and what it reaches."""

    backward: fx.Backward
    loop: fx.Loop
    reach: Reach


class CarriedGraphs:
    def __init__(self, program: Program, gradients: Gradients, modules: Modules) -> None:
        self._program = program
        self._gradients = gradients
        self._modules = modules

    def again(self) -> Iterator[CarriedGraph]:
        """Graphs of the turn before that are differentiated once more."""
        for one in self._differentiated():
            retained = _switch(one.backward, "retain_graph")
            if retained is None or _switch(one.backward, "create_graph") is not False:
                continue
            carrier = self._carrier(one)
            if carrier is not None:
                yield CarriedGraph(one.backward, one.loop, carrier, retained)

    def kept(self, sums: list[Operation]) -> Iterator[GrowingSum]:
        """Sums over the turns of a loop whose terms keep their graphs, though these were used up."""
        if not sums:
            return
        everything = list(self._differentiated(always=False))
        used = {operation.site.node for one in everything for operation in one.reach.operations}
        found = [
            one
            for one in everything
            if _switch(one.backward, "retain_graph") is False and (one.loop.runs is None or one.loop.runs > _FEW_TURNS)
        ]
        told: set[ast.AST] = set()
        for operation in sums:
            node = operation.site.node
            if node in told or node in used or not operation.recorded or len(operation.inputs) != 2:
                continue
            for one in found:
                side = self._grows(operation, one.loop.node)
                if side is None:
                    continue
                term = self._gradients.reach(Node(operation.inputs[side]))
                shared = (source.operation for source in term.passed if source in one.reach.passed)
                written = _operand(node, side)
                if written is None or _may_be_a_number(term) or self._is_another_part(term, one.reach):
                    continue
                if not any(each and each.callee in term.modules for each in shared):
                    continue
                if not _starts_anew(operation, one.loop.node):
                    told.add(node)
                    yield GrowingSum(operation, written, one.backward, one.loop)
                    break

    def _is_another_part(self, term: Reach, differentiated: Reach) -> bool:
        """A part of what a model out of sight returned, other than that which is differentiated: it may be a number."""
        parts = [source for source in term.passed if source.operation is not None and source.operation.name == "getitem"]
        return any(
            part not in differentiated.passed
            and any(whole.operation is not None and whole.operation.name == "call" for whole in self._wholes(part))
            for part in parts
        )

    def _wholes(self, part: Source) -> Iterator[Source]:
        for operand in part.operands[:1]:
            yield from self._gradients.graph.sources(operand)

    def _grows(self, operation: Operation, loop: ast.AST) -> int | None:
        """Which operand is added to the sum of the turn before."""
        if (loop, 2) not in operation.turns:
            return None
        for side in (0, 1):
            sources = self._gradients.graph.sources(Node(operation.inputs[side]))
            if any(_is(source, operation) and (loop, 1) in source.operation.turns for source in sources if source.operation):
                return 1 - side
        return None

    def _carrier(self, one: _Differentiated) -> Operation | None:
        """What takes a graph of the turn before into this one, where no path leads around it."""
        loop, passed = one.loop.node, one.reach.passed
        turns: dict[tuple[ast.AST, ...], set[int]] = {}
        for source in passed:
            turn = _turn(source, loop)
            if turn is not None and self._trains(source):
                turns.setdefault(_place(source), set()).add(turn)
        if not any({1, 2} <= seen for seen in turns.values()):
            return None
        before = [source for source in passed if _turn(source, loop) == 1]
        if any(operation.released for source in before for operation in (*source.calls, source.operation) if operation):
            return None
        carriers = dict.fromkeys(self._takers(passed, loop))
        if not carriers or any(_may_be_reset(carrier, loop) for carrier in carriers):
            return None
        return next(iter(carriers))

    def _takers(self, passed: dict[Source, None], loop: ast.AST) -> Iterator[Operation]:
        for source in passed:
            if _turn(source, loop) != 2:
                continue
            if any(_turn(inner, loop) == 1 for operand in source.operands for inner in self._parts(operand)):
                yield next(one for one in (*source.calls, source.operation) if one is not None and _in_turn(one, loop) == 2)

    def _parts(self, node: Node) -> Iterator[Source]:
        """Where a value may have come from, or each part of it where it is a collection."""
        for source in self._gradients.graph.sources(node):
            if isinstance(source.of, (Sequence, Many, Mapping)):
                for part in self._gradients.graph.flat(Node(source.of, source.environment)):
                    yield from self._gradients.graph.sources(part)
            else:
                yield source

    def _trains(self, source: Source) -> bool:
        """A layer in sight with parameters computed it: its graph can be differentiated once, then it is gone."""
        callee = source.operation.callee if source.operation is not None else None
        return (
            callee is not None
            and callee.role is Role.MODULE
            and callee.cls is None
            and self._modules.has_parameters(callee) is True
        )

    def _differentiated(self, *, always: bool = True) -> Iterator[_Differentiated]:
        """Backwards in loops; where `always`, those that run in every turn."""
        for entry in self._program.entries:
            if not entry.of(fx.Backward):
                continue
            for effect, path in _backwards(entry.body, ()):
                loops = [region for region in path if isinstance(region, fx.Loop) and region.repeats]
                if not loops:
                    continue
                inside = path[path.index(loops[-1]) + 1 :]
                if not always or not any(isinstance(region, (fx.Branch, fx.Try, fx.Loop)) for region in inside):
                    yield _Differentiated(effect, loops[-1], self._gradients.of(effect))


def _backwards(block: fx.Block, path: Path) -> Iterator[tuple[fx.Backward, Path]]:
    """Every backward below `block` with the regions around it, outermost first."""
    for item in block.items:
        if isinstance(item, fx.Backward):
            yield item, path
        elif not isinstance(item, fx.Effect):
            inside = path if isinstance(item, fx.Block) else (*path, item)
            for part in fx.blocks_of(item):
                yield from _backwards(part, inside)


def _switch(backward: fx.Backward, name: str) -> bool | None:
    """An option of a backward; None where it is out of sight."""
    if name not in backward.options:
        return None if "**" in backward.options else False
    given = backward.options[name]
    return bool(given.value) if isinstance(given, Constant) else None


def _in_turn(operation: Operation, loop: ast.AST) -> int | None:
    return next((turn for node, turn in operation.turns if node is loop), None)


def _turn(source: Source, loop: ast.AST) -> int | None:
    """The turn of `loop` that it was computed in."""
    for operation in (*source.calls, source.operation):
        turn = _in_turn(operation, loop) if operation is not None else None
        if turn is not None:
            return turn
    return None


def _place(source: Source) -> tuple[ast.AST, ...]:
    return tuple(operation.site.node for operation in (*source.calls, source.operation) if operation is not None)


def _is(source: Source, operation: Operation) -> bool:
    return source.operation is not None and source.operation.site.node is operation.site.node and source.name == operation.name


def _operand(node: ast.AST, side: int) -> ast.expr | None:
    """The operand of an addition as it is written."""
    if isinstance(node, ast.AugAssign):
        return node.value if side == 1 else None
    return (node.left, node.right)[side] if isinstance(node, ast.BinOp) else None


def _starts_anew(operation: Operation, loop: ast.AST) -> bool:
    """The sum is set to something else inside the loop, or anywhere but in a constructor where that cannot be told."""
    statement, function = operation.site.statement, operation.site.function
    targets = statement.targets if isinstance(statement, ast.Assign) else [getattr(statement, "target", None)]
    names = {text_of(_whole(target)) for target in targets if target is not None}
    inside = set(walk(loop))
    within = inside if statement in inside else set(walk(function))
    own = set(walk(statement))
    return any(
        node not in own and text_of(node) in names
        for node in within
        if isinstance(node, (ast.Name, ast.Attribute)) and isinstance(node.ctx, ast.Store)
    ) or (statement not in inside and any("." in name for name in names))


def _whole(target: ast.expr) -> ast.expr:
    return target.value if isinstance(target, ast.Subscript) else target


def _may_be_reset(carrier: Operation, loop: ast.AST) -> bool:
    """A variable that `carrier` takes is assigned on some paths only, or nobody can tell."""
    function = carrier.site.function
    if loop not in set(walk(function)):
        return True
    taken = {text_of(node) for node in walk(carrier.site.node) if isinstance(node, (ast.Name, ast.Attribute))}
    return any(text_of(target) in taken for target in _sometimes_assigned(loop))


def _sometimes_assigned(loop: ast.AST) -> Iterator[ast.expr]:
    """What is assigned under a condition, or in a loop, inside `loop`."""
    waiting = [(child, False) for child in getattr(loop, "body", ())]
    while waiting:
        node, conditional = waiting.pop()
        if isinstance(node, (ast.Name, ast.Attribute, ast.Subscript)) and isinstance(node.ctx, ast.Store) and conditional:
            yield node.value if isinstance(node, ast.Subscript) else node
        inner = conditional or isinstance(node, (ast.If, ast.For, ast.While, ast.Try, ast.Match, ast.IfExp))
        waiting.extend((child, inner) for child in ast.iter_child_nodes(node))
