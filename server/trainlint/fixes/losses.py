"""Which value of a function waits for its backward."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

from ..program.naming import affinity, suggests, words
from .layout import Layout
from .training_calls import LOOPS, Call, Calls, Kind

LOSS = frozenset({"loss", "losses", "objective", "bce", "mse", "mae", "ce", "nll", "kl", "kld", "err", "error", "cost", "elbo"})
_COMPUTING = LOSS | {"criterion", "criterions", "crit", "entropy"}
_PLAIN = frozenset({"total", "final", "train", "training", "batch", "self"})
_PAST = frozenset({"val", "valid", "validation", "test", "eval", "best", "prev", "previous", "avg", "average", "running", "old"})
_COUNTS = frozenset({"num", "n", "count", "counts", "items", "correct", "tokens", "len", "length", "lengths", "acc", "accuracy"})
JUMPS = (ast.Continue, ast.Break, ast.Return, ast.Raise)
"""What follows in the suite does not run."""
_OFF = re.compile(r"\b(?:no_grad|inference_mode)\(\)|\bset_grad_enabled\(False\)")
_PLACING = ("to", "cuda", "cpu", "half", "float", "double", "type", "eval", "train")
_REDUCING = ("mean", "sum")
_READ_OUT = ("item", "detach", "numpy", "cpu", "tolist", "data", "float", "clone")
_COLLECTIONS = (ast.Dict, ast.List, ast.Set, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp, ast.Constant)


@dataclass(frozen=True, eq=False)
class Loss:
    """`name` as assigned by `statement`. `gathers` where it is a sum over turns."""

    name: str
    statement: ast.stmt
    gathers: bool
    likely: bool
    """Whether its name says that it is a loss; else only the way it is computed does."""


class Losses:
    """The losses of a function that are computed and never differentiated."""

    def __init__(self, calls: Calls, tree: ast.Module) -> None:
        self.calls = calls
        self.layout = calls.layout
        self._differentiating = _differentiating(tree)
        self._statements = sorted(self.layout.places, key=self.layout.start)

    def waiting(self, step: ast.stmt, optimizer: str, named: bool = False) -> Loss | None:
        """The loss in front of `step` that is differentiated nowhere; None where none or several could be meant.

        `named`: only one whose name says that it is a loss.
        """
        loop: ast.stmt | None = self.calls.loop(step)
        since = self._end_of_step_before(step)
        while True:
            found = self._undifferentiated(step, loop)
            if named:
                found = [loss for loss in found if self._is_after_backwards(loss, step) or affinity(optimizer, loss.name)]
            on_the_way = [loss for loss in found if self.inner_loop(loss, step) is None or loss.gathers]
            inside = [loss for loss in found if loss not in on_the_way]
            sure = [loss for loss in on_the_way if self._is_sure(loss, step)]
            for losses, likely in ((sure, True), (inside, True), (on_the_way, True), (on_the_way, False)):
                if named and not likely:
                    break
                far = [loss for loss in losses if loss.likely is likely]
                near = [loss for loss in far if self.layout.start(loss.statement) > since]
                chosen = self._choose(near, optimizer) or self._choose(far, optimizer, alone=True)
                if chosen:
                    return chosen[-1] if named or not likely else self._sum(chosen, step)
            if loop is None or not self._goes_over_steps(loop, step):
                return None
            loop = self.calls.loop(loop)

    def _goes_over_steps(self, loop: ast.stmt, step: ast.stmt) -> bool:
        """Every turn of a loop applies another optimizer; else what is computed in front of it is differentiated once only."""
        targets = _names(loop.target) if isinstance(loop, (ast.For, ast.AsyncFor)) else set()
        return bool(targets & _names(step))

    def _is_after_backwards(self, loss: Loss, step: ast.stmt) -> bool:
        """Computed behind the backwards that serve `step`: what is computed in front of them is not waiting for its own."""
        backwards = self.calls.group(step).backwards
        return all(self.layout.start(call.statement) < self.layout.start(loss.statement) for call in backwards)

    def differentiated_late(self, step: ast.stmt) -> bool:
        """The next backward is of a loss that was there before `step`: they only stand in the wrong order."""
        loop, start = self.calls.loop(step), self.layout.start(step)
        later = (call for call in self.calls.all if call.kind is Kind.BACKWARD and self.layout.start(call.statement) > start)
        backward = next(later, None)
        if backward is None or self.calls.loop(backward.statement) is not loop:
            return False
        own, end = self.calls.of(step), self.layout.start(backward.statement)
        clears = (call for call in self.calls.all if call.kind is Kind.CLEAR)
        if any(start < self.layout.start(call.statement) < end and own and call.what != own.what for call in clears):
            return False  # it is for another optimizer
        names = _names(ast.parse(backward.what, mode="eval"))
        assigned = [one for one in self._statements if names & stored(one)]
        inside = [one for one in assigned if loop is None or loop in self.layout.chain(one)]
        between = any(start < self.layout.start(one) < end for one in inside)
        return not between and any(self.layout.start(one) < start for one in inside)

    def _is_sure(self, loss: Loss, step: ast.stmt) -> bool:
        """Computed on every way to the step."""
        around = set(self.layout.chain(step))

        def assigns(suite: list[ast.stmt]) -> bool:
            inside = (node for statement in suite for node in ast.walk(statement) if isinstance(node, ast.stmt))
            return any(name == loss.name for statement in inside for name, _, _ in _assigned(statement))

        choices = (outer for outer in self.layout.chain(loss.statement)[1:] if isinstance(outer, ast.If) and outer not in around)
        return all(assigns(choice.body) and assigns(choice.orelse) for choice in choices)

    def guard(self, loss: Loss, step: ast.stmt) -> ast.stmt | None:
        """The condition that the loss is computed under and the step is not; None where the loss has a value without it."""
        around = self.layout.chain(step)
        tests = [outer.test for outer in around[1:] if isinstance(outer, ast.If)]
        if any(loss.name in _names(test) for test in tests):
            return None
        same = {ast.unparse(test) for test in tests}
        before = [one for one in self._statements if self.layout.start(one) < self.layout.start(step)]
        assigning = [one for one in before if any(name == loss.name for name, _, _ in _assigned(one))]
        for outer in reversed(self.layout.chain(loss.statement)[1:]):
            if isinstance(outer, ast.If) and outer not in around and ast.unparse(outer.test) not in same:
                side = outer.body if any(node is loss.statement for one in outer.body for node in ast.walk(one)) else outer.orelse
                inside = {node for one in side for node in ast.walk(one)}
                if all(one in inside for one in assigning) and not self._ends_turn(outer, side):
                    return outer if not self._cleared_between(outer, step) else None
        return None

    def _cleared_between(self, one: ast.stmt, step: ast.stmt) -> bool:
        """What is computed in `one` is thrown away before `step`."""
        end = self.layout.end(one)
        return any(self.layout.start(clear.statement) > end for clear in self.calls.group(step).clears)

    @staticmethod
    def _ends_turn(choice: ast.If, side: list[ast.stmt]) -> bool:
        """Nothing comes past the other side of a condition."""
        other = choice.orelse if side is choice.body else choice.body
        return bool(other) and isinstance(other[-1], JUMPS)

    def written(self, loss: Loss) -> str:
        """The loss as another backward of the function has it: reduced, or divided."""
        whats = (call.what for call in self.calls.all if call.kind is Kind.BACKWARD)
        return next((what for what in whats if loss.name in _names(ast.parse(what, mode="eval"))), loss.name)

    def inner_loop(self, loss: Loss, step: ast.stmt) -> ast.stmt | None:
        """The outermost loop around the loss that ends before the step."""
        around = set(self.layout.chain(step))
        loops = [outer for outer in self.layout.chain(loss.statement)[1:] if isinstance(outer, LOOPS) and outer not in around]
        return loops[-1] if loops else None

    def _end_of_step_before(self, step: ast.stmt) -> int:
        """Where the group of the step begins: behind the steps of the group before it."""
        seen = False
        for call in self.calls.before(step):
            if call.kind is Kind.BACKWARD:
                seen = True
            elif call.kind is Kind.STEP and (seen or self._computed_between(call.statement, step)):
                return self.layout.end(call.statement)
        return -1

    def _computed_between(self, one: ast.stmt, other: ast.stmt) -> bool:
        start, end = self.layout.end(one), self.layout.start(other)
        return any(
            start <= self.layout.start(statement) < end and any(True for _ in _assigned(statement))
            for statement in self._statements
        )

    def _sum(self, losses: list[Loss], step: ast.stmt) -> Loss:
        """All of several parts that wait side by side for the one step, else the last."""
        group, last = self.calls.group(step), losses[-1]
        suites = [self.layout.places[loss.statement].suite for loss in losses]
        others = group.earlier or group.later or group.backwards
        apart = any(loss.gathers or not words(loss.name) - LOSS - _PLAIN for loss in losses)
        if len(losses) == 1 or others or apart or any(suite is not suites[0] for suite in suites):
            return last
        return Loss(" + ".join(loss.name for loss in losses), last.statement, False, True)

    @staticmethod
    def _choose(losses: list[Loss], optimizer: str, alone: bool = False) -> list[Loss]:
        """Those that are equally likely to be meant."""
        if len(losses) > 1:
            near = [affinity(optimizer, loss.name) for loss in losses]
            if near.count(max(near)) == 1:
                return [losses[near.index(max(near))]]
            if alone:
                return []
            losses = [loss for loss, much in zip(losses, near, strict=True) if much == max(near)]
            plain = min(map(_said, losses))
            losses = [loss for loss in losses if _said(loss) == plain]
        return losses

    def _undifferentiated(self, step: ast.stmt, loop: ast.stmt | None) -> list[Loss]:
        start = self.layout.start(step)
        guarded = not isinstance(self.layout.places[step].owner, LOOPS) or loop is not self.calls.loop(step)
        last: dict[str, Loss] = {}
        taken: set[str] = set()
        collected: dict[str, set[str]] = {}
        for statement in self._statements:
            if self.layout.start(statement) >= start:
                break
            for collection, name in _collected(statement):
                collected.setdefault(collection, set()).add(name)
            if (loop is not None and loop not in self.layout.chain(statement)) or self.calls.exclusive(statement, step):
                continue
            if isinstance(statement, (ast.Assign, ast.AugAssign)) and _read_out(statement.value) and not _scales(statement):
                target = statement.target if isinstance(statement, ast.AugAssign) else statement.targets[0]
                last.pop(ast.unparse(target), None)
            if self._calls_differentiating(statement) or self._has_no_graph(statement):
                continue
            for loss in self._given(statement, last):
                if loss.gathers and not guarded and self.inner_loop(loss, step) is None:
                    continue
                read = _read(statement)
                read |= {name for one in read & set(collected) for name in collected[one]}
                taken |= read & set(last) - {loss.name}
                taken.discard(loss.name)
                last.pop(loss.name, None)
                last[loss.name] = loss
        differentiated = {loss.statement for loss in last.values() if self._is_differentiated(loss, step)}
        return [loss for loss in last.values() if loss.name not in taken and loss.statement not in differentiated]

    def _given(self, statement: ast.stmt, known: dict[str, Loss]) -> Iterator[Loss]:
        if isinstance(statement, ast.AugAssign):
            name = ast.unparse(statement.target)
            if _read_out(statement.value) and not _scales(statement):
                return
            if name in known:
                yield Loss(name, statement, known[name].gathers or self._from_outside(known[name], statement), known[name].likely)
            elif suggests(name, LOSS) and not isinstance(statement.value, ast.Constant) and not _read_out(statement.value):
                yield Loss(name, statement, not self._is_begun(name, statement), True)
            return
        for name, value, likely in _assigned(statement):
            fresh = name in known and not self._from_outside(known[name], statement)
            yield Loss(name, statement, _is_sum(value) and name in _names(value) and not fresh, likely)
        if isinstance(statement, ast.Assign) and _is_sum(statement.value) and not _read_out(statement.value):
            target = ast.unparse(statement.targets[0])
            if not any(True for _ in _assigned(statement)) and _names(statement.value) & set(known):
                yield Loss(target, statement, target in _names(statement.value), True)

    def _is_begun(self, name: str, statement: ast.stmt) -> bool:
        """A sum that begins with a number in the turn in which `statement` adds to it."""
        loop, start = self.calls.loop(statement), self.layout.start(statement)
        numbers = (
            one
            for one in self._statements
            if isinstance(one, ast.Assign) and isinstance(one.value, ast.Constant) and self.layout.start(one) < start
        )
        return any(name in map(ast.unparse, one.targets) and self.calls.loop(one) is loop for one in numbers)

    def _has_no_graph(self, statement: ast.stmt) -> bool:
        """Autograd is off where it runs."""
        blocks = (outer for outer in self.layout.chain(statement)[1:] if isinstance(outer, (ast.With, ast.AsyncWith)))
        contexts = (ast.unparse(item.context_expr) for block in blocks for item in block.items)
        return any(_OFF.search(context) for context in contexts)

    def _from_outside(self, loss: Loss, statement: ast.stmt) -> bool:
        """Computed before the loop in which `statement` adds to it."""
        loop = self.calls.loop(statement)
        return loop is not None and loop not in self.layout.chain(loss.statement)

    def _calls_differentiating(self, statement: ast.stmt) -> bool:
        """A function of this text that has a backward of its own is called."""
        value = getattr(statement, "value", None)
        if not self._differentiating or not isinstance(value, ast.expr):
            return False
        called = (ast.unparse(node.func).rpartition(".")[2] for node in ast.walk(value) if isinstance(node, ast.Call))
        return any(name in self._differentiating for name in called)

    def _is_differentiated(self, loss: Loss, step: ast.stmt) -> bool:
        """By a backward, or by asking for gradients, between this assignment and the next."""
        end = self._reassigned(loss)
        start = self.layout.start(loss.statement)
        for call in self.calls.all:
            place = self.layout.start(call.statement)
            meant = call.kind is Kind.BACKWARD and not self.calls.exclusive(call.statement, step)
            if meant and start <= place < end and loss.name in _names(ast.parse(call.what, mode="eval")):
                return True
        consuming = {"grad", *self._differentiating}
        return any(
            isinstance(node, ast.Call)
            and ast.unparse(node.func).rpartition(".")[2] in consuming
            and any(ast.unparse(argument) == loss.name for argument in node.args)
            for statement in self._statements
            if start <= self.layout.start(statement) < end
            for node in ast.walk(statement)
        )

    def _reassigned(self, loss: Loss) -> int:
        start = self.layout.start(loss.statement)
        later = (
            self.layout.start(statement)
            for statement in self._statements
            if self.layout.start(statement) > start and loss.name in _rebound(statement)
        )
        return min(later, default=len(self.layout.source.text) + 1)


def _differentiating(tree: ast.Module) -> frozenset[str]:
    """The functions and methods of a text that have a backward in them."""
    functions = (node for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)))
    return frozenset(
        function.name
        for function in functions
        if any(isinstance(node, ast.Attribute) and node.attr in ("backward", "manual_backward") for node in ast.walk(function))
    ) - {"backward", "forward", "step"}


def _said(loss: Loss) -> tuple[int, bool]:
    """How much more its name says than that it is a loss, and whether it says an error, which may be only looked at."""
    return len(words(loss.name) - LOSS - _PLAIN), not words(loss.name).isdisjoint({"err", "error"})


def scaled_under(layout: Layout, backward: Call) -> str:
    """The loss of a backward, without what a scaler or its context made of it right before."""
    owner = layout.places[backward.statement].owner
    items = owner.items if isinstance(owner, (ast.With, ast.AsyncWith)) else []
    made = {ast.unparse(item.optional_vars): item.context_expr for item in items if item.optional_vars is not None}
    for earlier in layout.preceding(backward.statement):
        if isinstance(earlier, ast.Assign) and isinstance(earlier.value, ast.Call) and ".scale(" in ast.unparse(earlier.value):
            made[ast.unparse(earlier.targets[0])] = earlier.value
    scaling = made.get(backward.what)
    return ast.unparse(scaling.args[0]) if isinstance(scaling, ast.Call) and scaling.args else backward.what


def chosen_in(statements: list[ast.stmt]) -> str | None:
    """The last of what the statements call a loss."""
    names = [name for statement in statements for name, _, likely in _assigned(statement) if likely]
    return names[-1] if names else None


def returned_loss(layout: Layout) -> tuple[str, ast.stmt] | None:
    """The loss that a function ends by returning, and the statement that does."""
    last = layout.function.body[-1] if isinstance(layout.function, (ast.FunctionDef, ast.AsyncFunctionDef)) else None
    if isinstance(last, ast.Return) and isinstance(last.value, (ast.Name, ast.Attribute)):
        return ast.unparse(last.value), last
    return None


def _assigned(statement: ast.stmt) -> Iterator[tuple[str, ast.expr, bool]]:
    """The names that a statement binds to what may be a loss, and whether they say so."""
    if isinstance(statement, ast.AnnAssign) and statement.value is not None:
        targets: list[ast.expr] = [statement.target]
        value = statement.value
    elif isinstance(statement, ast.Assign):
        targets, value = statement.targets, statement.value
    else:
        return
    if isinstance(value, _COLLECTIONS) or _read_out(value) or _builds(value):
        return
    if isinstance(value, ast.Tuple) and all(isinstance(part, _COLLECTIONS) for part in value.elts):
        return
    for target in targets:
        parts = target.elts if isinstance(target, ast.Tuple) else [target]
        names = [ast.unparse(part) for part in parts if isinstance(part, (ast.Name, ast.Attribute))]
        named = [name for name in names if _names_loss(name.rpartition(".")[2]) and not suggests(name, _PAST)]
        if named:
            yield from ((name, value, True) for name in reversed(named))
        elif isinstance(target, (ast.Name, ast.Attribute)) and _computes(value) and not suggests(names[0], _COUNTS):
            yield names[0], value, False


def stored(statement: ast.stmt) -> set[str]:
    """The names and attributes that a simple statement gives a value."""
    given = [*getattr(statement, "targets", ()), *([statement.target] if hasattr(statement, "target") else ())]
    return {name for target in given for name in _names(target)}


def _collected(statement: ast.stmt) -> Iterator[tuple[str, str]]:
    """What a statement puts into a list, and the list."""
    call = statement.value if isinstance(statement, ast.Expr) else None
    if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr == "append":
        yield from ((ast.unparse(call.func.value), ast.unparse(argument)) for argument in call.args)


def _names_loss(name: str) -> bool:
    return suggests(name, LOSS) or name.lower().endswith("loss")


def _rebound(statement: ast.stmt) -> list[str]:
    """What an assignment gives a value that does not depend on the one before."""
    targets = statement.targets if isinstance(statement, ast.Assign) else [getattr(statement, "target", None)]
    if not isinstance(statement, (ast.Assign, ast.AnnAssign)):
        return []
    parts = (part for target in targets for part in (target.elts if isinstance(target, ast.Tuple) else [target]))
    return [ast.unparse(part) for part in parts if part is not None]


def _read_out(value: ast.expr) -> bool:
    """A number or an array made of a tensor, or the tensor without its graph."""
    func = value.func if isinstance(value, ast.Call) else value
    if isinstance(func, ast.Attribute) and func.attr in _READ_OUT:
        return True
    if isinstance(func, ast.Name) and func.id in ("float", "int", "round", "len", "str"):
        return isinstance(value, ast.Call)
    return any(
        isinstance(node, ast.Attribute)
        and (node.attr in ("item", "tolist") or (node.attr == "data" and not isinstance(func, ast.Call)))
        for node in ast.walk(value)
    )


def _scales(statement: ast.stmt) -> bool:
    """A loss is multiplied or divided in its place, by whatever number, and keeps its graph."""
    return isinstance(statement, ast.AugAssign) and isinstance(statement.op, (ast.Mult, ast.Div))


def _builds(value: ast.expr) -> bool:
    """An object is made of a class: a criterion, a meter."""
    if isinstance(value, ast.IfExp):
        return _builds(value.body) and _builds(value.orelse)
    if not isinstance(value, ast.Call) or _wraps(value):
        return False
    if isinstance(value.func, ast.Attribute) and value.func.attr in _PLACING and isinstance(value.func.value, ast.Call):
        return _builds(value.func.value)
    name = ast.unparse(value.func).rpartition(".")[2]
    return name[:1].isupper() and not re.search(r"_[a-z]", name)


def _wraps(value: ast.Call) -> bool:
    return ast.unparse(value.func).rpartition(".")[2] == "Variable"


def _computes(value: ast.expr) -> bool:
    """The value of a loss function, or a mean or sum."""
    attributes = {node.attr for node in ast.walk(value) if isinstance(node, ast.Attribute)}
    if attributes & {"argmax", "eq", "ne", "topk"} or any(isinstance(node, ast.Compare) for node in ast.walk(value)):
        return False
    for node in ast.walk(value):
        if isinstance(node, ast.Call) and not _counts(node):
            name = ast.unparse(node.func).rpartition(".")[2]
            if not words(name).isdisjoint(_COMPUTING) or (name in _REDUCING and node is _unsigned(value)):
                return True
    return False


def _counts(call: ast.Call) -> bool:
    """A sum of plain numbers: how many there are of something."""
    parts = [part.elt for part in call.args if isinstance(part, (ast.GeneratorExp, ast.ListComp))]
    called = {ast.unparse(part.func).rpartition(".")[2] for part in parts if isinstance(part, ast.Call)}
    return any(isinstance(part, ast.Constant) for part in parts) or not called.isdisjoint({"len", "int", "numel", "size"})


def _is_sum(value: ast.expr) -> bool:
    return isinstance(value, ast.BinOp) and isinstance(value.op, (ast.Add, ast.Sub))


def _unsigned(value: ast.expr) -> ast.expr:
    return value.operand if isinstance(value, ast.UnaryOp) else value


def _names(tree: ast.AST) -> set[str]:
    return {ast.unparse(node) for node in ast.walk(tree) if isinstance(node, (ast.Name, ast.Attribute))}


def _read(statement: ast.stmt) -> set[str]:
    value = getattr(statement, "value", None)
    return _names(value) if isinstance(value, ast.AST) else set()
