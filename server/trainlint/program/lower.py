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
    chains,
    conditions,
    contexts,
    expressions,
    gathering,
    in_place,
    lists,
    loops,
    narrowing,
    objects,
)
from .effects import Adjust, Block, Branch, Clear, Count, Jump, SetRate, Try, Uncalled, Write
from .guards import Guard, Known
from .index import names_in
from .machine import Machine
from .names import imported
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
    Parameters,
    Sequence,
    Tensor,
    Thing,
)
from .values import things_in
from .vocabulary import MODE_METHODS, RETURNED, TRAINING_METHODS


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
    gathering.grown(m, node, growth)
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
    gathering.grown(m, node, growth)
    return True


def _add(m: Machine, node: ast.AugAssign) -> None:
    value = expressions.consume(m, node, expressions.evaluate(m, node.value))
    before = expressions.evaluate(m, load(node.target))
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
    if isinstance(before, Parameters) and not isinstance(value, (Sequence, Parameters)):
        in_place.written(before)
    assignment.bind(m, node.target, arithmetic.binary(m, node, node.op, before, value))


def load(target: ast.expr) -> ast.expr:
    if isinstance(target, ast.Name):
        return ast.copy_location(ast.Name(target.id, ast.Load()), target)
    return target


def _delete(m: Machine, node: ast.Delete) -> bool:
    for target in node.targets:
        if isinstance(target, ast.Attribute) and target.attr == "grad":
            holder = expressions.evaluate(m, target.value)
            owners = holder if isinstance(holder, Parameters) else Parameters(frozenset(things_in(holder)), opaque=True)
            m.emit_effect(Clear, target, (), owners, "")
        elif isinstance(target, ast.Subscript):
            whole = expressions.evaluate(m, target.value)
            chains.alter(m, whole)
            if isinstance(whole, Sequence):
                lists.deleted(m, target, whole, expressions.evaluate(m, target.slice))
    return True


def _import(m: Machine, node: ast.Import | ast.ImportFrom) -> bool:
    if m.importer is not None:
        m.importer.run(node)
        return True
    for name, external in imported(node):
        m.store.set((m.frame, name), external)
    return True


def _define(m: Machine, node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    _defaults(m, node)
    m.store.set((m.frame, node.name), calls.decorated(m, Function(node, m.frame)))
    m.nested[node] = (m.frame, m.store)
    return True


def _define_class(m: Machine, node: ast.ClassDef) -> bool:
    for part in node.body:
        if isinstance(part, (ast.FunctionDef, ast.AsyncFunctionDef)):
            _defaults(m, part)
        elif isinstance(part, ast.AnnAssign) and isinstance(part.value, ast.Call):
            expressions.evaluate(m, part.value)
    info = objects.class_info(m, node)
    m.store.set((m.frame, node.name), ClassValue(info))
    for method in info.methods.values():
        m.methods.setdefault(method, (info, m.store))
    return True


def _defaults(m: Machine, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
    """What a function takes where it is not given anything is made once, here."""
    for default in (*node.args.defaults, *node.args.kw_defaults):
        if isinstance(default, ast.Call):
            expressions.evaluate(m, default)


# Control flow


def _if(m: Machine, node: ast.If) -> bool:
    if _is_main_guard(node.test):
        return statements(m, node.body if m.is_script else node.orelse)
    guard = conditions.condition(m, node.test)
    if isinstance(guard, Known):
        return statements(m, node.body if guard.truth else node.orelse)
    named = _picked_by_name(m, node.test)
    if named is None:

        def arm(truth: bool) -> bool:
            return narrowing.side(m, node.test, lambda: statements(m, node.body if truth else node.orelse), truth=truth)

        return _branches(m, guard, lambda: arm(True), lambda: arm(False), node=node)
    members = [key for key in ((m.frame.owner(name), name) for name in names_in(node)) if m.store.get(key) == named]

    def picked() -> bool:
        for key in members:
            m.store.set(key, replace(named.some, named=True))
        return statements(m, node.body)

    alive = _branches(m, guard, picked, lambda: statements(m, node.orelse), node=node)
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


def _branches(m: Machine, guard: Guard, *sides: Callable[[], bool], node: ast.If | None = None) -> bool:
    base, outer = m.store, m.block
    blocks, paths = [], []
    for side in sides:
        m.store, m.block = base.fork(), Block()
        if side():
            paths.append(m.store.changes_since(base))
        blocks.append(m.block)
    m.store, m.block = base, outer
    if any(block.items for block in blocks):
        m.emit(Branch(guard, blocks[0], blocks[1], node))
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


def _return(m: Machine, node: ast.Return) -> bool:
    value = expressions.evaluate(m, node.value)
    if m.calls:
        paths = m.calls[-1]
        paths.returns.append((m.store.changes_since(paths.base), value))
    if m.open_entry and len(m.calls) == 1:
        m.hand_out(value)
        for thing in things_in(value):
            thing.escaped = True
            thing.uses.add(RETURNED)
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
    ast.For: loops.for_loop,
    ast.AsyncFor: loops.for_loop,
    ast.While: loops.while_loop,
    ast.Break: loops.break_out,
    ast.Continue: loops.go_on,
    ast.Return: _return,
    ast.Raise: _raise,
    ast.Try: _try,
    ast.With: contexts.enter,
    ast.AsyncWith: contexts.enter,
    ast.Assert: _effects_only,
}

if hasattr(ast, "TryStar"):
    _HANDLERS[ast.TryStar] = _try
