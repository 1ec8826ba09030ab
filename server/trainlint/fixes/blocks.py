"""Whole lines moved: statements with all that is in them, or out of the block that holds them."""

from __future__ import annotations

import ast

from ..finding import Edit, Fix
from ..rules.remedy import LeaveBlock, LetFollow
from ..source.parse import Site
from ..source.text import Position, SourceText
from .layout import Layout, layout_of
from .offer import unsafe

_FOLLOWS = frozenset(
    {"zero_grad", "backward", "step", "update", "unscale_", "clip_grad_norm_", "clip_grad_value_", "append", "print", "item",
     "set_postfix", "set_description", "detach", "info", "add_scalar", "log", "float", "cpu"}
)  # fmt: skip
"""What may stand behind a backward and computes nothing that a context of precision is for."""


def let_follow(remedy: LetFollow, tree: ast.Module, source: SourceText) -> Fix | None:
    """The lines of one statement are taken out and put behind another one of the same suite."""
    layout = layout_of(remedy.moved, source)
    if layout is None or remedy.anchor.statement not in layout.places:
        return None
    moved, anchor = _alone(layout, remedy.moved), _alone(layout, remedy.anchor)
    if layout.places[moved].suite is not layout.places[anchor].suite or layout.start(moved) >= layout.start(anchor):
        return None
    if not layout.owns_lines(moved) or not layout.owns_lines(anchor):
        return None
    first = source.position(layout.start(moved)).line - len(layout.comments_of(moved))
    last = source.position(layout.end(moved)).line
    lines = [source.line(number) for number in range(first, last + 1)]
    if any("\f" in line for line in lines):
        return None
    there = source.position(layout.end(anchor)).line
    place = Position(there, len(source.line(there)) + 1)
    begins, ends = source.offset(Position(first, 1)), source.offset(Position(last + 1, 1))
    text = "".join(f"{source.line_end}{line}" for line in lines)
    title = f"Move `{source.line(source.position(layout.start(moved)).line).partition('#')[0].strip()}` behind it"
    return unsafe(title, Edit(source.span(begins, ends), ""), Edit(source.span(source.offset(place), source.offset(place)), text))


def _alone(layout: Layout, site: Site) -> ast.stmt:
    """The outermost statement around a place in which nothing else is done."""
    found = site.statement
    for outer in layout.chain(found)[1:]:
        if not isinstance(outer, ast.For) or len(outer.body) != 1 or outer.orelse:
            break
        found = outer
    return found


def leave_block(remedy: LeaveBlock, tree: ast.Module, source: SourceText) -> Fix | None:
    """The end of a `with` block loses its indentation."""
    layout = layout_of(remedy.site, source)
    if layout is None:
        return None
    statement = remedy.site.statement
    block = layout.places[statement].owner
    if not isinstance(block, (ast.With, ast.AsyncWith)) or [item.context_expr for item in block.items] != [remedy.context]:
        return None
    index = block.body.index(statement)
    rest = block.body[index:]
    if index == 0 or not layout.begins_line(block) or not all(layout.owns_lines(one) for one in rest):
        return None
    if not all(_is_simple(one) for one in rest[1:]):
        return None
    inner, outer = layout.indent(statement), layout.indent(block)
    first = source.position(layout.start(statement)).line - len(layout.comments_of(statement))
    last = source.position(layout.end(rest[-1])).line
    lines = [source.line(number) for number in range(first, last + 1)]
    if any('"""' in line or "'''" in line for line in lines) or not inner.startswith(outer):
        return None
    edits = []
    for number, line in enumerate(lines, first):
        if line.startswith(inner):
            edits.append(
                Edit(source.span(source.offset(Position(number, 1)), source.offset(Position(number, len(inner) + 1))), outer)
            )
    return unsafe(f"Move `{layout.text(statement).splitlines()[0].strip()}` out of the block", *edits)


def _is_simple(statement: ast.stmt) -> bool:
    """It computes nothing with a model."""
    called = (node.func for node in ast.walk(statement) if isinstance(node, ast.Call))
    names = (func.attr if isinstance(func, ast.Attribute) else getattr(func, "id", "") for func in called)
    return isinstance(statement, (ast.Expr, ast.Assign, ast.AugAssign)) and all(name in _FOLLOWS for name in names)
