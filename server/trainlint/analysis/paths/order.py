"""In which order things happen: what comes before what on some path, and what is sure to have happened."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from ...program import effects as fx
from ...program.program import Program
from ...program.things import Thing

Kind = TypeVar("Kind", bound=fx.Effect)
Arms = tuple[tuple[fx.Region, int], ...]


@dataclass(eq=False, slots=True)
class Moment:
    """When an effect happens: `arms` are the regions around it, outermost first, each with the number of its block."""

    effect: fx.Effect
    index: int
    arms: Arms


class Order:
    """The effects of one body, in the order of the program. `first`: it runs before all bodies that are not."""

    def __init__(self, body: fx.Block, *, first: bool = False) -> None:
        self.first = first
        self.moments: list[Moment] = []
        self._jumps: dict[fx.Region, list[int]] = defaultdict(list)
        self._breaks: set[fx.Region] = set()
        self._gather(body, ())
        self._at = {moment.effect: moment for moment in self.moments}
        self._creations: dict[str, list[fx.Create]] | None = None
        self._of_kind: dict[type[fx.Effect], list[fx.Effect]] = defaultdict(list)
        for moment in self.moments:
            self._of_kind[type(moment.effect)].append(moment.effect)

    def __contains__(self, effect: fx.Effect) -> bool:
        return effect in self._at

    def all(self, kind: type[Kind]) -> Iterator[Kind]:
        every = kind is fx.Effect
        for effect in [moment.effect for moment in self.moments] if every else self._of_kind.get(kind, ()):
            if isinstance(effect, kind):
                yield effect

    def between(self, first: fx.Effect, last: fx.Effect) -> Iterator[fx.Effect]:
        """What stands between two effects."""
        for moment in self.moments[self._at[first].index + 1 : self._at[last].index]:
            yield moment.effect

    def after(self, effect: fx.Effect, *kinds: type[fx.Effect]) -> Iterator[fx.Effect]:
        """What may happen after `effect`, in the order of the program; of these kinds alone where some are given."""
        if kinds:
            yield from self.sorted_after(effect, (other for kind in kinds for other in self._of_kind.get(kind, ())))
            return
        for moment in self.moments[self._at[effect].index + 1 :]:
            if not self.excludes(effect, moment.effect):
                yield moment.effect

    def sorted_after(self, effect: fx.Effect, others: Iterable[fx.Effect]) -> list[fx.Effect]:
        """Those of `others` that may happen after `effect`, in the order of the program."""
        start = self._at[effect].index
        later = [other for other in others if self._at[other].index > start and not self.excludes(effect, other)]
        return sorted(later, key=lambda other: self._at[other].index)

    def creations(self, name: str) -> list[fx.Create]:
        """What is built under this name, or as a copy of something of this name."""
        if self._creations is None:
            self._creations = defaultdict(list)
            for create in self.all(fx.Create):
                copied = create.thing.copy_of
                for each in dict.fromkeys((create.thing.name, copied.name if copied is not None else create.thing.name)):
                    self._creations[each].append(create)
        return self._creations.get(name, [])

    def until(self, effect: fx.Effect) -> Iterator[fx.Effect]:
        """What stands in front of `effect`."""
        for moment in self.moments[: self._at[effect].index]:
            yield moment.effect

    def before(self, one: fx.Effect, other: fx.Effect) -> bool:
        """`one` stands before `other`, and there are paths that come to both."""
        return self._at[one].index < self._at[other].index and not self.excludes(one, other)

    def excludes(self, one: fx.Effect, other: fx.Effect) -> bool:
        """They stand in two arms of one branch, and no loop around it leads from one to the other."""
        for (region, arm), (region_of_other, arm_of_other) in zip(self._at[one].arms, self._at[other].arms, strict=False):
            if region is not region_of_other:
                return False
            if arm != arm_of_other:
                return isinstance(region, fx.Branch)
            if isinstance(region, fx.Loop) and region.repeats:
                return False
        return False

    def sure_before(self, one: fx.Effect, other: fx.Effect) -> bool:
        """Whoever comes to `other` has come by `one`, which stands before it."""
        mine, others = self._at[one], self._at[other]
        if mine.index >= others.index:
            return False
        shared = 0
        while shared < min(len(mine.arms), len(others.arms)) and mine.arms[shared] == others.arms[shared]:
            shared += 1
        return all(self._always(region, arm, mine.index) for region, arm in mine.arms[shared:])

    def one_sure_before(self, ones: Iterable[fx.Effect], other: fx.Effect) -> bool:
        """Whoever comes to `other` has come by one of `ones`: where they stand in a branch, each of its arms has one."""
        last = self._at[other]
        mine = [self._at[one] for one in ones if self._at[one].index < last.index]
        shared: Arms = ()
        while True:
            if self._covered(mine, shared):
                return True
            if len(shared) == len(last.arms):
                return False
            shared = last.arms[: len(shared) + 1]
            mine = [moment for moment in mine if moment.arms[: len(shared)] == shared]

    def _covered(self, moments: list[Moment], outer: Arms) -> bool:
        """One of `moments`, all of them below `outer`, is sure to happen there."""
        below: dict[fx.Region, dict[int, list[Moment]]] = defaultdict(lambda: defaultdict(list))
        for moment in moments:
            if len(moment.arms) == len(outer):
                return True
            region, arm = moment.arms[len(outer)]
            below[region][arm].append(moment)
        for region, arms in below.items():
            inside = {arm: self._covered(found, (*outer, (region, arm))) for arm, found in arms.items()}
            if isinstance(region, fx.Branch):
                sure = all(inside.get(arm, False) for arm in range(len(fx.blocks_of(region))))
            else:
                sure = any(
                    covered and all(self._always(region, arm, moment.index) for moment in arms[arm])
                    for arm, covered in inside.items()
                )
            if sure:
                return True
        return False

    def together(self, one: fx.Effect, other: fx.Effect) -> bool:
        """`one` stands before `other`, and whoever comes to one of them comes to both."""
        if not self.sure_before(one, other):
            return False
        mine, others = self._at[one].arms, self._at[other]
        rest = [arm for index, arm in enumerate(others.arms) if index >= len(mine) or mine[index] != arm]
        return all(self._always(region, arm, others.index) for region, arm in rest)

    def loops_around(self, effect: fx.Effect) -> list[fx.Loop]:
        """The loops whose body it stands in, outermost first."""
        return [region for region, arm in self._at[effect].arms if isinstance(region, fx.Loop) and arm == 0]

    def regions_around(self, effect: fx.Effect) -> list[fx.Region]:
        return [region for region, _ in self._at[effect].arms]

    def calls_around(self, effect: fx.Effect) -> list[ast.AST]:
        """The calls in whose bodies it stands, outermost first."""
        return [region.node for region, _ in self._at[effect].arms if isinstance(region, fx.Call)]

    def chosen_in_call(self, effect: fx.Effect) -> bool:
        """Whether it happens is for a called function to decide: another caller may be meant."""
        arms = [region for region, _ in self._at[effect].arms]
        calls = [at for at, region in enumerate(arms) if isinstance(region, fx.Call) and isinstance(region.node, ast.Call)]
        return bool(calls) and any(isinstance(region, fx.Branch) for region in arms[calls[0] :])

    def always_inside(self, effect: fx.Effect, loop: fx.Loop) -> bool:
        """It happens in every turn of `loop`, however that goes on."""
        arms = [region for region, _ in self._at[effect].arms]
        return not any(isinstance(region, (fx.Branch, fx.Try)) for region in arms[arms.index(loop) + 1 :])

    def leaves(self, loop: fx.Loop) -> bool:
        """A `break` may end it."""
        return loop in self._breaks

    def inside(self, effect: fx.Effect, region: fx.Region) -> bool:
        return any(outer is region for outer, _ in self._at[effect].arms)

    def unconditional(self, effect: fx.Effect) -> bool:
        """It happens whenever its body is run."""
        moment = self._at[effect]
        return all(self._always(region, arm, moment.index) for region, arm in moment.arms)

    def _always(self, region: fx.Region, arm: int, index: int) -> bool:
        """Whoever comes to `region` comes to what stands at `index` in it."""
        if isinstance(region, fx.Branch):
            return False
        if isinstance(region, fx.Loop) and region.skippable:
            return False
        if isinstance(region, fx.Try):
            return arm == 0 or arm == len(region.handlers) + 2
        return not any(jump <= index for jump in self._jumps[region])

    def _gather(self, block: fx.Block, arms: Arms) -> None:
        for item in block.items:
            if isinstance(item, fx.Effect):
                self.moments.append(Moment(item, len(self.moments), arms))
            elif isinstance(item, fx.Jump):
                self._jump(item, arms)
            else:
                for arm, inner in enumerate(fx.blocks_of(item)):
                    self._gather(inner, arms if item is inner else (*arms, (item, arm)))

    def _jump(self, jump: fx.Jump, arms: Arms) -> None:
        """Note down which region a jump leaves at this point."""
        for region, arm in reversed(arms):
            if jump.kind == "return":
                left = isinstance(region, fx.Call)
            else:
                left = isinstance(region, fx.Loop) and arm == 0 and jump.kind in ("break", "continue")
            if left:
                self._jumps[region].append(len(self.moments))
                if jump.kind == "break":
                    self._breaks.add(region)
                return


class Orders:
    """The orders of all bodies of a program: its entries, and the constructors that ran for them."""

    def __init__(self, program: Program) -> None:
        entered = [entry.body for entry in program.entries if not entry.closed]
        self.all = [Order(body, first=body not in entered) for body in program.bodies]
        self._steps: dict[Thing, list[tuple[Order, fx.Step]]] | None = None

    def effects(self, kind: type[Kind]) -> Iterator[tuple[Order, Kind]]:
        for order in self.all:
            for effect in order.all(kind):
                yield order, effect

    def of(self, effect: fx.Effect) -> Order:
        """The order of the body that it stands in."""
        return next(order for order in self.all if effect in order)

    def steps_of(self, optimizer: Thing) -> list[tuple[Order, fx.Step]]:
        """The steps of an optimizer, those that may be another's too."""
        if self._steps is None:
            self._steps = defaultdict(list)
            for order, step in self.effects(fx.Step):
                for each in dict.fromkeys(step.optimizers):
                    self._steps[each].append((order, step))
        return self._steps.get(optimizer, [])
