"""Steps that apply nothing, or what was applied before, and optimizers that make none."""

from __future__ import annotations

from collections.abc import Iterator

from ...finding import Confidence
from ..facts import BACKWARD, Evidence, Fact, verb
from ..observation import OptimizerSeen, StepOfParameter
from ..status import Status, warming_up
from .graph import loss_without_parameters
from .holders import all_frozen


def _rows(evidence: Evidence, index: int) -> list[tuple[int, StepOfParameter]]:
    """What the steps of an optimizer did to each of its parameters, with the parameter's position."""
    mine = {at for at, _ in evidence.steps_of(index)}
    return [(at, row) for at in evidence.held_by(index) for row in evidence.judged[at].seen.steps if row.step in mine]


def stale(evidence: Evidence, index: int, optimizer: OptimizerSeen) -> Iterator[Fact]:
    about = sorted({at for at, row in _rows(evidence, index) if row.stale})
    uncleared = any(step.uncleared_closure for _, step in evidence.steps_of(index))
    if not about and not uncleared:
        return
    place, calls = evidence.place_of(index)
    backward = evidence.last_backward()
    name = optimizer.name
    if uncleared:
        yield Fact(
            "TRN113",
            f"`{name}.step()` calls its closure several times, and each call adds to the gradients before: "
            f"call `{name}.zero_grad()` in the closure",
            place,
            calls,
            ((backward, BACKWARD, "the gradients are added here"),) if backward else (),
        )
        return
    related = ((backward, BACKWARD, "new gradients are added to the applied ones here"),) if backward else ()
    for _, other in evidence.optimizers:
        if other is not optimizer and optimizer.clears == 0 and other.clears > other.completed + 1:
            yield Fact(
                "TRN102",
                f"`{name}.step()` applies gradients that were already applied: `{other.name}` is cleared "
                f"{other.clears} times in {other.completed} steps and `{name}` never: call `{name}.zero_grad()`",
                place,
                calls,
                related,
            )
            return
    held = [at for at in evidence.held_by(index) if evidence.judged[at].seen.received]
    which = "" if len(about) >= len(held) else f" of {evidence.names(about)}"
    yield Fact(
        "TRN101",
        f"`{name}.step()` applies gradients{which} that were already applied: nothing cleared them after the "
        f"step before; call `{name}.zero_grad()` before each backward pass",
        place,
        calls,
        related,
    )


def nothing_to_apply(evidence: Evidence, index: int, optimizer: OptimizerSeen) -> Iterator[Fact]:
    """An optimizer whose observed steps all found no gradient in any of its parameters."""
    rows = _rows(evidence, index)
    steps = [step for _, step in evidence.steps_of(index)]
    if not rows:
        return
    place, calls = evidence.place_of(index)
    name, about = optimizer.name, frozenset(at for at, _ in rows)
    if not any(row.trainable for _, row in rows):
        yield all_frozen(evidence, index)
        return
    if any(row.nonzero or row.clipped for _, row in rows):
        return
    if any(row.cleared for _, row in rows):
        backward = evidence.last_backward()
        related = ((backward, BACKWARD, "the gradients are computed here"),) if backward else ()
        if any(step.forward_since_backward for step in steps):
            text = "runs before the backward pass of its own turn, after the old gradients were cleared: move it behind"
            yield Fact(
                "TRN106",
                f"`{name}.step()` {text}; it has nothing to apply",
                place,
                calls,
                related,
                about=about,
            )
        else:
            text = "finds no gradients: they are cleared between the backward pass and the step; clear them earlier"
            yield Fact("TRN103", f"`{name}.step()` {text}", place, calls, related, about=about)
        return
    if all(step.backwards == 0 for step in steps):
        text = "has nothing to apply: no backward pass ran before it; call `backward()` on the loss first"
        yield Fact("TRN105", f"`{name}.step()` {text}", place, calls, about=about)
        return
    yield from loss_without_parameters(evidence, about)


def never_stepped(evidence: Evidence, index: int, optimizer: OptimizerSeen) -> Iterator[Fact]:
    seen = evidence.seen
    held = evidence.held_by(index)
    filled = [at for at in held if evidence.judged[at].seen.received]
    over = seen.ended in ("script", "exit")
    if optimizer.completed or optimizer.skipped or optimizer.mid_step or not filled or seen.manual_updates:
        return
    if not over and seen.limit != "backwards":
        return
    yield Fact(
        "TRN104",
        f"{seen.backward_count} backward {verb(seen.backward_count, 'pass', 'passes')} gave gradients to "
        f"parameters of `{optimizer.name}` and `{optimizer.name}.step()` never ran: call it after the backward pass",
        evidence.last_backward(),
        BACKWARD,
        confidence=Confidence.CERTAIN if over else Confidence.LIKELY,
        about=frozenset(held),
    )


def taken_away(evidence: Evidence, index: int, optimizer: OptimizerSeen) -> Iterator[Fact]:
    """Parameters whose gradients were cleared before each step, while others of the same optimizer kept theirs."""
    rows = _rows(evidence, index)
    last = {at: row for at, row in rows}
    about = [at for at, row in last.items() if row.cleared and evidence.judged[at].status is Status.NOT_STEPPED]
    if not about or not any(row.nonzero for _, row in rows):
        return
    place, calls = evidence.place_of(index)
    text = (
        f"`{optimizer.name}.step()` finds no gradient of {evidence.names(about)}: the backward pass gave one, and it was cleared"
    )
    yield Fact("TRNP13", f"{text}; right where this holds them still, else clear earlier", place, calls, about=frozenset(about))


def zero_rate(evidence: Evidence, index: int, optimizer: OptimizerSeen) -> Iterator[Fact]:
    about = [at for at in evidence.held_by(index) if evidence.judged[at].status is Status.RATE_ZERO]
    if not about:
        return
    if warming_up(evidence.seen):
        text = (
            "the learning rate is zero at this step: a warm-up begins, nothing changes yet; let more steps run to see them learn"
        )
        place, calls = evidence.place_of(index)
        yield Fact("TRNP12", text, place, calls, about=frozenset(about))
    else:
        which = "" if len(about) == len(evidence.held_by(index)) else f" of {evidence.names(about)}"
        text = f"the learning rate{which} in `{optimizer.name}` is zero: its steps change nothing; give it a rate"
        yield Fact("TRN401", text, optimizer.built, (optimizer.kind,), about=frozenset(about))


def rebuilt(evidence: Evidence) -> Iterator[Fact]:
    """Optimizers built at one line again and again for the same parameters, one step each: their state is lost."""
    lines: dict[tuple[str, int], list[int]] = {}
    for index, each in evidence.optimizers:
        if each.built is not None and each.completed == 1:
            lines.setdefault((each.built.path, each.built.line), []).append(index)
    for indices in lines.values():
        held = [set(evidence.held_by(index)) for index in indices]
        if len(indices) < 2 or not set.intersection(*held):
            continue
        first = evidence.seen.optimizers[indices[0]]
        text = f"`{first.kind}` is built anew for every step: momentum and averages are lost; build it once, before the loop"
        yield Fact("TRN112", text, first.built, (first.kind,))


def last_pass_only(evidence: Evidence, index: int, optimizer: OptimizerSeen) -> Iterator[Fact]:
    """An optimizer, the only one, whose every step finds the gradients of the last of several equal backward passes: those of
    the others were cleared. One pass thrown away is how others are meant, as in a step that looks ahead.
    """
    passes = {(each.at.path, each.at.line) for each in evidence.seen.backwards if each.at is not None}
    rows = [row for _, row in _rows(evidence, index) if row.passes]
    thrown = min((row.wasted for row in rows), default=0)
    if len(evidence.optimizers) > 1 or len(passes) != 1 or thrown < 2 or any(row.passes != row.wasted + 1 for row in rows):
        return
    place, calls = evidence.place_of(index)
    backward = evidence.last_backward()
    related = ((backward, BACKWARD, "they are computed here"),) if backward else ()
    text = f"applies the gradients of the last of {thrown + 1} backward passes, those of the others were cleared"
    advice = "step after each of them, or clear after the step"
    yield Fact("TRN107", f"`{optimizer.name}.step()` {text}: {advice}", place, calls, related)
