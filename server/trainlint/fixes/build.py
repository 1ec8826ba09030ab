"""Remedies to edits, with the user's own names, indentation and line ends."""

from __future__ import annotations

import ast
from collections.abc import Callable

from ..finding import Applicability, Edit, Fix
from ..program.naming import LOSS, suggests
from ..rules.remedy import BackwardBefore, CallIt, ClearBetween, MoveAfter, MoveBefore, Remedy, SetRateTo, StepAfter
from ..source.parse import Site, span_of
from ..source.text import SourceText, Span
from .layout import Layout

_GUARDS = (ast.If, ast.For, ast.While, ast.Try, ast.Match)
_NOTE = " (changes training)"
_COMPOUND = (ast.If, ast.With, ast.Try, ast.For, ast.While)


def build(remedy: Remedy, tree: ast.Module, source: SourceText) -> Fix | None:
    """The fix for a remedy; None where the text leaves no safe place for it."""
    return _BUILDERS[type(remedy)](remedy, tree, source)


def _unsafe(title: str, *edits: Edit) -> Fix:
    return Fix(title + _NOTE, Applicability.UNSAFE, tuple(edits))


def _layout(site: Site, source: SourceText) -> Layout | None:
    layout = Layout(source, site.function)
    return layout if site.statement in layout.places else None


def _clear_between(remedy: ClearBetween, tree: ast.Module, source: SourceText) -> Fix | None:
    layout = _layout(remedy.step, source)
    if layout is None or not remedy.holder:
        return None
    call = f"{remedy.holder}.zero_grad()"
    step, backward = remedy.step.statement, remedy.backward.statement
    meeting = layout.meet(step, backward) if backward in layout.places else None
    if meeting is not None:
        step_top, backward_top = meeting
        if not isinstance(step_top, _GUARDS) and backward_top is not step_top:
            return _unsafe(f"Insert `{call}` before the backward", layout.before(backward_top, call))
    return _unsafe(f"Insert `{call}` after the step", layout.after(_with_update(layout, step), call))


def _with_update(layout: Layout, step: ast.stmt) -> ast.stmt:
    """The step, or the update of its gradient scaler right behind it."""
    following = layout.following(step)
    if following and ".step(" in _text(layout, step) and ".update()" in _text(layout, following[0]):
        return following[0]
    return step


def _text(layout: Layout, statement: ast.stmt) -> str:
    return layout.source.text[layout.start(statement) : layout.end(statement)]


def _prepares_step(layout: Layout, statement: ast.stmt) -> bool:
    """Clipping or unscaling, which belongs between a backward and its step."""
    if isinstance(statement, (ast.For, ast.While, ast.FunctionDef, ast.ClassDef)):
        return False
    text = _text(layout, statement)
    return "clip_grad" in text or ".unscale_(" in text


def _step_after(remedy: StepAfter, tree: ast.Module, source: SourceText) -> Fix | None:
    layout = _layout(remedy.backward, source)
    if layout is None or not remedy.optimizer or not layout.visible(remedy.optimizer, tree):
        return None
    calls = [f"{remedy.optimizer}.step()"]
    anchor = remedy.backward.statement
    if remedy.scaler is not None:
        calls = [f"{remedy.scaler}.step({remedy.optimizer})", f"{remedy.scaler}.update()"]
    title = f"Insert `{calls[0]}` after the backward"
    if remedy.clear is None:
        calls.append(f"{remedy.optimizer}.zero_grad()")
        title = f"Insert `{calls[0]}` and `{calls[-1]}` after the backward"
    if remedy.clear is not None and remedy.clear.statement in layout.places:
        meeting = layout.meet(anchor, remedy.clear.statement)
        if meeting is not None and isinstance(meeting[1], ast.If) and meeting[0] is not meeting[1]:
            behind = layout.places[meeting[1]].index > layout.places[meeting[0]].index
            if behind and _leaves(layout, remedy.clear.statement):
                anchor = meeting[1]
            elif behind:
                return _unsafe(f"Insert `{calls[0]}` before the clear", layout.before(remedy.clear.statement, *calls))
        if meeting is not None and meeting[0] is not meeting[1] and isinstance(meeting[0], _COMPOUND):
            anchor = meeting[0]
    for following in layout.following(anchor):
        if not _prepares_step(layout, following):
            break
        anchor = following
    rest = layout.following(anchor)
    if rest and remedy.scaler is not None and f"{remedy.scaler}.update()" in _text(layout, rest[0]):
        calls.remove(f"{remedy.scaler}.update()")
    return _unsafe(title, layout.after(anchor, *calls))


def _leaves(layout: Layout, statement: ast.stmt) -> bool:
    """The turn or the function ends with the suite of `statement`: what follows does not run."""
    return isinstance(layout.places[statement].suite[-1], (ast.Continue, ast.Break, ast.Return, ast.Raise))


def _backward_before(remedy: BackwardBefore, tree: ast.Module, source: SourceText) -> Fix | None:
    layout = _layout(remedy.step, source)
    found = _nearest_loss(layout, remedy.step.statement) if layout is not None else None
    if layout is None or found is None:
        return None
    loss, anchor = found
    if _is_consumed(loss, layout.preceding(anchor)):
        return None
    if not _is_periodic(anchor):
        anchor = remedy.step.statement
    for earlier in reversed(layout.preceding(anchor)):
        if not _prepares_step(layout, earlier):
            break
        anchor = earlier
    call = f"{remedy.scaler}.scale({loss}).backward()" if remedy.scaler else f"{loss}.backward()"
    if remedy.through is not None and layout.visible(remedy.through, tree):
        call = f"{remedy.through}({loss})"
    return _unsafe(f"Insert `{call}` before the step", layout.before(anchor, call))


def _nearest_loss(layout: Layout, step: ast.stmt) -> tuple[str, ast.stmt] | None:
    """The loss assigned last before the step, and the statement of its suite that leads to the step."""
    for top in layout.chain(step):
        for earlier in reversed(layout.preceding(top)):
            name = _assigned_loss(earlier)
            if name is not None:
                return name, top
    return None


def _is_periodic(statement: ast.stmt) -> bool:
    """A guard that lets every k-th turn through, or the last of a window: gradients gather in front of it."""
    if not isinstance(statement, ast.If):
        return True
    words = ast.unparse(statement.test).lower()
    return "%" in words or "accum" in words or "sync" in words


def _is_consumed(loss: str, statements: list[ast.stmt]) -> bool:
    """Gradients of `loss` were asked for before, which frees its graph."""
    return any(
        isinstance(node, ast.Call)
        and ast.unparse(node.func).rpartition(".")[2] == "grad"
        and bool(node.args)
        and ast.unparse(node.args[0]) == loss
        for statement in statements
        for node in ast.walk(statement)
    )


def _assigned_loss(statement: ast.stmt) -> str | None:
    if isinstance(statement, (ast.With, ast.AsyncWith)):
        for inner in reversed(statement.body):
            name = _assigned_loss(inner)
            if name is not None:
                return name
    if isinstance(statement, ast.Assign) and not isinstance(statement.value, ast.Constant):
        for target in statement.targets:
            for part in target.elts if isinstance(target, ast.Tuple) else [target]:
                if isinstance(part, (ast.Name, ast.Attribute)) and suggests(ast.unparse(part).rpartition(".")[2], LOSS):
                    detached = isinstance(statement.value, ast.Call) and ast.unparse(statement.value).endswith(".item()")
                    return None if detached else ast.unparse(part)
    return None


def _move(moved: Site, anchor: Site, source: SourceText, *, before: bool) -> Fix | None:
    layout = _layout(moved, source)
    if layout is None or anchor.statement not in layout.places or moved.statement is anchor.statement:
        return None
    if any(isinstance(outer, ast.If) for outer in _between(layout, moved.statement, anchor.statement)):
        return None
    taken = layout.remove(moved.statement)
    if taken is None:
        return None
    removal, text = taken
    target = anchor.statement
    meeting = layout.meet(moved.statement, target)
    if not before and meeting is not None and layout.start(moved.statement) < layout.start(target):
        target = meeting[1]
    if not before:
        for following in layout.following(target):
            if following is moved.statement or not _prepares_step(layout, following):
                break
            target = following
    if not layout.owns_lines(target) and "#" in text:
        return None
    edit = layout.before(target, text) if before else layout.after(target, text)
    where = "before" if before else "after"
    plain = text.partition("#")[0].strip()
    if edit.span.start == removal.span.start or removal.span.contains(edit.span):
        return None
    return _unsafe(f"Move `{plain}` {where} the backward", *sorted((edit, removal), key=lambda one: one.span))


def _between(layout: Layout, moved: ast.stmt, anchor: ast.stmt) -> list[ast.stmt]:
    """Compound statements around `moved` that are not around `anchor`."""
    around = set(layout.chain(anchor)[1:])
    return [statement for statement in layout.chain(moved)[1:] if statement not in around]


def _move_before(remedy: MoveBefore, tree: ast.Module, source: SourceText) -> Fix | None:
    return _move(remedy.moved, remedy.anchor, source, before=True)


def _move_after(remedy: MoveAfter, tree: ast.Module, source: SourceText) -> Fix | None:
    return _move(remedy.moved, remedy.anchor, source, before=False)


def _call_it(remedy: CallIt, tree: ast.Module, source: SourceText) -> Fix | None:
    span = span_of(remedy.site.node, source)
    edit = Edit(Span(span.end, span.end), "()")
    return Fix(f"Call `{source.slice(span)}()`", Applicability.SAFE, (edit,))


def _set_rate(remedy: SetRateTo, tree: ast.Module, source: SourceText) -> Fix | None:
    node = remedy.node.value if isinstance(remedy.node, ast.keyword) else remedy.node
    literal = node.operand if isinstance(node, ast.UnaryOp) else node
    if not isinstance(literal, ast.Constant):
        return None
    return _unsafe(f"Set the learning rate to {remedy.value:g}, the default", Edit(span_of(node, source), f"{remedy.value:g}"))


_BUILDERS: dict[type, Callable[..., Fix | None]] = {
    ClearBetween: _clear_between,
    StepAfter: _step_after,
    BackwardBefore: _backward_before,
    MoveBefore: _move_before,
    MoveAfter: _move_after,
    CallIt: _call_it,
    SetRateTo: _set_rate,
}
