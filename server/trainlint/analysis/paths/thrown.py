"""What throws the gradients of a backward away."""

from __future__ import annotations

from ...program import effects as fx
from .events import Event
from .lifecycle import Lifecycle


def backward_of(event: Event) -> fx.Backward:
    assert isinstance(event.effect, fx.Backward)
    return event.effect


def clear_of(backward: Event, seen: Lifecycle) -> fx.Clear | None:
    """The clear that throws the gradients of `backward` away: the first of those in most of its loops."""

    def far(clear: Event) -> tuple[int, int]:
        return -sum(loop in clear.loops for loop in backward.loops), clear.order

    for clear in sorted((clear for clear, thrown in seen.discards if thrown is backward), key=far):
        if isinstance(clear.effect, fx.Clear):
            return clear.effect
    return None


def thrown_each_turn(backward: Event, seen: Lifecycle) -> tuple[Event, fx.Loop] | None:
    """A clear inside a loop around `backward` that throws its gradients away in every turn."""
    return None if backward in seen.accumulated else thrown_in_loop(backward, seen)


def thrown_in_loop(backward: Event, seen: Lifecycle) -> tuple[Event, fx.Loop] | None:
    """A clear in a loop around `backward`, the innermost, that throws its gradients away, perhaps those of several turns."""
    found = [
        (clear, [loop for loop in backward.loops if loop in clear.loops and loop.repeats])
        for clear, thrown in seen.discards
        if thrown is backward and clear.sure and isinstance(clear.effect, fx.Clear)
    ]
    clear, shared = max(found, key=lambda pair: (len(pair[1]), -pair[0].order), default=(None, []))
    return (clear, shared[-1]) if clear is not None and shared else None
