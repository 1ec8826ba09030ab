"""Where in a function a missing clear, backward or step belongs."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass

from ..program.naming import SCALER, names_scheduler, suggests, words
from .layout import Layout
from .losses import JUMPS, Losses, returned_loss
from .style import clears_behind
from .training_calls import LOOPS, Call, Calls, Kind, calls_in

_GRADIENT_OF_INPUT = re.compile(r"=[^=\n]*\b(?!p\b|param\b|parameter\b|weight\b)\w+\.grad\b(?!\s*[=(])")
"""The gradient of something that is no parameter is put to use."""
_GUARDS = (ast.If, *LOOPS, ast.Try, ast.Match)


@dataclass(frozen=True, slots=True)
class Spot:
    """In front of `statement`, or behind it."""

    statement: ast.stmt
    before: bool


def places_of_clear(layout: Layout, step: ast.stmt, backward: ast.stmt, holder: str, tree: ast.Module) -> list[tuple[str, Spot]]:
    """Where gradients can be cleared between `step` and the next backward, in words and in the text; the better first."""
    calls = Calls(layout)
    behind = "after the step", _behind_step(layout, calls, step)
    spot = _in_front_of_backwards(layout, calls, step, backward)
    if spot is None:
        return [behind]
    in_front = "before the backward", spot
    if len(_serving(layout, calls, step)) < len(calls.group(step).backwards):
        return [in_front]  # behind the step it would leave the gradients of the others
    return [behind, in_front] if clears_behind(calls, step, holder, tree) else [in_front, behind]


def _in_front_of_backwards(layout: Layout, calls: Calls, step: ast.stmt, backward: ast.stmt) -> Spot | None:
    """In front of the first backward that serves `step`; None where the clear must share the step's guard."""
    group = calls.group(step)
    backwards = _serving(layout, calls, step)
    if not backwards and backward in layout.places:
        backwards = [backward]
    backwards += _of_other_steps(calls, step)
    meetings = [meeting for one in backwards if (meeting := layout.meet(step, one)) is not None]
    if not meetings:
        return None
    step_top, first = min(meetings, key=lambda meeting: (layout.start(meeting[0]), layout.start(meeting[1])))
    if first is step_top and _both_step(layout, calls, step) is step_top:
        return Spot(step_top, before=True)
    if first is step_top or (isinstance(step_top, _GUARDS) and step_top is not step):
        return None
    mine = layout.places[first].suite
    if any(_leaves_early(one) for one in mine[layout.places[first].index + 1 : layout.places[step_top].index]):
        return None
    for clear in group.clears:
        beside = next((outer for outer in layout.chain(clear.statement) if layout.places[outer].suite is mine), None)
        if beside is not None and layout.start(beside) < layout.start(first):
            return Spot(beside, before=clear.what not in [sibling.what for sibling in group.earlier])
    return Spot(first, before=True)


def _serving(layout: Layout, calls: Calls, step: ast.stmt) -> list[ast.stmt]:
    """The backwards of a step without those whose gradients are read, for an attack or a picture, before the next one."""
    backwards = [call.statement for call in calls.group(step).backwards]
    found: list[ast.stmt] = []
    for one in backwards:
        if found and _GRADIENT_OF_INPUT.search(layout.source.text[layout.end(found[-1]) : layout.start(one)]):
            found.clear()
        found.append(one)
    return found


def _leaves_early(statement: ast.stmt) -> bool:
    """A guard that keeps some turns from what stands behind it."""
    return isinstance(statement, ast.If) and isinstance(statement.body[-1], (ast.Continue, ast.Return))


def _of_other_steps(calls: Calls, step: ast.stmt) -> list[ast.stmt]:
    """The backwards that serve other steps of the same optimizer on other ways through the same loop."""
    mine, loop = calls.of(step), calls.loop(step)
    found: list[ast.stmt] = []
    for call in calls.all:
        same = mine is not None and call.kind is Kind.STEP and call.what == mine.what and call.statement is not step
        if same and calls.loop(call.statement) is loop:
            found += [backward.statement for backward in calls.group(call.statement).backwards]
    return found


def _behind_step(layout: Layout, calls: Calls, step: ast.stmt) -> Spot:
    """Behind the step, the update of its scaler and that of its schedule; among the clears of the steps beside it."""
    group = calls.group(step)
    earlier = {sibling.what for sibling in group.earlier}
    later = {sibling.what for sibling in group.later}
    anchor = _both_step(layout, calls, step)
    if anchor is not step:
        return Spot(anchor, before=False)
    for following in layout.following(step):
        call = calls.of(following)
        if call is None:
            if not belongs_to_step(following):
                break
            anchor = following
        elif call.kind is Kind.CLEAR:
            if call.what in later:
                return Spot(following, before=True)
            if call.what not in earlier:
                break
            anchor = following
        elif call.kind is Kind.BACKWARD:
            break
    return Spot(anchor, before=False)


def _both_step(layout: Layout, calls: Calls, step: ast.stmt) -> ast.stmt:
    """The choice of which each side steps the same optimizer, else the step."""
    mine, owner = calls.of(step), layout.places[step].owner
    if mine is None or not isinstance(owner, ast.If) or not owner.orelse:
        return step
    other = owner.orelse if layout.places[step].suite is owner.body else owner.body
    inside = [call for statement in other for call in _calls_below(statement)]
    steps = any(call.kind is Kind.STEP and call.what == mine.what for call in inside)
    clears = any(call.kind is Kind.CLEAR for call in inside)
    return owner if steps and not clears else step


def belongs_to_step(statement: ast.stmt) -> bool:
    """The update of a gradient scaler, or the step of a schedule."""
    func = statement.value.func if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call) else None
    if not isinstance(func, ast.Attribute):
        return False
    receiver = ast.unparse(func.value)
    return (func.attr == "update" and suggests(receiver, SCALER)) or (func.attr == "step" and names_scheduler(receiver))


def place_in_closure(layout: Layout) -> tuple[str, Spot] | None:
    """The loss that a closure returns and the place in front of that."""
    found = returned_loss(layout)
    differentiates = any(call.kind is Kind.BACKWARD for call in Calls(layout).all)
    return (found[0], Spot(found[1], before=True)) if found is not None and not differentiates else None


def place_of_step(layout: Layout, backward: ast.stmt, clear: ast.stmt | None, optimizer: str) -> Spot | None:
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
            return Spot(_before_schedule(layout, clear), before=True)
        if not guarded and behind and _may_leave(layout, gathered, cleared):
            return Spot(cleared, before=True)
        if gathered is not cleared:
            anchor = _gathering(layout, backward, gathered)
        if guarded and behind:
            anchor = cleared
    anchor = prepared(layout, _last_backward(layout, anchor, clear))
    return Spot(_among_steps(layout, anchor, optimizer), before=False)


def update_without_step(layout: Layout, backward: ast.stmt, scaler: str) -> ast.stmt | None:
    """The update of a gradient scaler behind `backward` that has no step in front of it, which belongs there."""
    update = f"{scaler}.update()"
    for statement in sorted(layout.places, key=layout.start):
        if layout.start(statement) > layout.start(backward) and layout.text(statement) == update:
            around = layout.chain(statement)
            before = [earlier for outer in around for earlier in layout.preceding(outer)]
            behind = [one for one in before if layout.start(one) > layout.start(backward)]
            return None if any(f"{scaler}.step(" in layout.text(one) for one in behind) else statement
    return None


def _gathering(layout: Layout, backward: ast.stmt, outermost: ast.stmt) -> ast.stmt:
    """The outermost loop, or choice between backwards, up to `outermost`, after which all gradients are there."""
    anchor = backward
    chain = layout.chain(backward)
    for outer in chain[1 : chain.index(outermost) + 1]:
        direct = layout.places[anchor].owner is outer
        if (
            isinstance(outer, LOOPS)
            or (direct and isinstance(outer, (ast.With, ast.AsyncWith)) and _is_scope_of_gradients(outer))
            or (direct and isinstance(outer, ast.If) and _both_differentiate(outer))
        ):
            anchor = outer
    return anchor


def _before_schedule(layout: Layout, clear: ast.stmt) -> ast.stmt:
    """The clear, or the updates in front of it that follow a step."""
    anchor = clear
    for earlier in reversed(layout.preceding(clear)):
        if not belongs_to_step(earlier):
            break
        anchor = earlier
    return anchor


def _is_scope_of_gradients(block: ast.With | ast.AsyncWith) -> bool:
    """A context for the loss or its backward, not for the whole turn: nothing else is in it."""
    words = " ".join(ast.unparse(item.context_expr) for item in block.items)
    return any(word in words for word in ("autocast", "scale_loss", "no_sync", "detect_anomaly", "enable_grad"))


def _both_differentiate(choice: ast.If) -> bool:
    """Both sides have a backward, and neither a step of its own."""

    def kinds(suite: list[ast.stmt]) -> set[Kind]:
        return {call.kind for statement in suite for call in _calls_below(statement)}

    sides = kinds(choice.body), kinds(choice.orelse)
    return all(Kind.BACKWARD in side and Kind.STEP not in side for side in sides)


def _calls_below(statement: ast.stmt) -> list[Call]:
    simple = [node for node in ast.walk(statement) if isinstance(node, ast.stmt)]
    return [call for one in simple if not hasattr(one, "body") for call in calls_in(one)]


def _among_steps(layout: Layout, anchor: ast.stmt, optimizer: str) -> ast.stmt:
    """`anchor`, or the last of the steps right behind it whose optimizers are cleared before `optimizer` is."""
    calls = Calls(layout)
    order = calls.cleared(calls.loop(anchor))
    if optimizer not in order:
        return anchor
    for following in layout.following(anchor):
        steps = [call.what for call in calls_in(following) if call.kind is Kind.STEP] if isinstance(following, ast.Expr) else []
        if not steps or steps[0] not in order or order.index(steps[0]) > order.index(optimizer):
            break
        anchor = following
    return anchor


def _may_leave(layout: Layout, first: ast.stmt, last: ast.stmt) -> bool:
    """The turn may end between two statements of one suite."""
    between = layout.places[first].suite[layout.places[first].index + 1 : layout.places[last].index]
    return any(isinstance(statement, ast.If) and leaves(statement.body) for statement in between)


def leaves(suite: list[ast.stmt]) -> bool:
    """The turn or the function ends with this suite: what follows does not run."""
    return isinstance(suite[-1], JUMPS)


def first_backward(layout: Layout, anchor: ast.stmt) -> ast.stmt:
    """The first of the backwards of one suite that add up in one gradient with `anchor`."""
    return _farthest_backward(layout, anchor, layout.preceding(anchor)[::-1])


def _last_backward(layout: Layout, anchor: ast.stmt, clear: ast.stmt | None) -> ast.stmt:
    return _farthest_backward(layout, anchor, layout.following(anchor), clear)


def _farthest_backward(layout: Layout, anchor: ast.stmt, others: list[ast.stmt], clear: ast.stmt | None = None) -> ast.stmt:
    """The last of `others` that is a backward, before anything is applied or cleared, by `clear` where that is known."""
    clearing = layout.chain(clear) if clear is not None else []
    farthest = anchor
    for other in others:
        text = layout.text(other)
        if (
            ".zero_grad(" in text
            or ".step(" in text
            or clears_by_hand(other)
            or other in clearing
            or (clear is None and _may_clear(other))
        ):
            break
        if isinstance(other, ast.Expr) and "backward(" in text:
            farthest = other
    return farthest


def clears_by_hand(statement: ast.stmt) -> bool:
    """Gradients are set to nothing, or to zero, one parameter after the other."""
    if not isinstance(statement, ast.For):
        return False
    gradients = [node for node in ast.walk(statement) if isinstance(node, ast.Attribute) and node.attr == "grad"]
    called = [ast.unparse(node.func) for node in ast.walk(statement) if isinstance(node, ast.Call)]
    written = any(not isinstance(gradient.ctx, ast.Load) for gradient in gradients)
    return written or any(name.endswith(".grad.zero_") for name in called)


def _may_clear(statement: ast.stmt) -> bool:
    """A call of a function that clears or steps, by its name."""
    call = statement.value if isinstance(statement, ast.Expr) else None
    if not isinstance(call, ast.Call):
        return False
    name = words(ast.unparse(call.func).rpartition(".")[2])
    return not name.isdisjoint({"zero", "reset", "clear", "step", "update", "optimize"})


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
    return any(word in text for word in (".zero_grad(", ".step(", "backward(")) or clears_by_hand(statement)


def prepares_step(layout: Layout, statement: ast.stmt) -> bool:
    """Clipping or unscaling, which belongs between a backward and its step."""
    if isinstance(statement, (*LOOPS, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return False
    text = layout.text(statement)
    return "clip_grad" in text or ".unscale_(" in text


def is_served(layout: Layout, step: ast.stmt) -> bool:
    """As many backwards stand in front of `step` and the steps beside it as there are steps."""
    group = Calls(layout).group(step)
    return len(group.backwards) > len(group.earlier) + len(group.later)


def place_of_backward(
    layout: Layout, step: ast.stmt, optimizer: str, tree: ast.Module, *, named: bool
) -> tuple[str, Spot] | None:
    """The loss to differentiate and where that must happen; None where neither is clear."""
    calls = Calls(layout)
    losses = Losses(calls, tree)
    if named and losses.differentiated_late(step):
        return None
    loss = losses.waiting(step, optimizer, named)
    if loss is None:
        return None
    meeting = layout.meet(loss.statement, step)
    if meeting is None or meeting[0] is meeting[1]:
        return None
    text = losses.written(loss)
    computed, anchor = meeting
    inner = losses.inner_loop(loss, step)
    if inner is not None and not loss.gathers:
        if any(call.kind is Kind.STEP and call.what == optimizer and inner in layout.chain(call.statement) for call in calls.all):
            return None  # it waits for that step
        return text, Spot(_end_of_computation(layout, loss.statement, inner), before=False)
    guard = losses.guard(loss, step)
    if guard is not None:
        return text, Spot(_out_of_precision(layout, loss.statement, guard), before=False)
    for earlier in layout.preceding(anchor):
        scaled = scaled_in(earlier, text) if layout.start(earlier) > layout.start(computed) else None
        if scaled is not None:
            return scaled
    if anchor is not step and isinstance(anchor, ast.If) and _both_step(layout, calls, step) is anchor:
        return text, Spot(anchor, before=True)
    if anchor is not step and isinstance(anchor, ast.If) and (loss.gathers or not _gathers_before(layout, anchor, step)):
        anchor = step
    if anchor is step:
        beside = _beside_backward(layout, calls, step, layout.end(loss.statement))
        if beside is not None:
            return text, beside
        for sibling in calls.group(step).earlier:
            same = layout.places[sibling.statement].suite is layout.places[step].suite
            if same and layout.start(sibling.statement) > layout.start(computed):
                anchor = sibling.statement
                break
    for earlier in reversed(layout.preceding(anchor)):
        if earlier is computed or _begins_anew(layout, earlier):
            break
        if prepares_step(layout, earlier):
            anchor = earlier
    return text, Spot(anchor, before=True)


def scaled_in(statement: ast.stmt, loss: str) -> tuple[str, Spot] | None:
    """What a context makes of a loss, to be differentiated inside of it: `with scale_loss(loss, ...) as scaled_loss`."""
    if not isinstance(statement, ast.With):
        return None
    clips = "clip_grad" in ast.unparse(statement.body[0])
    for item in statement.items:
        call, name = item.context_expr, item.optional_vars
        if isinstance(call, ast.Call) and isinstance(name, ast.Name) and loss in [ast.unparse(one) for one in call.args]:
            return name.id, Spot(statement.body[0 if clips else -1], before=clips)
    return None


def loss_before(layout: Layout, statement: ast.stmt, tree: ast.Module) -> str | None:
    """The loss in front of `statement` that nothing else differentiates, else the one that is differentiated last."""
    calls = Calls(layout)
    loss = Losses(calls, tree).waiting(statement, "")
    if loss is not None:
        return loss.name
    start = layout.start(statement)
    told = [call.what for call in calls.all if call.kind is Kind.BACKWARD and layout.start(call.statement) < start]
    return told[-1] if told and told[-1].replace(".", "").isidentifier() else None


def _end_of_computation(layout: Layout, assigned: ast.stmt, loop: ast.stmt) -> ast.stmt:
    """The statement after which a loss is computed on every way through a turn of `loop`, out of contexts that are
    for the computation alone."""
    anchor = assigned
    for outer in layout.chain(assigned)[1:]:
        if outer is loop or not (_is_precision(outer) or isinstance(outer, (ast.If, ast.Try))):
            break
        anchor = outer
    return anchor


def _out_of_precision(layout: Layout, assigned: ast.stmt, guard: ast.stmt) -> ast.stmt:
    """`assigned`, or the context of mixed precision around it, under `guard`."""
    anchor = assigned
    for outer in layout.chain(assigned)[1:]:
        if outer is guard or not _is_precision(outer):
            break
        anchor = outer
    return anchor


def _is_precision(block: ast.stmt) -> bool:
    """A context of mixed precision, which is for the forward pass."""
    items = block.items if isinstance(block, (ast.With, ast.AsyncWith)) else []
    return any(suggests(ast.unparse(item.context_expr), frozenset({"autocast", "amp", "ctx"})) for item in items)


def _gathers_before(layout: Layout, guard: ast.If, step: ast.stmt) -> bool:
    """Gradients are computed in front of a guard: every turn adds to them, and some turns apply them."""
    if is_periodic(guard) or any(prepares_step(layout, earlier) for earlier in layout.preceding(guard)[-2:]):
        return True
    inside = [call for statement in guard.body for call in _calls_below(statement)]
    kinds = [call.kind for call in inside]
    if Kind.CLEAR not in kinds or Kind.STEP not in kinds:
        return False
    return kinds.index(Kind.CLEAR) > kinds.index(Kind.STEP) and not _names_phase(guard)


def _names_phase(guard: ast.If) -> bool:
    """Training and evaluation share the code, or the optimizer may be missing."""
    said = words(ast.unparse(guard.test))
    return not said.isdisjoint({"train", "training", "phase", "none", "optimizer", "opt", "eval", "test"})


def _beside_backward(layout: Layout, calls: Calls, step: ast.stmt, after: int) -> Spot | None:
    """Where several backwards stand in front of as many steps, each has the place of its step."""
    group = calls.group(step)
    steps = len(group.earlier) + len(group.later) + 1
    if steps < 2 or len(group.backwards) != steps - 1:
        return None
    following = group.backwards[len(group.earlier) :]
    if not following or layout.start(following[0].statement) < after:
        return None
    if layout.places[following[0].statement].suite is not layout.places[step].suite:
        return None
    return Spot(following[0].statement, before=True)


def is_periodic(statement: ast.stmt) -> bool:
    """A guard that lets every k-th turn through, or the last of a window: gradients gather in front of it."""
    if not isinstance(statement, ast.If):
        return True
    words = ast.unparse(statement.test).lower()
    return "%" in words or "accum" in words or "sync" in words
