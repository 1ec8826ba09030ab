"""Statements to regions of effects."""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import replace

from . import (
    access,
    arithmetic,
    assignment,
    calls,
    conditions,
    differentiation,
    expressions,
    gathering,
    grad_mode,
    in_place,
    objects,
)
from .effects import Adjust, Block, Branch, Clear, ContextManager, Count, Forget, Jump, Loop, SetRate, Try, Uncalled, Write
from .guards import Guard, Known
from .index import names_in
from .iteration import iterate, matters
from .machine import LoopPaths, Machine
from .names import imported, text_of
from .naming import names_optimizer
from .scope import Changes, Store
from .things import (
    UNKNOWN,
    ClassValue,
    Constant,
    Counter,
    External,
    Function,
    Gradient,
    Method,
    Operation,
    Parameters,
    Partial,
    Role,
    Sequence,
    Tensor,
    Thing,
    Value,
    things_in,
)
from .vocabulary import MODE_METHODS, TRAINING_METHODS

# So many loops around each other take second turns of their own, however often the loops around them are lowered.
_MAX_DRAFTS = 2


def statements(m: Machine, body: list[ast.stmt]) -> bool:
    """Lower a suite into the current block. False where control never reaches its end."""
    for statement in body:
        m.spend()
        m.statement = statement
        handler = _HANDLERS.get(type(statement))
        if handler is not None and not handler(m, statement):
            return False
    return True


def suite(m: Machine, body: list[ast.stmt]) -> tuple[Block, bool]:
    """A suite as a block of its own, and whether control reaches its end."""
    outer, m.block = m.block, Block()
    alive = statements(m, body)
    block, m.block = m.block, outer
    return block, alive


# Simple statements


def _expression_statement(m: Machine, node: ast.Expr) -> bool:
    value = node.value
    if isinstance(value, ast.Attribute) and value.attr in TRAINING_METHODS | MODE_METHODS:
        return _uncalled(m, value)
    growth = gathering.growing(m, node) if m.drafts else None
    result = expressions.evaluate(m, value)
    gathering.grown(m, growth)
    if isinstance(result, External) and result.name == "builtins.exit()":
        m.emit(Jump("raise"))
        return False
    return True


def _uncalled(m: Machine, node: ast.Attribute) -> bool:
    """`optimizer.step` as a statement: reported as such, and otherwise taken for the call that was meant."""
    holder = expressions.evaluate(m, node.value)
    things = tuple(things_in(holder))
    if isinstance(holder, (Thing, Tensor)) or things:
        method = access.attribute(m, node, holder, node.attr)
        if not isinstance(method, (Method, Function)):
            return True
        thing = holder if isinstance(holder, Thing) else things[0] if things else None
        m.emit_effect(Uncalled, node, thing, node.attr)
        meant = ast.copy_location(ast.Call(func=node, args=[], keywords=[]), node)
        if node.attr in TRAINING_METHODS:
            calls.apply(m, meant, method, [], {}, used=False)
    return True


def _assign(m: Machine, node: ast.Assign) -> bool:
    value = expressions.evaluate(m, node.value)
    if isinstance(value, Gradient) and not all(isinstance(target, ast.Name) for target in node.targets):
        value = expressions.consume(m, node, value)
    for target in node.targets:
        assignment.bind(m, target, value)
    return True


def _annotated(m: Machine, node: ast.AnnAssign) -> bool:
    if node.value is not None:
        assignment.bind(m, node.target, expressions.evaluate(m, node.value))
    return True


def _augmented(m: Machine, node: ast.AugAssign) -> bool:
    growth = gathering.growing(m, node) if m.drafts else None
    _add(m, node)
    gathering.grown(m, growth)
    return True


def _add(m: Machine, node: ast.AugAssign) -> None:
    value = expressions.consume(m, node, expressions.evaluate(m, node.value))
    before = expressions.evaluate(m, _load(node.target))
    if isinstance(before, Counter) and isinstance(value, Constant) and isinstance(value.value, int):
        sign = {ast.Add: 1, ast.Sub: -1}.get(type(node.op))
        if sign:
            m.emit_effect(Count, node, before.name, None, sign * value.value)
            return
    if isinstance(before, Gradient):
        m.emit_effect(Write if isinstance(node.op, (ast.Add, ast.Sub)) else Adjust, node, before.of)
        return
    if isinstance(before, Parameters) and isinstance(node.target, ast.Subscript):
        factor = value if isinstance(node.op, ast.Mult) else UNKNOWN if isinstance(node.op, ast.Div) else None
        m.emit_effect(SetRate, node, tuple(before.owners), factor)
        return
    if isinstance(before, Parameters):
        in_place.written(before)
    assignment.bind(m, node.target, arithmetic.binary(m, node, node.op, before, value))


def _load(target: ast.expr) -> ast.expr:
    if isinstance(target, ast.Name):
        return ast.copy_location(ast.Name(target.id, ast.Load()), target)
    return target


def _delete(m: Machine, node: ast.Delete) -> bool:
    for target in node.targets:
        if isinstance(target, ast.Attribute) and target.attr == "grad":
            holder = expressions.evaluate(m, target.value)
            owners = holder if isinstance(holder, Parameters) else Parameters(frozenset(things_in(holder)), opaque=True)
            m.emit_effect(Clear, target, (), owners, "")
    return True


def _import(m: Machine, node: ast.Import | ast.ImportFrom) -> bool:
    if m.importer is not None:
        m.importer.run(node)
        return True
    for name, external in imported(node):
        m.store.set((m.frame, name), external)
    return True


def _define(m: Machine, node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    m.store.set((m.frame, node.name), calls.decorated(m, Function(node, m.frame)))
    m.nested[node] = (m.frame, m.store)
    return True


def _define_class(m: Machine, node: ast.ClassDef) -> bool:
    info = objects.class_info(m, node)
    m.store.set((m.frame, node.name), ClassValue(info))
    for method in info.methods.values():
        m.methods.setdefault(method, (info, m.store))
    return True


# Control flow


def _if(m: Machine, node: ast.If) -> bool:
    if _is_main_guard(node.test):
        return statements(m, node.body if m.is_script else node.orelse)
    guard = conditions.condition(m, node.test)
    if isinstance(guard, Known):
        return statements(m, node.body if guard.truth else node.orelse)
    named = _picked_by_name(m, node.test)
    if named is None:
        return _branches(m, guard, lambda: statements(m, node.body), lambda: statements(m, node.orelse))
    members = [key for key in ((m.frame.owner(name), name) for name in names_in(node)) if m.store.get(key) == named]

    def picked() -> bool:
        for key in members:
            m.store.set(key, replace(named.some, named=True))
        return statements(m, node.body)

    alive = _branches(m, guard, picked, lambda: statements(m, node.orelse))
    for key in members:
        if isinstance(m.store.get(key), Parameters):
            m.store.set(key, named)
    return alive


def _picked_by_name(m: Machine, test: ast.expr) -> Parameters | None:
    """The parameters of which `"part" in name` picks some."""
    if not (isinstance(test, ast.Compare) and len(test.ops) == 1 and isinstance(test.ops[0], ast.In)):
        return None
    if not (isinstance(test.left, ast.Constant) and isinstance(test.comparators[0], ast.Name)):
        return None
    value = m.lookup(test.comparators[0].id)
    return value if isinstance(value, Parameters) and not value.named else None


def _branches(m: Machine, guard: Guard, *sides: Callable[[], bool]) -> bool:
    base, outer = m.store, m.block
    blocks, paths = [], []
    for side in sides:
        m.store, m.block = base.fork(), Block()
        if side():
            paths.append(m.store.changes_since(base))
        blocks.append(m.block)
    m.store, m.block = base, outer
    if any(block.items for block in blocks):
        m.emit(Branch(guard, *blocks))
    base.join(paths)
    return bool(paths)


def _is_main_guard(test: ast.expr) -> bool:
    return isinstance(test, ast.Compare) and isinstance(test.left, ast.Name) and test.left.id == "__name__"


def _match(m: Machine, node: ast.Match) -> bool:
    expressions.evaluate(m, node.subject)
    return _cases(m, node.cases)


def _cases(m: Machine, cases: list[ast.match_case]) -> bool:
    if not cases:
        return True
    last = isinstance(cases[0].pattern, ast.MatchAs) and cases[0].pattern.pattern is None and cases[0].guard is None
    if last:
        return statements(m, cases[0].body)
    return _branches(m, conditions.FRESH, lambda: statements(m, cases[0].body), lambda: _cases(m, cases[1:]))


def _for(m: Machine, node: ast.For | ast.AsyncFor) -> bool:
    def turn(value: Value) -> None:
        def body() -> bool:
            assignment.bind(m, node.target, value)
            return statements(m, node.body)

        _loop(m, node, body, [], skippable=False, repeats=False)

    if calls.generator(m, node.iter, turn):
        return statements(m, node.orelse)
    track = iterate(m, node.iter)
    if track.items is not None and 0 < len(track.items) <= 8 and any(matters(value) for value in track.items):
        return _unrolled(m, node, track.items)
    every = track.every or _holds_parameters(m, node)
    if not every:
        for thing in things_in(track.element):
            thing.data = thing.role is None and not thing.carries
    if track.counter is not None:
        m.emit_effect(Count, node, track.counter, track.start - 1 if track.start is not None else None)

    def body() -> bool:
        if track.counter is not None:
            m.emit_effect(Count, node, track.counter, None, 1)
        assignment.bind(m, node.target, track.element)
        for thing in things_in(track.element):
            if thing.node is node.iter:
                m.emit_effect(Forget, node, f"@{id(thing)}")
        return statements(m, node.body)

    runs = 1 if every else track.runs
    if runs == 0:
        return statements(m, node.orelse)
    region = _loop(m, node, body, node.orelse, skippable=runs is None, repeats=runs is None or runs > 1)
    if region is not None:
        region.over, region.runs = track.over, track.runs
    return True


def _unrolled(m: Machine, node: ast.For | ast.AsyncFor, items: tuple[Value, ...]) -> bool:
    """One turn after the other, each member known."""
    for value in items:

        def body(value: Value = value) -> bool:
            assignment.bind(m, node.target, value)
            return statements(m, node.body)

        _loop(m, node, body, [], skippable=False, repeats=False)
    return statements(m, node.orelse)


def _holds_parameters(m: Machine, node: ast.For | ast.AsyncFor) -> bool:
    """The loop goes over optimizers, models or parameters: its target is used as one."""
    names = names_in(node.target)
    return any(
        name in names and (attribute != "step" or names_optimizer(name)) for name, attribute in m.index.loops[node].handled
    )


def _while(m: Machine, node: ast.While) -> bool:
    endless = isinstance(node.test, ast.Constant) and bool(node.test.value)
    guard: list[Guard] = []

    def body() -> bool:
        guard[:] = [conditions.condition(m, node.test)]
        return statements(m, node.body)

    region = _loop(m, node, body, node.orelse, skippable=not endless, repeats=True)
    if region is not None:
        region.endless = endless or guard[0] == Known(True)
        region.guard = guard[0]
        return not region.endless or _has_break(node.body)
    return True


def _has_break(body: list[ast.stmt]) -> bool:
    for statement in body:
        if isinstance(statement, ast.Break):
            return True
        if isinstance(statement, (ast.For, ast.While, ast.AsyncFor)):
            if _has_break(statement.orelse):
                return True
            continue
        for field in ("body", "orelse", "finalbody"):
            if _has_break(getattr(statement, field, [])):
                return True
        for handler in getattr(statement, "handlers", []):
            if _has_break(handler.body):
                return True
        for case in getattr(statement, "cases", []):
            if _has_break(case.body):
                return True
    return False


def _loop(
    m: Machine, node: ast.stmt, body: Callable[[], bool], orelse: list[ast.stmt], *, skippable: bool, repeats: bool
) -> Loop | None:
    """A loop, lowered again where its first turn changes what later turns look at.

    A loop inside another one leaves its second turn to the second turn of that, where that is sure to come.
    """
    base, outer = m.store, m.block
    if repeats:
        _count(m, node)
    postponed, m.postponed = m.postponed, False
    changing = False
    for first in (True, False):
        paths = LoopPaths(base)
        m.store, m.block = base.fork(paths.sought), Block()
        drafts = m.drafts
        m.drafts = [*drafts, paths] if first and repeats else drafts
        m.loops.append(paths)
        outer_turns, m.turns = m.turns, (*m.turns, (node, 2 if changing else 1))
        alive = body()
        m.turns, m.drafts = outer_turns, drafts
        m.loops.pop()
        ends: list[Changes] = [*paths.continues, *paths.breaks]
        if alive:
            ends.append(m.store.changes_since(base))
        block = m.block
        m.store, m.block = base, outer
        changed = base.join([*ends, Changes()] if skippable or repeats else ends)
        changing = repeats and not changed.isdisjoint(paths.sought)
        if not first or not (changing or m.postponed):
            break
        if _comes_again(m):
            m.postponed = True
            break
        m.postponed = False
    m.postponed = m.postponed or postponed
    last, _ = suite(m, orelse)
    if not block.items and not last.items:
        return None
    region = Loop(node, block, last, skippable, repeats)
    m.emit(region)
    return region


def _comes_again(m: Machine) -> bool:
    """A loop around this one will be lowered again, so that what is lowered now need not be final."""
    return len(m.drafts) >= _MAX_DRAFTS or any(m.store.differs(draft.base, draft.sought) for draft in m.drafts)


def _count(m: Machine, node: ast.stmt) -> None:
    """Integers that the loop advances by constants become counters."""
    for statement in m.index.loops[node].counted:
        before = expressions.evaluate(m, _load(statement.target))
        known = before.value if isinstance(before, Constant) else None
        if isinstance(before, Counter) or (known is not None and not isinstance(known, int)):
            continue
        counter = f"#{text_of(statement.target)}@{id(m.frame)}"
        m.emit_effect(Count, node, counter, known if isinstance(known, int) else None)
        assignment.bind(m, statement.target, Counter(counter))


def _break(m: Machine, node: ast.Break) -> bool:
    if m.loops:
        paths = m.loops[-1]
        paths.breaks.append(m.store.changes_since(paths.base))
        m.emit(Jump("break"))
    return False


def _continue(m: Machine, node: ast.Continue) -> bool:
    if m.loops:
        paths = m.loops[-1]
        paths.continues.append(m.store.changes_since(paths.base))
        m.emit(Jump("continue"))
    return False


def _return(m: Machine, node: ast.Return) -> bool:
    value = expressions.evaluate(m, node.value)
    if m.calls:
        paths = m.calls[-1]
        paths.returns.append((m.store.changes_since(paths.base), value))
    if m.open_entry and len(m.calls) == 1:
        m.hand_out(value)
        for thing in things_in(value):
            thing.escaped = True
            thing.uses.add("returned")
    m.emit(Jump("return"))
    return False


def _raise(m: Machine, node: ast.Raise) -> bool:
    expressions.evaluate(m, node.exc)
    m.emit(Jump("raise"))
    return False


def _try(m: Machine, node: ast.Try) -> bool:
    if m.importer is not None and m.importer.succeeds(node):
        return statements(m, [*node.body, *node.orelse, *node.finalbody])
    base, outer = m.store, m.block
    m.store = base.fork()
    body, alive = suite(m, node.body)
    tried: Store = m.store
    last = Block()
    if alive:
        last, alive = suite(m, node.orelse)
    paths = [m.store.changes_since(base)] if alive else []
    partial = tried.changes_since(base)
    handlers = []
    for handler in node.handlers:
        m.store = base.fork()
        m.store.join([partial, Changes()])
        if handler.name:
            m.store.set((m.frame, handler.name), UNKNOWN)
        block, survives = suite(m, handler.body)
        handlers.append(block)
        if survives:
            paths.append(m.store.changes_since(base))
    m.store, m.block = base, outer
    base.join(paths or [partial])
    final, final_alive = suite(m, node.finalbody)
    if body.items or last.items or final.items or any(block.items for block in handlers):
        m.emit(Try(body, handlers, last, final))
    return bool(paths) and final_alive


def _with(m: Machine, node: ast.With | ast.AsyncWith) -> bool:
    return _entered(m, node, node.items)


def _entered(m: Machine, node: ast.With | ast.AsyncWith, items: list[ast.withitem]) -> bool:
    """The body under the rest of the context managers; a generator in sight runs around it."""
    enabled, contexts = m.grad_context, m.contexts
    for index, entry in enumerate(items):
        alive = True

        def inside(value: Value, entry: ast.withitem = entry, index: int = index) -> None:
            nonlocal alive
            if entry.optional_vars is not None:
                assignment.bind(m, entry.optional_vars, value)
            alive = _entered(m, node, items[index + 1 :])

        if calls.generator(m, entry.context_expr, inside):
            m.grad_context, m.contexts = enabled, contexts
            return alive
        value = expressions.evaluate(m, entry.context_expr)
        if isinstance(value, Thing) and calls.in_sight_method(value, "__exit__"):
            entered = calls.invoke(m, entry.context_expr, value, "__enter__")
            if entry.optional_vars is not None:
                assignment.bind(m, entry.optional_vars, entered)
            alive = _entered(m, node, items[index + 1 :])
            m.grad_context, m.contexts = enabled, contexts
            calls.invoke(m, entry.context_expr, value, "__exit__")
            return alive
        if isinstance(value, External):
            m.contexts = (*m.contexts, ContextManager(value.name, entry.context_expr))
            if value.name.endswith("()"):
                m.grad_context = grad_mode.entered(m, entry.context_expr, value.name[:-2])
        elif isinstance(value, Thing) and value.role is Role.TAPE:
            m.contexts = (*m.contexts, ContextManager(value.name, entry.context_expr, tape=value))
            value.uses |= {"with"} if value.node is entry.context_expr else {"with", "entered by name"}
        elif isinstance(value, Partial) and value.function == differentiation.PAUSE:
            paused = next(iter(things_in(Sequence(value.args))), None)
            m.contexts = (*m.contexts, ContextManager("", entry.context_expr, tape=paused, paused=True))
        elif isinstance(value, Tensor) and isinstance(value.origin, Operation):
            m.contexts = (*m.contexts, ContextManager(value.origin.name, entry.context_expr, value.origin.arguments))
        if entry.optional_vars is not None:
            assignment.bind(m, entry.optional_vars, value)
    alive = statements(m, node.body)
    m.grad_context, m.contexts = enabled, contexts
    return alive


def _effects_only(m: Machine, node: ast.Assert) -> bool:
    expressions.evaluate(m, node.test)
    return True


_HANDLERS: dict[type[ast.stmt], Callable[..., bool]] = {
    ast.Expr: _expression_statement,
    ast.Assign: _assign,
    ast.AnnAssign: _annotated,
    ast.AugAssign: _augmented,
    ast.Delete: _delete,
    ast.Import: _import,
    ast.ImportFrom: _import,
    ast.FunctionDef: _define,
    ast.AsyncFunctionDef: _define,
    ast.ClassDef: _define_class,
    ast.If: _if,
    ast.Match: _match,
    ast.For: _for,
    ast.AsyncFor: _for,
    ast.While: _while,
    ast.Break: _break,
    ast.Continue: _continue,
    ast.Return: _return,
    ast.Raise: _raise,
    ast.Try: _try,
    ast.With: _with,
    ast.AsyncWith: _with,
    ast.Assert: _effects_only,
}

if hasattr(ast, "TryStar"):
    _HANDLERS[ast.TryStar] = _try
