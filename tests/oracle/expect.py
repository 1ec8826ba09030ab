"""From what the runs of a program did to what an analysis of its text must say, may say and must not say.

The definitions are written down in README.md beside this file.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum

from trainlint.finding import Finding

from tests.oracle.hooks import Place
from tests.oracle.judge import Backward, Clear, Event, Run, Step, Turn

CODES = frozenset(
    {
        "TRN101",
        "TRN103",
        "TRN104",
        "TRN105",
        "TRN106",
        "TRN107",
        "TRN108",
        "TRN401",
        "TRN402",
        "TRN701",
        "TRN702",
        "TRN801",
        "TRN802",
        "TRN803",
        "TRN804",
    }
)
"""The rules that are held to the verdict. TRN108, 401 and 402 have nothing to find in a generated program."""

Claim = tuple[int, str]
"""(line, code)"""


@dataclass(frozen=True)
class Verdict:
    """`must`: from each of these groups at least one claim, and one code for a line. `may`: claims that are tolerated."""

    must: frozenset[frozenset[Claim]]
    may: frozenset[Claim] = frozenset()

    @property
    def free(self) -> bool:
        """Whether the definitions leave the analysis a choice."""
        return bool(self.may) or any(len(group) > 1 for group in self.must)

    @property
    def tolerated(self) -> frozenset[Claim]:
        return self.may.union(*self.must)

    @property
    def codes(self) -> frozenset[str]:
        """The codes that have to be said; those of a group with a choice are left out."""
        return frozenset(code for group in self.must for _, code in group if len(group) == 1)

    def with_more(self, must: Iterable[frozenset[Claim]], may: Iterable[Claim]) -> Verdict:
        demanded = self.must.union(must)
        return Verdict(demanded, self.may.union(may).difference(*demanded))

    def merged(self, other: Verdict) -> Verdict:
        """What holds under both of two readings; what only one demands is tolerated."""
        both = self.must & other.must
        rest = (self.must | other.must) - both
        return Verdict(both, self.may.union(other.may, *rest))


@dataclass(frozen=True)
class Disagreement:
    kind: str
    """"false alarm", "missing alarm" or "wrong place"."""
    claims: frozenset[Claim]
    text: str

    def __str__(self) -> str:
        return self.text


def agree(text: str, verdict: Verdict, findings: Iterable[Finding]) -> Disagreement | None:
    """None where `findings` say what `verdict` demands and nothing it does not tolerate."""
    return agree_on(text, verdict, frozenset((f.span.start.line, f.code) for f in findings if f.code in CODES))


def agree_on(text: str, verdict: Verdict, found: frozenset[Claim]) -> Disagreement | None:
    """The same of claims."""
    false = found - verdict.tolerated
    missing = [group for group in verdict.must if not _said(group, found)]
    if not false and not missing:
        return None
    lost = frozenset().union(*missing)
    if not missing:
        kind = "false alarm"
    elif {code for _, code in lost} & {code for _, code in false}:
        kind = "wrong place"
    else:
        kind = "missing alarm"
    return Disagreement(kind, false | lost, _show(kind, text, verdict, found))


def _said(group: frozenset[Claim], found: frozenset[Claim]) -> bool:
    said = group & found
    return bool(said) and len({line for line, _ in said}) == len(said)


def _show(kind: str, text: str, verdict: Verdict, found: frozenset[Claim]) -> str:
    """The program with both verdicts at its lines: `!` must be said, `?` may be said, `>` is said."""
    notes: dict[int, list[str]] = defaultdict(list)
    for sign, claims in (("!", frozenset().union(*verdict.must)), ("?", verdict.may), (">", found)):
        for line, code in sorted(claims):
            notes[line].append(sign + code)
    lines = [f"# {kind}:  ! must be said, ? may be said, > is said"]
    for number, written in enumerate(text.splitlines(), 1):
        lines.append(f"{written:<60}  # {' '.join(notes[number])}" if notes[number] else written)
    return "\n".join(lines)


def expect(runs: Sequence[Run], broken: frozenset[int] = frozenset()) -> Verdict:
    """The verdict on the program that did `runs`, which stand for every path through it.

    `broken` are the lines of the loops that a `break` may end early.
    """
    return _Reader(runs, broken).verdict()


Site = tuple[Place, int]
"""A step as a reader of the text follows it: where it stands, through which calls, and the optimizer."""


@dataclass(frozen=True)
class _Execution:
    run: Run
    step: Step


class _History(Enum):
    """Why a step has nothing to apply; of several executions of one step the first in this order is its mistake."""

    CLEARED = "cleared since its backward"
    EARLY = "before the backward"
    CLEARED_AROUND = "cleared since its backward, which was in an earlier turn"
    MISSING = "no backward"

    @property
    def code(self) -> str:
        return {"EARLY": "TRN106", "MISSING": "TRN105"}.get(self.name, "TRN103")


class _Reader:
    def __init__(self, runs: Sequence[Run], broken: frozenset[int]) -> None:
        self.runs = runs
        self.broken = broken
        self.must: set[frozenset[Claim]] = set()
        self.may: set[Claim] = set()
        self.explained: frozenset[int] = frozenset()
        """Parameters whose gradients come to nothing because of a step that a finding is about."""
        self.sites: dict[Site, list[_Execution]] = defaultdict(list)
        self.backwards: dict[Place, list[tuple[Run, Backward]]] = defaultdict(list)
        self.clears: dict[int, set[int]] = defaultdict(set)
        """parameter -> loops with a clear of it somewhere in them."""
        for run in runs:
            for event in run.events:
                if isinstance(event, Step):
                    self.sites[event.place, event.optimizer].append(_Execution(run, event))
                elif isinstance(event, Backward):
                    self.backwards[event.place].append((run, event))
                elif isinstance(event, Clear):
                    for parameter in event.parameters:
                        self.clears[parameter].update(turn.loop for turn in event.turns)

    def verdict(self) -> Verdict:
        for site, executions in self.sites.items():
            if all(execution.step.nothing for execution in executions):
                self._nothing_to_apply(site, executions)
        self._stale()
        self._outside_the_loop()
        self._never_applied()
        must = frozenset(self.must)
        return Verdict(must, frozenset(self.may) - frozenset().union(*must))

    # Nothing to apply

    def _nothing_to_apply(self, site: Site, executions: Sequence[_Execution]) -> None:
        codes = {self._code(executions, meant) for meant in (True, False)}
        self.must.add(frozenset((site[0][0], code) for code in codes))
        if codes != {"TRN105"}:
            self.explained |= executions[0].step.parameters

    def _code(self, executions: Sequence[_Execution], meant: bool) -> str:
        histories = {self._history(execution, meant) for execution in executions}
        return next(history for history in _History if history in histories).code

    def _history(self, execution: _Execution, meant: bool) -> _History:
        """Why this step has nothing to apply, if a backward that another set's step uses is `meant` for this one as well."""
        run, step = execution.run, execution.step
        backwards = [e for e in run.events if isinstance(e, Backward) and e.reached & step.parameters]
        last = max((e for e in backwards if e.index < step.index), key=lambda e: e.index, default=None)
        wasted = last is not None and not self._applied_between(run, last, step)
        if last is not None and wasted and not self._serves_another(last, step) and _crossed(last, step) is None:
            return _History.CLEARED
        own = [backward for backward in backwards if meant or not self._passes(backward, step)]
        if any(_stands_after(backward, step) for backward in own):
            return _History.EARLY
        return _History.CLEARED_AROUND if wasted and last in own else _History.MISSING

    def _passes(self, backward: Backward, step: Step) -> bool:
        """Whether in some run a step of other parameters applies this backward before the step's own are cleared of it."""
        for run, other in self.backwards[backward.place]:
            for event in run.events[other.index + 1 :]:
                if isinstance(event, Clear) and event.parameters & step.parameters:
                    if any(number == other.number for parameter, number in event.discarded if parameter in step.parameters):
                        break
                elif (
                    isinstance(event, Step)
                    and not event.parameters & step.parameters
                    and any(number == other.number for _, number in event.fresh)
                ):
                    return True
        return False

    def _serves_another(self, backward: Backward, step: Step) -> bool:
        """Whether in some run a step of other parameters applies what this backward gives them."""
        return any(
            (parameter, other.number) in run.applied
            for run, other in self.backwards[backward.place]
            for parameter in other.reached - step.parameters
        )

    def _applied_between(self, run: Run, backward: Backward, step: Step) -> bool:
        between = run.events[backward.index : step.index]
        pairs = {(parameter, backward.number) for parameter in step.parameters}
        return any(isinstance(event, Step) and event.fresh & pairs for event in between)

    # Stale gradients

    def _stale(self) -> None:
        groups: dict[tuple[int, int], set[Claim]] = defaultdict(set)
        for (place, optimizer), executions in self.sites.items():
            cycles = {cycle for execution in executions for cycle in self._stale_cycles(execution)}
            outermost = next((turn.loop for turn in executions[0].step.turns if turn.loop in cycles), None)
            if outermost is not None:
                groups[optimizer, outermost].add((place[0], "TRN101"))
        self.must |= {frozenset(group) for group in groups.values()}

    def _stale_cycles(self, execution: _Execution) -> Iterator[int]:
        """Loops without a clear around which a gradient came that this step applies again.

        Only where something new was added to what had been applied: a gradient applied twice as it was is not stale.
        """
        run, step = execution.run, execution.step
        renewed = {parameter for parameter, _ in step.fresh}
        stale = {pair for pair in step.stale if pair[0] in renewed}
        for event in run.events[: step.index]:
            if isinstance(event, Step) and (again := (event.fresh | event.stale) & stale):
                loop = _cycle(event, step)
                if loop is not None and all(loop not in self.clears[parameter] for parameter, _ in again):
                    yield loop

    # A step outside the loop of its backward

    def _outside_the_loop(self) -> None:
        for site, executions in self.sites.items():
            if executions[0].step.parameters & self.explained:
                continue
            for backwards in self.backwards.values():
                around = [turn.loop for turn in backwards[0][1].turns]
                for loop in around:
                    use = _LoopUse(loop, backwards, executions)
                    if not use.only_last:
                        continue
                    plain = use.cleared_in_every_turn and not use.stepped_inside and loop not in self.broken
                    if plain and loop == around[-1] and use.encloses(around):
                        self.must.add(frozenset({(site[0][0], "TRN107")}))
                    else:
                        self.may.add((site[0][0], "TRN107"))

    # Never applied

    def _never_applied(self) -> None:
        stepped = {p for executions in self.sites.values() for execution in executions for p in execution.step.parameters}
        idle = self.clears.keys() - stepped
        for place, backwards in self.backwards.items():
            if any(backward.reached & idle for _, backward in backwards):
                self.may.add((place[0], "TRN104"))
        for place, backwards in self.backwards.items():
            reached = frozenset[int]().union(*(backward.reached for _, backward in backwards))
            pairs = [(run, (p, backward.number)) for run, backward in backwards for p in backward.reached]
            if not reached or reached & self.explained or any(pair in run.applied for run, pair in pairs):
                continue
            self.must.add(frozenset({(place[0], "TRN104")}))


class _LoopUse:
    """What becomes of the gradients that a backward makes in the turns of a loop, as a step outside it sees them."""

    def __init__(self, loop: int, backwards: Sequence[tuple[Run, Backward]], executions: Sequence[_Execution]) -> None:
        self.loop = loop
        self.executions = executions
        self.parameters = executions[0].step.parameters
        self.wasted = self.used = self.kept = self.stepped_inside = False
        self.cleared_in_every_turn = True
        entries: dict[tuple[int, int], list[tuple[int, Run, Backward]]] = defaultdict(list)
        for run, backward in backwards:
            for turn in backward.turns:
                if turn.loop == loop and backward.reached & self.parameters:
                    entries[id(run), turn.entry].append((turn.number, run, backward))
        for (_, entry), turns in entries.items():
            self._follow(entry, turns)

    def _follow(self, entry: int, turns: Sequence[tuple[int, Run, Backward]]) -> None:
        """One entry of the loop: `turns` has the number of the turn of each backward in it."""
        last = max(number for number, _, _ in turns)
        for number, run, backward in turns:
            pairs = {(parameter, backward.number) for parameter in backward.reached & self.parameters}
            clears = [event for event in run.events if isinstance(event, Clear) and event.parameters & self.parameters]
            inside = {turn.number for clear in clears for turn in clear.turns if self._is(turn, entry)}
            discarded = {pair for clear in clears if self._holds(clear, entry) for pair in clear.discarded}
            self.cleared_in_every_turn &= number in inside
            self.stepped_inside |= any(
                isinstance(e, Step) and e.parameters & self.parameters and self._holds(e, entry) for e in run.events
            )
            if number < last:
                self.wasted = True
                self.kept |= bool(pairs & run.applied) or not pairs <= discarded
            else:
                self.used |= any(
                    e.run is run and e.step.fresh & pairs and not self._holds(e.step, entry) for e in self.executions
                )

    @property
    def only_last(self) -> bool:
        """Whether the step gets the gradient of the last turn and those of all others are thrown away in the loop."""
        return self.wasted and self.used and not self.kept

    def encloses(self, around: Sequence[int]) -> bool:
        """Whether the step's own loops are around the backward, too."""
        return all(turn.loop in around for turn in self.executions[0].step.turns)

    def _is(self, turn: Turn, entry: int) -> bool:
        return turn.loop == self.loop and turn.entry == entry

    def _holds(self, event: Event, entry: int) -> bool:
        return any(self._is(turn, entry) for turn in event.turns)


def _crossed(earlier: Event, later: Event) -> int | None:
    """The outermost loop around `later` that began a new turn since `earlier`; None where control only went on."""
    before = {(turn.loop, turn.entry): turn.number for turn in earlier.turns}
    for turn in later.turns:
        if turn.number != before.get((turn.loop, turn.entry), 1):
            return turn.loop
    return None


def _cycle(earlier: Event, later: Event) -> int | None:
    """The outermost loop around both of them that began a new turn in between."""
    before = {(turn.loop, turn.entry): turn.number for turn in earlier.turns}
    for turn in later.turns:
        if turn.number != before.get((turn.loop, turn.entry), turn.number):
            return turn.loop
    return None


def _stands_after(backward: Backward, step: Step) -> bool:
    """Whether the text has a backward after a step: in the step's innermost loop, or after one that is in no loop."""
    inner = {turn.loop for turn in step.turns[-1:]}
    return inner <= {turn.loop for turn in backward.turns} and backward.place[::-1] > step.place[::-1]
