"""Edits of the conditions under which something runs."""

from __future__ import annotations

import ast

from ..finding import Edit, Fix
from ..rules.remedy import StepAtEnd
from ..source.parse import span_of
from ..source.text import SourceText, Span
from .layout import Layout
from .offer import unsafe


def step_at_end(remedy: StepAtEnd, tree: ast.Module, source: SourceText) -> Fix | None:
    """`or` the last turn to the guard of the step, where the loop counts its turns and its length can be asked."""
    layout = Layout(source, remedy.step.function)
    if remedy.step.statement not in layout.places:
        return None
    guards = [outer for outer in layout.chain(remedy.step.statement)[1:] if isinstance(outer, ast.If)]
    last = _last_turn(remedy.loop, source)
    if len(guards) != 1 or last is None or not isinstance(guards[0].test, ast.Compare):
        return None
    end = span_of(guards[0].test, source).end
    return unsafe(f"Step at the last batch too, where `{last}`", Edit(Span(end, end), f" or {last}"))


def _last_turn(loop: ast.AST, source: SourceText) -> str | None:
    """The condition that holds in the last turn of a loop over `enumerate` or `range`."""
    if isinstance(loop, ast.For) and isinstance(loop.target, ast.Name) and isinstance(loop.iter, ast.Call):
        function, given = loop.iter.func, loop.iter.args
        counts = isinstance(function, ast.Name) and function.id == "range" and len(given) == 1
        if counts and isinstance(given[0], (ast.Constant, ast.Name, ast.Attribute, ast.Call)):
            return f"{loop.target.id} + 1 == {source.slice(span_of(given[0], source))}"
    if not isinstance(loop, ast.For) or not isinstance(loop.iter, ast.Call) or not isinstance(loop.target, ast.Tuple):
        return None
    call, counter = loop.iter, loop.target.elts[0]
    if not isinstance(call.func, ast.Name) or call.func.id != "enumerate" or not isinstance(counter, ast.Name):
        return None
    start = call.args[1] if len(call.args) > 1 else next((one.value for one in call.keywords if one.arg == "start"), None)
    if not call.args or not isinstance(call.args[0], (ast.Name, ast.Attribute)):
        return None
    if start is not None and not (isinstance(start, ast.Constant) and start.value in (0, 1)):
        return None
    turn = counter.id if isinstance(start, ast.Constant) and start.value == 1 else f"{counter.id} + 1"
    return f"{turn} == len({source.slice(span_of(call.args[0], source))})"
