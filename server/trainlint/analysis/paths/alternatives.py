"""Arms of a condition that is the same for the whole run: one does what its counterpart does not."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from ...program import effects as fx
from ...program.guards import And, Flag, Guard, Known, Not, Or, atoms

_KINDS = (fx.Backward, fx.Step, fx.Clear)
_FOR_A_STEP = (fx.Clip, fx.Unscale, fx.Rescale, fx.Adjust, fx.Schedule)


@dataclass(eq=False, frozen=True, slots=True)
class Arm:
    """Where `node.test` comes out as `truth` nothing of the kind of `counterparts` happens, which the other arm does.

    It is reached where what is `supposed` holds, or does not.
    """

    node: ast.If
    truth: bool
    counterparts: tuple[fx.Effect, ...]
    supposed: Mapping[Guard, bool]

    @property
    def described(self) -> str:
        return f"where `{ast.unparse(self.node.test)}` is {'true' if self.truth else 'false'}"

    @property
    def kind(self) -> type[fx.Effect]:
        return type(self.counterparts[0])


class _Turn:
    """The body of a loop, and what changes in it."""

    def __init__(self, body: fx.Block) -> None:
        self._body = body

    @cached_property
    def forgotten(self) -> set[str]:
        return {effect.variable for effect in fx.leaves(self._body) if isinstance(effect, fx.Forget)}

    @cached_property
    def made(self) -> set[str]:
        return {f"@{id(effect.thing)}" for effect in fx.leaves(self._body) if isinstance(effect, (fx.Rebind, fx.Create))}


class Alternatives:
    """The conditions of a body that do not change in the innermost loop around them, and their arms."""

    def __init__(self, body: fx.Block) -> None:
        self.lacking: list[Arm] = []
        self._supposed: dict[fx.Effect, Mapping[Guard, bool]] = {}
        self._look(body, _Turn(body), {})

    def exclude(self, one: fx.Effect, other: fx.Effect) -> bool:
        """They stand in different arms of one condition."""
        mine, theirs = self._supposed.get(one), self._supposed.get(other)
        if not mine or not theirs or mine is theirs:
            return False
        return any(theirs.get(guard, truth) is not truth for guard, truth in mine.items())

    def _look(self, block: fx.Block, turn: _Turn, supposed: Mapping[Guard, bool]) -> None:
        for item in block.items:
            if isinstance(item, fx.Effect):
                if isinstance(item, _KINDS):
                    self._supposed[item] = supposed
            elif isinstance(item, fx.Loop) and item.repeats:
                self._look(item.body, _Turn(item.body), supposed)
                self._look(item.orelse, turn, supposed)
            elif isinstance(item, fx.Branch) and _is_constant(item.guard, turn):
                for truth, side, other in ((True, item.body, item.orelse), (False, item.orelse, item.body)):
                    world = {**supposed, **_supposing(item.guard, truth)}
                    if item.node is not None and item.node.orelse and (truth or not _goes_on(item.node)):
                        self.lacking += _lacking(item.node, truth, side, other, world)
                    self._look(side, turn, world)
            else:
                for part in fx.blocks_of(item):
                    self._look(part, turn, supposed)


def _lacking(node: ast.If, truth: bool, side: fx.Block, other: fx.Block, world: Mapping[Guard, bool]) -> Iterator[Arm]:
    own, theirs = fx.leaves(side), fx.leaves(other)
    for kind in _KINDS:
        counterparts = tuple(effect for effect in theirs if isinstance(effect, kind))
        if kind is fx.Step and not any(isinstance(effect, _FOR_A_STEP) for effect in own):
            continue  # it may mean not to train
        if counterparts and not any(isinstance(effect, kind) for effect in own):
            yield Arm(node, truth, counterparts, world)


def _goes_on(node: ast.If) -> bool:
    """Its other arm is an `elif` and has arms of its own."""
    return len(node.orelse) == 1 and isinstance(node.orelse[0], ast.If)


def _is_constant(guard: Guard, turn: _Turn) -> bool:
    tested = atoms(guard)
    flags = [atom for atom in tested if isinstance(atom, Flag)]
    return bool(tested) and len(flags) == len(tested) and not any(_changes(flag, turn) for flag in flags)


def _changes(flag: Flag, turn: _Turn) -> bool:
    """A name that stands for the same object is bound again where a function is called again: this changes nothing."""
    objects = {variable for variable in flag.variables if variable.startswith("@")}
    names = {variable for variable in flag.variables if not variable.startswith(("@", "."))}
    if not objects.isdisjoint(turn.made) or not (flag.variables - names).isdisjoint(turn.forgotten):
        return True
    return len(names) > len(objects) and not names.isdisjoint(turn.forgotten)


def _supposing(guard: Guard, truth: bool) -> dict[Guard, bool]:
    """What has to hold, or not, for `guard` to come out as `truth`."""
    if isinstance(guard, Not):
        return _supposing(guard.guard, not truth)
    found: dict[Guard, bool] = {} if isinstance(guard, Known) else {guard: truth}
    if (isinstance(guard, And) and truth) or (isinstance(guard, Or) and not truth):
        for part in guard.guards:
            found |= _supposing(part, truth)
    return found
