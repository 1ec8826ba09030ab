"""What `with` statements enter, around their bodies."""

from __future__ import annotations

import ast

from . import assignment, calls, differentiation, expressions, grad_mode, lower
from .effects import ContextManager
from .machine import Machine
from .things import External, Operation, Partial, Role, Sequence, Tensor, Thing, Value
from .values import things_in


def enter(m: Machine, node: ast.With | ast.AsyncWith) -> bool:
    """Lower the body of a `with` statement. False where control never reaches its end."""
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
    alive = lower.statements(m, node.body)
    m.grad_context, m.contexts = enabled, contexts
    return alive
