"""Steps that return parameters or a state anew, called again and again with the old one."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from ...program.machine import Renewal
from ...program.naming import ACTING, suggests
from ...program.program import Program
from ...program.things import Operation
from ...source.nodes import walk
from ...source.parse import Site
from .fates import Fates, Loss, Waste
from .liveness import Scope

_ASIDE = frozenset(
    {"eval", "evaluate", "evaluation", "valid", "validate", "validation", "val", "test", "tests", "dev", "holdout", "benchmark",
     "bench", "profile", "profiling", "warmup", "warm", "compile", "compilation", "dry", "debug", "check", "compare", "timing",
     "timeit", "trace", "inner", "adapt", "unroll", "rollout", "lookahead", "perturb", "sweep", "finder", "search"}
)  # fmt: skip
_TRAINING = frozenset({"train", "training", "fit", "learn", "learner", "learning"})
# What a loop tries one by one, each time from the same start.
_TRIED = frozenset(
    {"lr", "lrs", "rate", "rates", "seed", "seeds", "trial", "task", "config", "scale", "eta", "optimizer", "alpha"}
)
_MEASURES = frozenset({"per", "between", "before", "until", "every"})
_CLOCKS = frozenset({"perf_counter", "timeit", "perf_counter_ns", "block_until_ready", "monotonic", "process_time"})


@dataclass(frozen=True, slots=True)
class Ignored:
    """What `done` moved is returned by a call and lost, as `waste` says; the call goes on from `old`, as it is written."""

    done: Operation
    waste: Waste
    old: ast.expr
    function: ast.AST | None


class IgnoredSteps:
    def __init__(self, program: Program, fates: Fates) -> None:
        self._program = program
        self._fates = fates
        self._calls: dict[ast.AST, list[Renewal]] = defaultdict(list)
        for renewal in program.renewals:
            self._calls[renewal.site.node].append(renewal)

    def __iter__(self) -> Iterator[Ignored]:
        for renewals in self._calls.values():
            by_step: dict[ast.AST, list[Renewal]] = defaultdict(list)
            for renewal in renewals:
                by_step[renewal.done.site.node].append(renewal)
            for same in by_step.values():
                found = self._examined(same)
                if found is not None:
                    yield found
                    break

    def _examined(self, renewals: list[Renewal]) -> Ignored | None:
        """What a call returns at one or several places is lost at all of them, and the next turn starts from the old."""
        renewal = next((one for one in reversed(renewals) if one.given), renewals[-1])
        call = renewal.site.node
        assert isinstance(call, ast.Call)
        lost = [self._fates.thrown_away(renewal.site, path) for path in dict.fromkeys(one.path for one in renewals)]
        waste = lost[0]
        if (
            isinstance(renewal.site.function, ast.Lambda)
            or waste is None
            or not all(lost)
            or any(one is None or one.returned is not None for one in lost)
        ):
            return None
        old = self._old(call, renewal)
        if old is None or not self._goes_on_from(old, waste, renewal) or not self._leaves_nothing(renewal):
            return None
        whole = waste.how is Loss.STATEMENT or not waste.path or waste.how is Loss.LEFT or waste.deliberate
        if whole and self._kept_elsewhere(renewal):
            return None
        if self.is_aside(renewal.site, renewal.function, timed=whole):
            return None
        return Ignored(renewal.done, replace(waste, site=renewal.site), old, renewal.function)

    def _old(self, call: ast.Call, renewal: Renewal) -> ast.expr | None:
        """What the call is given that the result is to replace: a variable, or a part of one."""
        for first, *rest in renewal.given:
            node = _argument(call, first)
            for index in rest:
                node = node.elts[index] if isinstance(node, (ast.Tuple, ast.List)) and isinstance(index, int) else node
            if node is not None and _root(node) is not None:
                return node
        return None

    def _goes_on_from(self, old: ast.expr, waste: Waste, renewal: Renewal) -> bool:
        """The next turn of the loop around the call finds the old variable as it was."""
        scope = self._fates.scope(renewal.site.function)
        loop = scope.loop_around(renewal.site.statement)
        root = _root(old)
        if root is None:
            return False
        if loop is not None:
            refreshed = {part for node in walk(loop) if _refreshes(node, old) for part in walk(node)}
            if not any(_stores(part, root, old) for part in walk(loop) if part not in refreshed):
                return not self._stored_by_methods(loop, old)
            handed_on = {part for node in walk(loop) if _moves_on(node, old) for part in walk(node)}
            stored = any(_stores(part, root, old) for part in walk(loop) if part not in handed_on)
            return not stored and not self._stored_by_methods(loop, old) and not self._kept_elsewhere(renewal)
        held = isinstance(old, ast.Attribute) and root == "self"
        return held and waste.how is Loss.UNREAD and not waste.deliberate and not self._stored_in(renewal.site.function, old)

    def _stored_in(self, function: ast.AST, old: ast.expr) -> bool:
        return any(_stores(part, "self", old) for part in walk(function))

    def _stored_by_methods(self, loop: ast.AST, old: ast.expr) -> bool:
        """A method that is called in the loop stores the attribute."""
        if not isinstance(old, ast.Attribute):
            return False
        called = {part.func.attr for part in walk(loop) if isinstance(part, ast.Call) and isinstance(part.func, ast.Attribute)}
        return any(
            isinstance(node, ast.FunctionDef) and node.name in called and self._stored_in(node, old)
            for node in walk(self._program.tree)
        )

    def _leaves_nothing(self, renewal: Renewal) -> bool:
        """Nothing but the result of the call holds what it computed."""
        functions = {renewal.function, renewal.done.site.function} - {None}
        return all(self._is_pure(one, renewal.done) for one in functions if one is not None)

    def _is_pure(self, function: ast.AST, done: Operation) -> bool:
        if isinstance(function, ast.Lambda) or self._program.is_traced(function):
            return True
        return _is_pure(self._fates.scope(function), done)

    def _kept_elsewhere(self, renewal: Renewal) -> bool:
        """Another call of the same step, beside this one, keeps what it returns."""
        for call, renewals in self._calls.items():
            if call is renewal.site.node or renewals[0].site.function is not renewal.site.function:
                continue
            for other in renewals:
                same = _calls_the_same(other, renewal) and other.done.site.node is renewal.done.site.node
                if same and not self._excluded(call, renewal) and not self._fates.thrown_away(other.site, other.path):
                    return True
        return False

    def _excluded(self, call: ast.AST, renewal: Renewal) -> bool:
        """The call stands in the other arm of a condition, whose words do not say that one of them measures or tries out."""
        for node in self._fates.scope(renewal.site.function).successors:
            if isinstance(node, ast.If) and node.orelse:
                first, second = ({part for one in arm for part in walk(one)} for arm in (node.body, node.orelse))
                if (call in first and renewal.site.node in second) or (call in second and renewal.site.node in first):
                    said = [part.attr if isinstance(part, ast.Attribute) else part.id for part in walk(node.test)
                            if isinstance(part, (ast.Attribute, ast.Name))]  # fmt: skip
                    return not any(map(_is_aside, said))
        return False

    def _is_timed(self, site: Site) -> bool:
        """The same call over and over, in a function that looks at the clock."""
        scope = self._fates.scope(site.function)
        loop = scope.loop_around(site.statement)
        call = site.node
        if loop is None or not isinstance(call, ast.Call):
            return False
        changed = scope.assigned(loop)
        fixed = not any(isinstance(part, ast.Name) and part.id in changed for part in walk(call))
        fixed = fixed and not any(_draws(part) for part in walk(call) if part is not call)
        words = {part.attr for part in walk(scope.node) if isinstance(part, ast.Attribute)}
        words |= {part.id for part in walk(scope.node) if isinstance(part, ast.Name)}
        return fixed and (not _CLOCKS.isdisjoint(words) or {"time"} <= words)

    def is_aside(self, site: Site, function: ast.AST | None = None, timed: bool = False) -> bool:
        """By its words, the code around a call of `function` measures or tries out, and does not train.

        `timed`: so does the same call over and over, in a function that looks at the clock.
        """
        if timed and self._is_timed(site):
            return True
        names = [getattr(site.function, "name", ""), getattr(function, "name", "")]
        said = [part.id for part in walk(site.statement) if isinstance(part, ast.Name)]
        if not any(suggests(name, _TRAINING) for name in said):
            names += said
        loop = self._fates.scope(site.function).loop_around(site.statement)
        if isinstance(loop, (ast.For, ast.AsyncFor)):
            turn = [part.id for part in walk(loop.target) if isinstance(part, ast.Name)]
            if any(suggests(name, _TRIED) for name in turn):
                return True
            turn += [part.id for part in walk(loop.iter) if isinstance(part, ast.Name)]
            if not any(suggests(name, _TRAINING) for name in turn):
                names += turn
        return any(_is_aside(name) for name in names)


def _draws(node: ast.AST) -> bool:
    """A call of a function by its bare name: it may give something else in each turn."""
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name)


def _is_aside(name: str) -> bool:
    """The words of a name say so: not those behind a measure, as in `steps_per_eval`."""
    parts = name.split("_")
    measure = next((at for at, part in enumerate(parts) if part in _MEASURES), len(parts))
    return suggests("_".join(parts[:measure]), _ASIDE) and not suggests(name, _TRAINING)


def _calls_the_same(one: Renewal, other: Renewal) -> bool:
    if one.function is not None or other.function is not None:
        return one.function is other.function
    calls = (one.site.node, other.site.node)
    return len({ast.unparse(call.func) for call in calls if isinstance(call, ast.Call)}) == 1


def _argument(call: ast.Call, given: int | str) -> ast.expr | None:
    if given == "":
        return call.func.value if isinstance(call.func, ast.Attribute) else None
    if isinstance(given, int):
        before = call.args[: given + 1]
        return before[given] if len(before) > given and not any(isinstance(one, ast.Starred) for one in before) else None
    return next((keyword.value for keyword in call.keywords if keyword.arg == given), None)


def _root(node: ast.expr) -> str | None:
    """The variable that a chain of attributes and subscripts starts from."""
    while isinstance(node, (ast.Attribute, ast.Subscript)):
        node = node.value
    return node.id if isinstance(node, ast.Name) else None


def _stores(node: ast.AST, root: str, old: ast.expr) -> bool:
    """The node assigns the variable, a part of it, or what it is a part of."""
    if isinstance(node, ast.Name):
        return node.id == root and not isinstance(node.ctx, ast.Load)
    if not isinstance(node, (ast.Attribute, ast.Subscript)) or isinstance(node.ctx, ast.Load):
        return False
    return all(one == other or "[]" in (one, other) for one, other in zip(_chain(node), _chain(old), strict=False))


def _refreshes(node: ast.AST, old: ast.expr) -> bool:
    """The statement makes the variable from itself, by a call whose words do not say that it trains."""
    if not isinstance(node, ast.Assign) or not isinstance(node.value, ast.Call):
        return False
    written = ast.unparse(old)
    if [ast.unparse(target) for target in node.targets] != [written]:
        return False
    function = node.value.func
    name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "train")
    given = [*node.value.args, *([function.value] if isinstance(function, ast.Attribute) else [])]
    return not suggests(name, ACTING) and any(ast.unparse(one) == written for one in given)


def _moves_on(node: ast.AST, old: ast.expr) -> bool:
    """The statement gives the variable, or a part of a tuple that holds it, to a call, and assigns what that returns to it."""
    if not isinstance(node, ast.Assign) or not isinstance(node.value, ast.Call):
        return False
    written, call = ast.unparse(old), node.value
    given = [*call.args, *(one.value for one in call.keywords)]
    given += [call.func.value] if isinstance(call.func, ast.Attribute) else []
    return any(ast.unparse(one) == written for one in given) and any(
        ast.unparse(one) == written for target in node.targets for one in _flat([target])
    )


def _chain(node: ast.expr) -> tuple[str, ...]:
    """The variable, and the way from it to a part: an index that is not written out may be any."""
    if isinstance(node, ast.Subscript):
        return (*_chain(node.value), f"[{ast.unparse(node.slice)}]" if isinstance(node.slice, ast.Constant) else "[]")
    if isinstance(node, ast.Attribute):
        return (*_chain(node.value), node.attr)
    return (node.id,) if isinstance(node, ast.Name) else ("?",)


def _is_pure(scope: Scope, done: Operation) -> bool:
    """A function that stores nothing that comes from the step anywhere but in variables of its own."""
    if not isinstance(scope.node, (ast.FunctionDef, ast.AsyncFunctionDef)):
        return False
    held: set[str] = set()
    statements = list(scope.successors)
    changed = True
    while changed:
        changed = False
        for statement in statements:
            value = getattr(statement, "value", None)
            if not isinstance(statement, (ast.Assign, ast.AnnAssign)) or value is None or not _mentions(value, held, done):
                continue
            targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
            for target in _flat(targets):
                if isinstance(target, ast.Name) and target.id in scope.own:
                    changed |= target.id not in held
                    held.add(target.id)
                elif _root(target) not in held and (_root(target) not in scope.own or _root(target) in _parameters(scope.node)):
                    return False
                elif (root := _root(target)) is not None:
                    changed |= root not in held
                    held.add(root)
    alone = (statement.value for statement in statements if isinstance(statement, ast.Expr))
    return not any(_mentions(value, held, done) for value in alone)


def _flat(targets: Iterable[ast.expr]) -> Iterator[ast.expr]:
    for target in targets:
        if isinstance(target, (ast.Tuple, ast.List)):
            yield from _flat(target.elts)
        else:
            yield target.value if isinstance(target, ast.Starred) else target


def _parameters(function: ast.FunctionDef | ast.AsyncFunctionDef) -> frozenset[str]:
    names = function.args
    return frozenset(argument.arg for argument in (*names.posonlyargs, *names.args, *names.kwonlyargs))


def _mentions(node: ast.expr, held: set[str], done: Operation) -> bool:
    return any(part is done.site.node or (isinstance(part, ast.Name) and part.id in held) for part in walk(node))
