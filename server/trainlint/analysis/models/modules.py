"""What a module contains: its parts in sight, and whether they have parameters, drop something or track statistics."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from enum import Enum
from functools import cached_property

from ...program import effects as fx
from ...program.effects import leaves
from ...program.frameworks.table import LayerContents, Switch, holds_what_it_is_given, is_empty_base, is_wired, layer_contents
from ...program.program import Program
from ...program.scope import ClassInfo
from ...program.things import Choice, Constant, Many, Mapping, Role, Sequence, Thing, Unknown, Value

_MAX_DEPTH = 12


class Content(Enum):
    """Something that modules may contain."""

    PARAMETERS = "parameters"
    DROPOUT = "dropout"
    BATCH_NORM = "batch norm"
    DRAWN = "weights drawn at random"


class Modules:
    def __init__(self, program: Program) -> None:
        self._program = program
        self._memo: dict[tuple[Thing, Content], bool | None] = {}

    def contains(self, thing: Thing, content: Content) -> bool | None:
        """Whether there is `content` in `thing`; None where that is out of sight."""
        return self._contains(thing, content, 0)

    def has_parameters(self, thing: Thing) -> bool | None:
        return self.contains(thing, Content.PARAMETERS)

    def is_module(self, info: ClassInfo) -> bool:
        """Objects of the class keep their parts in the way that modules do: every base is known, and none in sight
        has a way of its own."""
        known = any(
            is_empty_base(name) or layer_contents(name) is not None or holds_what_it_is_given(name) for name in info.outside
        )
        return known and "?" not in info.outside and info.find("__setattr__") is None

    def parts(self, thing: Thing) -> dict[str, Value] | None:
        """What the attributes of a module were given last, by name; None where its class is out of sight.

        Those of a copy are those of its original.
        """
        while thing.copy_of is not None:
            thing = thing.copy_of
        if thing.cls is None:
            return None
        bindings = self._program.bindings(thing)
        if not bindings and thing.cls.find("__init__") is not None:
            return None
        return {binding.attribute or "": binding.value for binding in bindings}

    def _contains(self, thing: Thing, content: Content, depth: int) -> bool | None:
        key = (thing, content)
        if key not in self._memo:
            self._memo[key] = None
            if depth < _MAX_DEPTH:
                self._memo[key] = self._look(thing, content, depth)
        return self._memo[key]

    def _look(self, thing: Thing, content: Content, depth: int) -> bool | None:
        if thing.copy_of is not None:
            return self._contains(thing.copy_of, content, depth + 1)
        if thing.role is Role.LEAF:
            return content is Content.PARAMETERS
        if thing.role is Role.LOSS_FUNCTION and thing.cls is None:
            return False
        if thing.cls is not None:
            return self._in_class(thing, thing.cls, content, depth)
        made = thing.created_by or ""
        if (is_wired(made) or holds_what_it_is_given(made)) and any(
            self._contains(held, content, depth + 1) for held in thing.holds
        ):
            return True
        if holds_what_it_is_given(made):
            given = _any(self._in_value(value, content, depth) for value in (*thing.positional, *thing.arguments.values()))
            return given if given or not self._may_have_changed(thing) else None
        contents = layer_contents(made)
        known = _of_layer(thing, contents, content) if contents is not None else None
        return known if known or not self._may_have_changed(thing) else None

    def _in_class(self, thing: Thing, info: ClassInfo, content: Content, depth: int) -> bool | None:
        parts = self.parts(thing)
        if parts is None:
            return None
        inside = _any(self._in_value(value, content, depth) for value in parts.values())
        if inside:
            return True
        known = all(is_empty_base(name) for name in info.outside) and thing not in self._changed[0]
        return inside if known else None

    def _in_value(self, value: Value, content: Content, depth: int) -> bool | None:
        if isinstance(value, Thing):
            if value.data or value.role in (Role.OPTIMIZER, Role.SCHEDULER, Role.SCALER, Role.OTHER):
                return False
            return self._contains(value, content, depth + 1)
        if isinstance(value, (Sequence, Choice)):
            items = value.items if isinstance(value, Sequence) else value.options
            found = [self._in_value(item, content, depth) for item in items]
            if isinstance(value, Choice):
                return found[0] if all(one is found[0] for one in found) else None
            return _any(found)
        if isinstance(value, Mapping):
            return _any(self._in_value(item, content, depth) for _, item in value.items)
        if isinstance(value, Many):
            return self._in_value(value.element, content, depth)
        return None if isinstance(value, Unknown) else False

    def _may_have_changed(self, thing: Thing) -> bool:
        return any(thing in changed for changed in self._changed)

    @cached_property
    def _changed(self) -> tuple[set[Thing], set[Thing]]:
        """Objects that code out of sight may have changed; those that got another part after they were built."""
        touched: set[Thing] = set()
        assigned: set[Thing] = set()
        for body in self._program.bodies:
            for effect in leaves(body):
                if isinstance(effect, fx.Unseen):
                    touched |= effect.touches
                elif isinstance(effect, fx.Grow):
                    touched |= set(effect.things)
                elif isinstance(effect, fx.Assign):
                    thing: Thing | None = effect.thing
                    while thing is not None and thing not in assigned:
                        assigned.add(thing)
                        thing = thing.parent
        return touched, assigned


def _any(found: Iterable[bool | None]) -> bool | None:
    """Whether one of several is so."""
    answers = list(found)
    return True if True in answers else None if None in answers else False


def _of_layer(thing: Thing, contents: LayerContents, content: Content) -> bool | None:
    if content is Content.DRAWN:
        return contents.drawn
    state = {
        Content.PARAMETERS: contents.parameters,
        Content.DROPOUT: contents.dropout,
        Content.BATCH_NORM: contents.batch_norm,
    }[content]
    if not isinstance(state, Switch):
        return state
    given = thing.arguments.get(state.argument)
    if given is None and state.position is not None and len(thing.positional) > state.position:
        given = thing.positional[state.position]
    if given is None:
        return None if "**" in thing.arguments else bool(state.default)
    return bool(given.value) if isinstance(given, Constant) else None


def modules_in(value: Value, depth: int = 6) -> Iterator[Thing]:
    """The modules that a value is, or is a collection of."""
    if depth == 0:
        return
    if isinstance(value, Thing):
        if value.role is Role.MODULE:
            yield value
    elif isinstance(value, (Sequence, Choice)):
        for item in value.items if isinstance(value, Sequence) else value.options:
            yield from modules_in(item, depth - 1)
    elif isinstance(value, Many):
        yield from modules_in(value.element, depth - 1)
    elif isinstance(value, Mapping):
        for _, item in value.items:
            yield from modules_in(item, depth - 1)
