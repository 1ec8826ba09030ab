"""The clear, the backward or the step that training lacks."""

from __future__ import annotations

import ast

from ..finding import Edit, Fix
from ..program.naming import words
from ..rules.remedy import BackwardBefore, ClearBetween, StepAfter
from ..source.parse import Site, span_of
from ..source.text import SourceText
from .arms import (
    around,
    backward_in,
    drawn_by_loops,
    guarded_as,
    lacking,
    lacking_step,
    place_of_clear_in,
    place_of_step_in,
    roots,
    side_of,
)
from .layout import Layout, layout_of
from .offer import unsafe
from .placement import (
    Spot,
    first_backward,
    is_served,
    place_in_closure,
    place_of_backward,
    place_of_step,
    places_of_clear,
    update_without_step,
)
from .style import clears_behind, differentiates_through
from .training_calls import Calls, Kind, differentiated


def _insert(layout: Layout, spot: Spot, *calls: str) -> Edit:
    return layout.before(spot.statement, *calls) if spot.before else layout.after(spot.statement, *calls)


def clear_between(remedy: ClearBetween, tree: ast.Module, source: SourceText) -> Fix | None:
    layout = layout_of(remedy.step, source)
    if layout is None or not remedy.holder:
        return None
    call = f"{remedy.holder}.zero_grad()"
    backward = remedy.backward
    if backward.function in functions_given(remedy.step, tree):
        inner = layout_of(backward, source)
        if inner is None or remedy.behind:
            return None
        return unsafe(f"Insert `{call}` before the backward", inner.before(first_backward(inner, backward.statement), call))
    side = side_of(layout, remedy.arm, without=remedy.step.statement)
    if side is not None:
        edit = _insert(layout, place_of_clear_in(Calls(layout), side), call)
        return unsafe(f"Insert `{call}` {side.described}", edit) if not remedy.behind else None
    step, training = remedy.step.statement, Calls(layout)
    spots = places_of_clear(layout, step, backward.statement, remedy.holder, tree)
    inside = backward.statement in layout.places
    guard = guarded_as(training, step, backward.statement, Kind.CLEAR) if inside and len(spots) == 1 else None
    if guard is not None and not (roots(remedy.holder) & drawn_by_loops(layout, step, guard.choice)):
        spots.insert(
            clears_behind(training, step, remedy.holder, tree), ("before the backward", Spot(guard.suite[0], before=True))
        )
    if remedy.behind and len(spots) == 1:
        return None
    where, spot = spots[remedy.behind]
    return unsafe(f"Insert `{call}` {where}", _insert(layout, spot, call))


def functions_given(step: Site, tree: ast.Module) -> list[ast.AST]:
    """The functions of this text that are handed to the call of a step: it differentiates through them."""
    given = {argument.id for argument in getattr(step.node, "args", ()) if isinstance(argument, ast.Name)}
    found = (node for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)))
    return [node for node in found if node.name in given] if given else []


def step_after(remedy: StepAfter, tree: ast.Module, source: SourceText) -> Fix | None:
    layout = layout_of(remedy.backward, source)
    if layout is None or not remedy.optimizer or not layout.visible(remedy.optimizer, tree):
        return None
    function = remedy.backward.function
    if remedy.closure or "closure" in words(getattr(function, "name", "")):
        return _step_with(remedy.optimizer, function, tree, source)
    clear = remedy.clear.statement if remedy.clear is not None else None
    if clear is not None and clear not in layout.places:
        clear = None
    backward = remedy.backward.statement
    training = Calls(layout)
    side = side_of(layout, remedy.arm, without=backward) or lacking(training, backward, Kind.STEP)
    side = side or lacking_step(training, backward, layout.spelled(remedy.optimizer, tree))
    if side is None and clear is not None and not (roots(remedy.optimizer) & drawn_by_loops(layout, clear, backward)):
        side = guarded_as(training, clear, backward, Kind.STEP)
    spot = place_of_step_in(layout, side) if side is not None else place_of_step(layout, backward, clear, remedy.optimizer)
    if spot is None:
        return None
    optimizer = layout.spelled(remedy.optimizer, tree)
    calls = [f"{optimizer}.step()"]
    if remedy.scaler is not None:
        update = f"{remedy.scaler}.update()"
        calls = [f"{remedy.scaler}.step({optimizer})", update]
        lonely = update_without_step(layout, backward, remedy.scaler)
        if lonely is not None:
            return unsafe(f"Insert `{calls[0]}` before the update", layout.before(lonely, calls[0]))
        if any(update in layout.text(following) for following in layout.following(spot.statement)):
            calls.remove(update)
    elif remedy.clear is not None:
        calls += [f"{other}.step()" for other in remedy.others if layout.visible(other, tree)]
    if side is not None:
        return unsafe(f"Insert `{calls[0]}` {side.described}", _insert(layout, spot, *calls))
    if spot.before:
        return unsafe(f"Insert `{calls[0]}` before the clear", layout.before(spot.statement, *calls))
    title = f"Insert {' and '.join(f'`{call}`' for call in calls if '.step(' in call)} after the backward"
    if remedy.clear is None and not remedy.engine:
        calls.append(f"{optimizer}.zero_grad()")
        title = f"Insert `{calls[0]}` and `{calls[-1]}` after the backward"
    return unsafe(title, layout.after(spot.statement, *calls))


def _step_with(optimizer: str, closure: ast.AST, tree: ast.Module, source: SourceText) -> Fix | None:
    """A step that is handed `closure`: in place of the one call of it, or behind its definition where nothing uses it."""
    if not isinstance(closure, ast.FunctionDef) or closure.args.args:
        return None
    uses = [node for node in ast.walk(tree) if isinstance(node, ast.Name) and node.id == closure.name]
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and node.func in uses and not node.args]
    step = f"{optimizer}.step({closure.name})"
    if len(uses) == 1 and len(calls) == 1:
        return unsafe(f"Call `{step}`", Edit(span_of(calls[0], source), step))
    around = next((node for node in ast.walk(tree) if closure in (getattr(node, "body", None) or [])), None)
    if uses or around is None:
        return None
    return unsafe(f"Insert `{step}` behind the closure", Layout(source, around).after(closure, step))


def backward_before(remedy: BackwardBefore, tree: ast.Module, source: SourceText) -> Fix | None:
    layout = layout_of(remedy.step, source)
    closures = functions_given(remedy.step, tree)
    step, through = remedy.step.statement, remedy.through
    if closures:
        layout = Layout(source, closures[0])
    if layout is None:
        return None
    if through and not (layout.visible(through, tree) and differentiates_through(through, layout.function, tree)):
        through = None
    if closures:
        found = place_in_closure(layout)
    elif remedy.apart and is_served(layout, step):
        return None
    else:
        calls = Calls(layout)
        side = side_of(layout, remedy.arm, without=step) or lacking(calls, step, Kind.BACKWARD)
        found = None if side is not None else place_of_backward(layout, step, remedy.optimizer, tree, named=remedy.named)
        side = side or (around(calls, step, Kind.BACKWARD) if found is None else None)
        if side is not None:
            spelled = backward_in(calls, side, remedy.scaler, through)
            return spelled and unsafe(f"Insert `{spelled[0]}` {side.described}", _insert(layout, spelled[1], spelled[0]))
    if found is None:
        return None
    loss, spot = found
    call = differentiated(loss, remedy.scaler, through)
    return unsafe(f"Insert `{call}` before the step", _insert(layout, spot, call))
