"""Statements moved into the block of a tape, so that it records them."""

from __future__ import annotations

import ast

from ..finding import Edit, Fix
from ..rules.remedy import MoveInto
from ..source.text import Position, SourceText
from .layout import Layout, layout_of
from .offer import unsafe

_MOST = 4
_SIMPLE = (ast.Assign, ast.AugAssign, ast.AnnAssign, ast.Expr)


def move_into(remedy: MoveInto, tree: ast.Module, source: SourceText) -> Fix | None:
    layout, moved = layout_of(remedy.moved, source), remedy.moved.statement
    block = _block(layout, remedy.context) if layout is not None else None
    if layout is None or block is None or layout.places[moved].suite is not layout.places[block].suite:
        return None
    suite, at, to = layout.places[moved].suite, layout.places[moved].index, layout.places[block].index
    run = suite[to + 1 : at + 1] if at > to else suite[at:to]
    inner = block.body[0]
    if not 0 < len(run) <= _MOST or not all(isinstance(one, _SIMPLE) and layout.owns_lines(one) for one in run):
        return None
    first, last = source.position(layout.start(run[0])).line, source.position(layout.end(run[-1])).line
    lines = [source.line(number) for number in range(first, last + 1)]
    outer, step = layout.indent(block), layout.indent(inner)
    if any('"""' in line or "'''" in line for line in lines) or not step.startswith(outer) or not layout.begins_line(inner):
        return None
    text = source.line_end.join(step + line[len(outer) :] if line.strip() else line for line in lines)
    title = f"Move `{layout.text(moved).splitlines()[0].strip()}` into the block of the tape"
    span = source.span(source.offset(Position(first, 1)), source.offset(Position(last, len(source.line(last)) + 1)))
    if at > to:
        return unsafe(title, Edit(span, text))
    start = source.offset(Position(first, 1))
    body = source.offset(Position(source.position(layout.start(inner)).line, 1))
    between = source.text[source.line_starts[last] : body]
    return unsafe(title, Edit(source.span(start, body), between + text + source.line_end))


def _block(layout: Layout, context: ast.AST) -> ast.With | None:
    """The `with` statement that opens a context."""
    for statement in layout.places:
        if isinstance(statement, ast.With) and any(item.context_expr is context for item in statement.items):
            return statement
    return None
