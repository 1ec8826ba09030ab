"""What an analysis must say of scaling, clipping and schedules, from what the runs of a program did.

The definitions are written down in README.md beside this file.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from tests.oracle.hooks import Place
from tests.oracle.judge import Backward, Clear, Clip, Event, Refusal, Run, Schedule, Step, Update

Claim = tuple[int, str]
_AGAIN, _UNSCALED = ("already been called", "after step"), "scale is None"
"""Parts of the messages of errors that a gradient scaler raises."""
_FOR_NOTHING = frozenset({"TRN103", "TRN104", "TRN105", "TRN106"})


class Precise:
    """`must` and `may` as in a verdict."""

    def __init__(self, text: str, runs: Sequence[Run], codes: frozenset[str]) -> None:
        """`codes` are those that the steps of the program have to be told anyway."""
        self.runs = runs
        self.idle = not codes.isdisjoint(_FOR_NOTHING)
        self.must: set[frozenset[Claim]] = set()
        self.may: set[Claim] = set()
        self._clips()
        self._steps()
        self._refusals()
        self._schedules(text)

    def _found(self, kind: type[Event]) -> dict[Place, list[tuple[Run, Event]]]:
        found: dict[Place, list[tuple[Run, Event]]] = defaultdict(list)
        for run in self.runs:
            for event in run.events:
                if isinstance(event, kind):
                    found[event.place].append((run, event))
        return found

    def _clips(self) -> None:
        for place, found in self._found(Clip).items() if not self.idle else ():
            clips = [(run, clip) for run, clip in found if isinstance(clip, Clip)]
            scaled = [clip for _, clip in clips if clip.scaled]
            if not any(_applied_later(run, clip) for run, clip in clips):
                plain = all(clip.applied or not clip.contents for _, clip in clips)
                self._claim(place, "TRN804", plain and self._cleared_and_applied(found))
            elif scaled:
                self._claim(place, "TRN801", len(scaled) == len(clips) and self._unscaled_later())

    def _unscaled_later(self) -> bool:
        return any(isinstance(event, Step) and event.through and not event.nothing for run in self.runs for event in run.events)

    def _cleared_and_applied(self, clips: Sequence[tuple[Run, Event]]) -> bool:
        """Something is applied in the clip's innermost loop, and cleared."""
        inner = {turn.loop for turn in clips[0][1].turns[-1:]}

        def near(kind: type[Event]) -> bool:
            return any(
                isinstance(event, kind) and inner <= {turn.loop for turn in event.turns}
                for run in self.runs
                for event in run.events
            )

        return near(Step) and near(Backward) and any(isinstance(event, Clear) for run in self.runs for event in run.events)

    def _steps(self) -> None:
        for place, steps in self._found(Step).items():
            plain = [step for _, step in steps if isinstance(step, Step) and not step.through]
            scaled = [step for step in plain if step.scaled]
            if scaled:
                self._claim(place, "TRN802", all(step.scaled or step.nothing for step in plain) and len(plain) == len(steps))
            again = [
                step for run, step in steps
                if isinstance(step, Step) and not step.through and step.stale and not step.fresh and self._by_scaler(run, step)
            ]  # fmt: skip
            if again:
                self._claim(place, "TRN802", len(again) == len(steps))

    def _by_scaler(self, run: Run, step: Step) -> bool:
        earlier = [event for event in run.events[: step.index] if isinstance(event, Step)]
        return bool(earlier) and earlier[-1].through

    def _refusals(self) -> None:
        """Errors at a step or an unscaling; those of an update follow from another mistake."""
        found = [] if self.idle else [(place, one) for place, ones in self._found(Refusal).items() for _, one in ones]
        refusals = [(place, one) for place, one in found if isinstance(one, Refusal) and one.method != "update"]
        updated = {turn.loop for ones in self._found(Update).values() for _, update in ones for turn in update.turns}
        unused = any(one.method == "step" and _UNSCALED in one.message for _, one in refusals)
        for place, refusal in refusals:
            if any(words in refusal.message for words in _AGAIN):
                stepped = refusal.method == "step" and bool(updated & {turn.loop for turn in refusal.turns[-1:]})
                self._claim(place, "TRN803", not stepped)
            elif unused:
                self._claim(place, "TRN803", refusal.method == "step")

    def _schedules(self, text: str) -> None:
        built = [number for number, line in enumerate(text.splitlines(), start=1) if "lr_scheduler." in line]
        ticks = self._found(Schedule)
        steps = any(isinstance(event, Step) and not event.nothing for run in self.runs for event in run.events)
        if built and not ticks:
            self._claim((built[0],), "TRN702", steps)
        for place, found in ticks.items():
            found = [(run, event) for run, event in found if any(isinstance(other, Step) for other in run.events)]
            early = [event for run, event in found if self._first(run, event) and not self._stepped_before(run, event)]
            if not early:
                continue
            shared = any(
                {turn.loop for turn in event.turns} & {turn.loop for turn in other.turns}
                for run, event in found
                for other in run.events
                if isinstance(other, Step)
            )
            firsts = [event for run, event in found if self._first(run, event)]
            if shared:
                self._claim(place, "TRN701", len(early) == len(firsts) and self._always(place))

    @staticmethod
    def _first(run: Run, event: Event) -> bool:
        return not any(isinstance(other, Schedule) for other in run.events[: event.index])

    @staticmethod
    def _stepped_before(run: Run, event: Event) -> bool:
        return any(isinstance(other, Step) for other in run.events[: event.index])

    def _always(self, place: Place) -> bool:
        """In every run that comes to a step."""
        return all(
            any(isinstance(event, Schedule) and event.place == place for event in run.events)
            for run in self.runs
            if any(isinstance(event, Step) for event in run.events)
        )

    def _claim(self, place: Place, code: str, sure: bool) -> None:
        if sure:
            self.must.add(frozenset({(place[0], code)}))
        else:
            self.may.add((place[0], code))


def _applied_later(run: Run, clip: Clip) -> bool:
    """Something that the clip bounds is applied after it for the first time."""
    return any(isinstance(event, Step) and event.fresh & clip.contents for event in run.events[clip.index :])
