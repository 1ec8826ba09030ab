"""Remedies to edits, with the user's own names, indentation and line ends."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from itertools import takewhile

from ..finding import Edit, Fix
from ..rules.remedy import (
    AddToOperand,
    ApplyInside,
    BackwardBefore,
    BuildAfter,
    BuildOnce,
    Bypass,
    CallInstead,
    CallIt,
    ClearBetween,
    Compose,
    DivideLoss,
    GiveLoss,
    GiveOutput,
    HandTo,
    Insert,
    KeepGraph,
    LeaveBlock,
    LetFollow,
    MoveAfter,
    MoveBefore,
    MoveInto,
    MoveOut,
    OnOperand,
    Remedy,
    Remove,
    Rewrite,
    SetArgument,
    SetRateTo,
    StepAfter,
    StepAtEnd,
    Surround,
    SwapArguments,
    TurnOn,
    UseCopy,
    WholeRows,
)
from ..source.parse import Site, span_of
from ..source.text import Position, SourceText, Span
from .arguments import add_to_operand, on_operand, set_argument, swap_arguments
from .blocks import leave_block, let_follow
from .computation import bypass, call_instead, divide_loss, hand_to, keep_graph, turn_on
from .editing import give_loss, insert, remove, rewrite, surround
from .guards import step_at_end
from .instead import build_once, give_output, use_copy, whole_rows
from .layout import Layout, layout_of
from .missing import backward_before, clear_between, step_after
from .offer import safe, unsafe
from .placement import first_backward, prepared
from .recording import move_into


def build(remedy: Remedy, tree: ast.Module, source: SourceText) -> Fix | None:
    """The fix for a remedy; None where the text leaves no safe place for it."""
    return _BUILDERS[type(remedy)](remedy, tree, source)


def _move(moved: Site, anchor: Site, source: SourceText, where: str, *, before: bool, within: bool = False) -> Fix | None:
    layout = layout_of(moved, source)
    if layout is None or anchor.statement not in layout.places or moved.statement is anchor.statement:
        return None
    if any(isinstance(outer, ast.If) for outer in _between(layout, moved.statement, anchor.statement)):
        return None
    taken = layout.remove(moved.statement)
    if taken is None:
        return None
    removal, text = taken
    target = first_backward(layout, anchor.statement) if before else anchor.statement
    meeting = layout.meet(moved.statement, target)
    if not before and not within and meeting is not None and layout.start(moved.statement) < layout.start(target):
        target = meeting[1]
    if not before:
        target = prepared(layout, target, but=moved.statement)
    if not layout.owns_lines(target) and "#" in text:
        return None
    plain = text.partition("#")[0].strip()
    beside = layout.preceding(target)[-1:] if before else layout.following(target)[:1]
    if "#" not in text and any(layout.text(one) == plain and one is not moved.statement for one in beside):
        return unsafe(f"Remove `{plain}`, which stands {where} as well", removal)
    again = [removed[0] for one in _repeated(layout, moved.statement) if (removed := layout.remove(one)) is not None]
    comments = layout.comments_of(moved.statement) if layout.owns_lines(target) else []
    if comments:
        first = source.position(layout.start(moved.statement)).line - len(comments)
        removal = Edit(Span(Position(first, 1), removal.span.end), "")
    edit = layout.before(target, *comments, text) if before else layout.after(target, *comments, text)
    if edit.span.start == removal.span.start or removal.span.contains(edit.span):
        aligned = layout.align(moved.statement, target) if not before and target in layout.chain(moved.statement) else None
        return unsafe(f"Move `{plain}` {where}", aligned) if aligned is not None else None
    wider = layout.with_break(removal, moved.statement)
    removal = removal if again or wider.span.contains(edit.span) else wider
    return unsafe(f"Move `{plain}` {where}", *sorted((edit, removal, *again), key=lambda one: one.span))


def _repeated(layout: Layout, statement: ast.stmt) -> list[ast.stmt]:
    """The same statement right in front of it or behind it, once more."""
    if not layout.owns_lines(statement) or "#" in layout.tail(statement):
        return []
    text = layout.text(statement)
    around = (reversed(layout.preceding(statement)), layout.following(statement))
    found = [one for side in around for one in takewhile(lambda one: layout.text(one) == text, side) if layout.owns_lines(one)]
    return found if len(found) + 1 < len(layout.places[statement].suite) else []


def _between(layout: Layout, moved: ast.stmt, anchor: ast.stmt) -> list[ast.stmt]:
    """Compound statements around `moved` that are not around `anchor`."""
    around = set(layout.chain(anchor)[1:])
    return [statement for statement in layout.chain(moved)[1:] if statement not in around]


def _move_before(remedy: MoveBefore, tree: ast.Module, source: SourceText) -> Fix | None:
    return _move(remedy.moved, remedy.anchor, source, "before the backward", before=True)


def _move_after(remedy: MoveAfter, tree: ast.Module, source: SourceText) -> Fix | None:
    return _move(remedy.moved, remedy.anchor, source, remedy.where, before=False, within=remedy.within)


def _call_it(remedy: CallIt, tree: ast.Module, source: SourceText) -> Fix | None:
    span = span_of(remedy.site.node, source)
    edit = Edit(Span(span.end, span.end), "()")
    return safe(f"Call `{source.slice(span)}()`", edit)


def _set_rate(remedy: SetRateTo, tree: ast.Module, source: SourceText) -> Fix | None:
    node = remedy.node.value if isinstance(remedy.node, ast.keyword) else remedy.node
    literal = node.operand if isinstance(node, ast.UnaryOp) else node
    if not isinstance(literal, ast.Constant):
        return None
    return unsafe(f"Set the learning rate to {remedy.value:g}, the default", Edit(span_of(node, source), f"{remedy.value:g}"))


def _compose(remedy: Compose, tree: ast.Module, source: SourceText) -> Fix | None:
    parts = [piece if isinstance(piece, str) else source.slice(span_of(piece, source)) for piece in remedy.pieces]
    edit = Edit(span_of(remedy.node, source), "".join(parts))
    return (safe if remedy.safe else unsafe)(remedy.title, edit)


def _apply_inside(remedy: ApplyInside, tree: ast.Module, source: SourceText) -> Fix | None:
    call = remedy.inner
    if not isinstance(call, ast.Call) or not call.args or isinstance(call.args[0], ast.Starred):
        return None
    outer, inner, argument = (span_of(node, source) for node in (remedy.outer, call, call.args[0]))
    text = source.slice(argument)
    if not isinstance(call.args[0], (ast.Call, ast.Name, ast.Attribute, ast.Subscript)):
        text = f"({text})"
    applied = source.slice(Span(outer.start, inner.start)) + text + source.slice(Span(inner.end, outer.end))
    kept = source.slice(Span(inner.start, argument.start)) + applied + source.slice(Span(argument.end, inner.end))
    return unsafe(f"Apply the operation inside `{ast.unparse(call.func)}`", Edit(outer, kept))


def _move_out(remedy: MoveOut, tree: ast.Module, source: SourceText) -> Fix | None:
    layout = layout_of(remedy.moved, source)
    statement, loop = remedy.moved.statement, remedy.loop
    if layout is None or not isinstance(loop, ast.For) or loop not in layout.places or layout.places.get(statement) is None:
        return None
    taken = layout.remove(statement) if layout.places[statement].suite is loop.body else None
    names = {node.id for node in ast.walk(statement) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}
    stored = [part for part in ast.walk(loop) if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store)]
    turns = not remedy.first and any(part.id in names for part in stored)
    if taken is None or turns or not layout.owns_lines(loop):
        return None
    removal, text = taken
    edits = sorted((layout.before(loop, text), removal), key=lambda edit: edit.span)
    return unsafe(f"Move `{text.partition('#')[0].strip()}` before the loop", *edits)


def _build_after(remedy: BuildAfter, tree: ast.Module, source: SourceText) -> Fix | None:
    layout = layout_of(remedy.anchor, source)
    built, anchor = remedy.built.statement, remedy.anchor.statement
    if layout is None or built not in layout.places or not remedy.name or "\n" in layout.text(built):
        return None
    text = layout.text(built)
    between = layout.following(built)
    if anchor in between:
        between = between[: between.index(anchor) + 1]
        removal = layout.remove(built)
        if removal is not None and not any(re.search(rf"\b{re.escape(remedy.name)}\b", layout.text(one)) for one in between):
            edits = sorted((removal[0], layout.after(anchor, removal[1])), key=lambda edit: edit.span)
            if removal[1] == text or layout.owns_lines(anchor):
                return unsafe(f"Build `{remedy.name}` behind this", *edits)
    return unsafe(f"Build `{remedy.name}` again behind this", layout.after(anchor, text))


_BUILDERS: dict[type, Callable[..., Fix | None]] = {
    ClearBetween: clear_between,
    StepAfter: step_after,
    BackwardBefore: backward_before,
    MoveBefore: _move_before,
    MoveAfter: _move_after,
    MoveInto: move_into,
    BuildAfter: _build_after,
    MoveOut: _move_out,
    ApplyInside: _apply_inside,
    CallIt: _call_it,
    Compose: _compose,
    SetRateTo: _set_rate,
    CallInstead: call_instead,
    Bypass: bypass,
    HandTo: hand_to,
    KeepGraph: keep_graph,
    DivideLoss: divide_loss,
    AddToOperand: add_to_operand,
    StepAtEnd: step_at_end,
    OnOperand: on_operand,
    SwapArguments: swap_arguments,
    SetArgument: set_argument,
    Insert: insert,
    Surround: surround,
    GiveLoss: give_loss,
    Remove: remove,
    Rewrite: rewrite,
    TurnOn: turn_on,
    WholeRows: whole_rows,
    LetFollow: let_follow,
    LeaveBlock: leave_block,
    BuildOnce: build_once,
    UseCopy: use_copy,
    GiveOutput: give_output,
}
