"""A call that one side of a condition lacks: where it belongs there, and how that side writes what the other one does."""

from __future__ import annotations

import ast
from dataclasses import dataclass

from ..analysis.paths.alternatives import Arm
from .layout import Layout
from .losses import JUMPS, chosen_in, scaled_under, stored
from .placement import Spot, belongs_to_step, prepares_step, scaled_in
from .training_calls import Call, Calls, Kind, differentiated


@dataclass(frozen=True, slots=True)
class Side:
    """The statements of `choice` that run where its test is `truth`."""

    choice: ast.If
    truth: bool

    @property
    def described(self) -> str:
        return f"where `{ast.unparse(self.choice.test)}` is {'true' if self.truth else 'false'}"

    @property
    def suite(self) -> list[ast.stmt]:
        return self.choice.body if self.truth else self.choice.orelse

    @property
    def other(self) -> list[ast.stmt]:
        return self.choice.orelse if self.truth else self.choice.body


def side_of(layout: Layout, arm: Arm | None, *, without: ast.stmt) -> Side | None:
    """The side that `arm` is, where it is written and `without` stands outside of it."""
    if arm is None or arm.node not in layout.places:
        return None
    side = Side(arm.node, arm.truth)
    return side if side.suite and arm.node not in layout.chain(without) else None


def lacking(calls: Calls, statement: ast.stmt, kind: Kind) -> Side | None:
    """The side of another condition with the test of one around `statement`, with no call of a kind that its other side has.

    It stands in front of `statement` for a backward, behind it for a step, in the same loop.
    """
    layout, loop = calls.layout, calls.loop(statement)
    around = layout.chain(statement)
    taken = dict(filter(None, map(_decided, around, around[1:])))
    for choice in sorted(layout.places, key=layout.start, reverse=kind is Kind.BACKWARD):
        if not isinstance(choice, ast.If) or choice in around or calls.loop(choice) is not loop:
            continue
        text, turned = _test(choice)
        if text not in taken or (layout.start(choice) < layout.start(statement)) is not (kind is Kind.BACKWARD):
            continue
        side = Side(choice, taken[text] is not turned)
        if side.suite and _inside(calls, side.other, kind) and not _inside(calls, side.suite, kind):
            return side
    return None


def around(calls: Calls, statement: ast.stmt, kind: Kind) -> Side | None:
    """The side of a condition around `statement` that has no call of a kind, of which the other side has one."""
    for outer in calls.layout.chain(statement)[1:]:
        if isinstance(outer, ast.If):
            side = Side(outer, _is_within(calls.layout, statement, outer.body))
            if _inside(calls, side.other, kind) and not _inside(calls, side.suite, kind):
                return side
    return None


def guarded_as(calls: Calls, statement: ast.stmt, backward: ast.stmt, kind: Kind) -> Side | None:
    """The side of a condition under whose test `statement` stands and `backward` does not, for a clear or a step that it lacks.

    It stands in front of `backward` for a clear, behind it for a step. The test is one that no turn of the loop changes.
    """
    layout, loop = calls.layout, calls.loop(backward)
    outside = set(layout.chain(backward))
    chain = [one for one in layout.chain(statement) if one not in outside]
    taken = dict(filter(None, map(_decided, chain, chain[1:])))
    for choice in sorted(layout.places, key=layout.start):
        if not isinstance(choice, ast.If) or choice in chain or calls.loop(choice) is not loop or not _is_plain(choice.test):
            continue
        text, turned = _test(choice)
        if text in taken and (layout.start(choice) > layout.start(backward)) is (kind is Kind.STEP):
            side = Side(choice, taken[text] is not turned)
            if side.suite and not _inside(calls, side.suite, kind):
                return side
    return None


def drawn_by_loops(layout: Layout, statement: ast.stmt, outside: ast.stmt) -> set[str]:
    """Names that loops around `statement`, but not around `outside`, give anew in each turn."""
    loops = (one for one in layout.chain(statement)[1:] if isinstance(one, ast.For) and one not in layout.chain(outside))
    return {name.id for loop in loops for name in ast.walk(loop.target) if isinstance(name, ast.Name)}


def lacking_step(calls: Calls, backward: ast.stmt, optimizer: str) -> Side | None:
    """The side without a step of a condition behind `backward`, in its suite, of which the other side has one."""
    for choice in calls.layout.following(backward):
        if isinstance(choice, ast.If) and choice.orelse:
            for side in (Side(choice, True), Side(choice, False)):
                theirs = [call.what for call in _inside(calls, side.other, Kind.STEP)]
                if optimizer in theirs and not _inside(calls, side.suite, Kind.STEP):
                    return side
    return None


def backward_in(calls: Calls, side: Side, scaler: str | None, through: str | None) -> tuple[str, Spot] | None:
    """The backward that `side` lacks, as its other one differentiates, and its place; None where no loss is there for it."""
    layout = calls.layout
    counterpart = next(reversed(_inside(calls, side.other, Kind.BACKWARD)), None)
    if counterpart is None:
        return None
    loss = scaled_under(layout, counterpart)
    own = [one for one in layout.places if side.choice in layout.chain(one)[1:] and _is_within(layout, one, side.suite)]
    for statement in own:
        scaled = scaled_in(statement, loss)
        if scaled is not None:
            return f"{scaled[0]}.backward()", scaled[1]
    for statement in own:
        value = statement.value if isinstance(statement, ast.Assign) else None
        if isinstance(value, ast.Call) and ast.unparse(value).endswith(f".scale({loss})"):
            return f"{ast.unparse(statement.targets[0])}.backward()", Spot(statement, before=False)  # type: ignore[attr-defined]
    before = [one for one in layout.places if layout.start(one) < layout.start(side.choice)]
    known = {name for one in (*before, *own) for name in stored(one)}
    if not roots(loss) <= known:
        waiting = chosen_in(sorted(own, key=layout.start))
        if waiting is None:
            return None
        loss = waiting
    beside = f"{through}(" in layout.text(counterpart.statement)
    return differentiated(loss, scaler, None if beside else through), _before_step(calls, side.suite, roots(loss))


def place_of_step_in(layout: Layout, side: Side) -> Spot:
    """Behind what prepares a step in `side`, in front of what follows one, else at its end."""
    prepared = [one for one in side.suite if prepares_step(layout, one)]
    if prepared:
        return Spot(prepared[-1], before=False)
    following = next((one for one in side.suite if belongs_to_step(one)), None)
    return Spot(following, before=True) if following is not None else _at_end(side.suite)


def place_of_clear_in(calls: Calls, side: Side) -> Spot:
    """In front of the first backward of `side`, else at its beginning."""
    backwards = _inside(calls, side.suite, Kind.BACKWARD)
    mine = [one for one in side.suite for call in backwards if one in calls.layout.chain(call.statement)]
    return Spot((mine or side.suite)[0], before=True)


def _before_step(calls: Calls, suite: list[ast.stmt], names: set[str]) -> Spot:
    """In front of a step, or what prepares or follows one, once `names` have their values; else at the end."""
    assigned = [index for index, one in enumerate(suite) if any(stored(part) & names for part in _statements(one))]
    for one in suite[assigned[-1] + 1 if assigned else 0 :]:
        if prepares_step(calls.layout, one) or belongs_to_step(one) or _inside(calls, [one], Kind.STEP):
            return Spot(one, before=True)
    return _at_end(suite)


def _at_end(suite: list[ast.stmt]) -> Spot:
    return Spot(suite[-1], before=isinstance(suite[-1], JUMPS))


def _decided(statement: ast.stmt, outer: ast.stmt) -> tuple[str, bool] | None:
    """The test of the condition `outer`, and how it came out where `statement`, a part of it, runs."""
    if not isinstance(outer, ast.If):
        return None
    text, turned = _test(outer)
    return text, (statement in outer.body) is not turned


def _test(choice: ast.If) -> tuple[str, bool]:
    """The test of a condition without its `not`, and whether there was one."""
    turned = isinstance(choice.test, ast.UnaryOp) and isinstance(choice.test.op, ast.Not)
    return ast.unparse(choice.test.operand if isinstance(choice.test, ast.UnaryOp) and turned else choice.test), turned


def _is_plain(test: ast.expr) -> bool:
    """A flag, which counts nothing."""
    return not any(isinstance(node, (ast.Call, ast.Compare, ast.BinOp)) for node in ast.walk(test))


def _inside(calls: Calls, suite: list[ast.stmt], kind: Kind) -> list[Call]:
    return [call for call in calls.all if call.kind is kind and _is_within(calls.layout, call.statement, suite)]


def _is_within(layout: Layout, statement: ast.stmt, suite: list[ast.stmt]) -> bool:
    return any(outer in suite for outer in layout.chain(statement))


def roots(expression: str) -> set[str]:
    return {node.id for node in ast.walk(ast.parse(expression, mode="eval")) if isinstance(node, ast.Name)}


def _statements(statement: ast.stmt) -> list[ast.stmt]:
    return [node for node in ast.walk(statement) if isinstance(node, ast.stmt)]
