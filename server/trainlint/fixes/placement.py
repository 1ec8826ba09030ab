"""Where in a function a missing step or backward belongs."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from dataclasses import dataclass

from ..program.naming import LOSS, suggests
from .layout import Layout

_BLOCKS = (ast.If, ast.With, ast.Try, ast.For, ast.While)
_JUMPS = (ast.Continue, ast.Break, ast.Return, ast.Raise)
_COLLECTIONS = (ast.Dict, ast.List, ast.Set, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


@dataclass(frozen=True, slots=True)
class Spot:
    """In front of `statement`, or behind it."""

    statement: ast.stmt
    before: bool


def place_of_step(layout: Layout, backward: ast.stmt, clear: ast.stmt | None) -> Spot | None:
    """Where a step finds all the gradients of `backward`, in time before `clear`; None where that cannot be seen."""
    anchor = backward
    if clear is not None:
        meeting = layout.meet(backward, clear)
        if meeting is None:
            return None
        gathered, cleared = meeting
        behind = layout.places[cleared].index > layout.places[gathered].index
        guarded = isinstance(cleared, ast.If) and cleared is not gathered
        if guarded and not behind and is_periodic(cleared):
            return None
        if guarded and behind and not leaves(layout.places[clear].suite):
            return Spot(clear, before=True)
        if not guarded and behind and _may_leave(layout, gathered, cleared):
            return Spot(cleared, before=True)
        if gathered is not cleared and isinstance(gathered, _BLOCKS):
            anchor = gathered
        if guarded and behind:
            anchor = cleared
    return Spot(prepared(layout, _last_backward(layout, anchor)), before=False)


def _may_leave(layout: Layout, first: ast.stmt, last: ast.stmt) -> bool:
    """The turn may end between two statements of one suite."""
    between = layout.places[first].suite[layout.places[first].index + 1 : layout.places[last].index]
    return any(isinstance(statement, ast.If) and leaves(statement.body) for statement in between)


def leaves(suite: list[ast.stmt]) -> bool:
    """The turn or the function ends with this suite: what follows does not run."""
    return isinstance(suite[-1], _JUMPS)


def first_backward(layout: Layout, anchor: ast.stmt) -> ast.stmt:
    """The first of the backwards of one suite that add up in one gradient with `anchor`."""
    return _farthest_backward(layout, anchor, reversed(layout.preceding(anchor)))


def _last_backward(layout: Layout, anchor: ast.stmt) -> ast.stmt:
    return _farthest_backward(layout, anchor, layout.following(anchor))


def _farthest_backward(layout: Layout, anchor: ast.stmt, others: Iterable[ast.stmt]) -> ast.stmt:
    """The last of `others` that is a backward, before anything is applied or cleared."""
    farthest = anchor
    for other in others:
        text = layout.text(other)
        if ".zero_grad(" in text or ".step(" in text:
            break
        if isinstance(other, ast.Expr) and "backward(" in text:
            farthest = other
    return farthest


def prepared(layout: Layout, anchor: ast.stmt, *, but: ast.stmt | None = None) -> ast.stmt:
    """`anchor`, or the last of the clipping and unscaling that follow it, before anything is applied or cleared."""
    last = anchor
    for following in layout.following(anchor):
        if following is but or _begins_anew(layout, following):
            break
        if prepares_step(layout, following):
            last = following
    return last


def _begins_anew(layout: Layout, statement: ast.stmt) -> bool:
    text = layout.text(statement)
    return any(word in text for word in (".zero_grad(", ".step(", "backward("))


def prepares_step(layout: Layout, statement: ast.stmt) -> bool:
    """Clipping or unscaling, which belongs between a backward and its step."""
    if isinstance(statement, (ast.For, ast.While, ast.FunctionDef, ast.ClassDef)):
        return False
    text = layout.text(statement)
    return "clip_grad" in text or ".unscale_(" in text


def place_of_backward(layout: Layout, step: ast.stmt) -> tuple[str, ast.stmt] | None:
    """The loss to differentiate and the statement in front of which that must happen; None where neither is clear."""
    found = nearest_loss(layout, step)
    if found is None:
        return None
    loss, computed, anchor = found
    between = layout.places[anchor].suite[layout.places[computed].index + 1 : layout.places[anchor].index]
    if _is_consumed(loss, [computed, *between]):
        return None
    if anchor is not step and (_gathers(loss, computed) or not is_periodic(anchor)):
        anchor, between = step, []
    for earlier in between:
        rest = layout.places[anchor].suite[layout.places[earlier].index : layout.places[anchor].index]
        if ".step(" in layout.text(earlier) and not any(".zero_grad(" in layout.text(one) for one in rest):
            anchor = earlier
            break
    for earlier in reversed(layout.preceding(anchor)):
        if earlier is computed or _begins_anew(layout, earlier):
            break
        if prepares_step(layout, earlier):
            anchor = earlier
    return loss, anchor


def nearest_loss(layout: Layout, step: ast.stmt) -> tuple[str, ast.stmt, ast.stmt] | None:
    """The loss assigned last before the step, by which statement, and the statement of its suite that leads to the step."""
    for top in layout.chain(step):
        for earlier in reversed(layout.preceding(top)):
            name = _assigned_loss(earlier)
            if name is not None:
                return name, earlier, top
    return None


def is_periodic(statement: ast.stmt) -> bool:
    """A guard that lets every k-th turn through, or the last of a window: gradients gather in front of it."""
    if not isinstance(statement, ast.If):
        return True
    words = ast.unparse(statement.test).lower()
    return "%" in words or "accum" in words or "sync" in words


def _gathers(loss: str, computed: ast.stmt) -> bool:
    """The loss is a sum over turns: it is differentiated once, at the end."""
    return isinstance(computed, ast.Assign) and any(
        isinstance(node, (ast.Name, ast.Attribute)) and ast.unparse(node) == loss for node in ast.walk(computed.value)
    )


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
    if not isinstance(statement, ast.Assign) or isinstance(statement.value, (ast.Constant, *_COLLECTIONS)):
        return None
    if isinstance(statement.value, ast.Call) and ast.unparse(statement.value).endswith(".item()"):
        return None
    losses = [
        ast.unparse(part)
        for target in statement.targets
        for part in (target.elts if isinstance(target, ast.Tuple) else [target])
        if isinstance(part, (ast.Name, ast.Attribute)) and suggests(ast.unparse(part).rpartition(".")[2], LOSS)
    ]
    return losses[0] if len(losses) == 1 else None
