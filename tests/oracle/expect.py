"""From what the runs of a program did to what an analysis of its text must say, may say and must not say.

The definitions are written down in README.md beside this file.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from trainlint.finding import Finding

from tests.oracle.judge import Backward, Clear, Event, Run, Step

CODES = frozenset({"TRN101", "TRN103", "TRN104", "TRN105", "TRN106", "TRN107", "TRN108", "TRN401", "TRN402"})
"""The rules that are held to the verdict. The last three have nothing to find in a generated program."""

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
    found = frozenset((f.span.start.line, f.code) for f in findings if f.code in CODES)
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
    for number, line in enumerate(text.splitlines(), 1):
        lines.append(f"{line:<60}  # {' '.join(notes[number])}" if notes[number] else line)
    return "\n".join(lines)


def expect(runs: Sequence[Run], broken: frozenset[int] = frozenset()) -> Verdict:
    """The verdict on the program that did `runs`, which stand for every path through it.

    `broken` are the lines of the loops that a `break` may end early.
    """
    return _Reader(runs, broken).verdict()


Site = tuple[int, int]
"""A step as the text has it: (line, optimizer)."""


@dataclass(frozen=True)
class _Execution:
    run: Run
    step: Step


class _Reader:
    def __init__(self, runs: Sequence[Run], broken: frozenset[int]) -> None:
        self.runs = runs
        self.broken = broken
        self.must: set[frozenset[Claim]] = set()
        self.may: set[Claim] = set()
        self.explained: frozenset[int] = frozenset()
        """Parameters whose gradients come to nothing because of a step that a finding is about."""
        self.sites: dict[Site, list[_Execution]] = defaultdict(list)
        self.backwards: dict[int, list[tuple[Run, Backward]]] = defaultdict(list)
        self.clears: dict[int, set[int]] = defaultdict(set)
        """parameter -> loops with a clear of it somewhere in them."""
        for run in runs:
            for event in run.events:
                if isinstance(event, Step):
                    self.sites[event.line, event.optimizer].append(_Execution(run, event))
                elif isinstance(event, Backward):
                    self.backwards[event.line].append((run, event))
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
        histories = {self._history(execution) for execution in executions}
        codes = next(codes for codes in _HISTORIES if codes in histories)
        self.must.add(frozenset((site[0], code) for code in codes))
        if codes != _MISSING:
            self.explained |= executions[0].step.parameters

    def _history(self, execution: _Execution) -> frozenset[str]:
        """Which codes tell why this step has nothing to apply."""
        run, step = execution.run, execution.step
        backwards = [e for e in run.events if isinstance(e, Backward) and e.reached & step.parameters]
        last = max((e for e in backwards if e.index < step.index), key=lambda e: e.index, default=None)
        wasted = last is not None and not self._applied_between(run, last, step)
        if wasted and _crossed(last, step) is None:
            return _CLEARED
        if any(e.index > step.index and _same_iteration(step, e) for e in backwards):
            return _EARLY
        return _CYCLIC if wasted else _MISSING

    def _applied_between(self, run: Run, backward: Backward, step: Step) -> bool:
        between = run.events[backward.index : step.index]
        pairs = {(parameter, backward.number) for parameter in step.parameters}
        return any(isinstance(event, Step) and event.fresh & pairs for event in between)

    # Stale gradients

    def _stale(self) -> None:
        groups: dict[tuple[int, int], set[Claim]] = defaultdict(set)
        for site, executions in self.sites.items():
            cycles = {cycle for execution in executions for cycle in self._stale_cycles(execution)}
            claims = {(site[0], "TRN101")}
            loops = [turn.loop for turn in executions[0].step.turns if turn.loop in cycles]
            if loops:
                groups[site[1], loops[0]] |= claims
            elif cycles:
                self.may |= claims
        self.must |= {frozenset(group) for group in groups.values()}

    def _stale_cycles(self, execution: _Execution) -> set[int | None]:
        """Loops without a clear around which a gradient came that this step applies again; None for straight code.

        Only where something new was added to what had been applied: a gradient applied twice as it was is not stale.
        """
        run, step = execution.run, execution.step
        renewed = {parameter for parameter, _ in step.fresh}
        stale = {pair for pair in step.stale if pair[0] in renewed}
        cycles: set[int | None] = set()
        for event in run.events[: step.index]:
            if not isinstance(event, Step):
                continue
            again = (event.fresh | event.stale) & stale
            if not again:
                continue
            loop = _cycle(event, step)
            if loop is None or all(loop not in self.clears[parameter] for parameter, _ in again):
                cycles.add(loop)
        return cycles

    # A step outside the loop of its backward

    def _outside_the_loop(self) -> None:
        for site, executions in self.sites.items():
            for line, backwards in self.backwards.items():
                for depth, loop in enumerate(_loops(backwards)):
                    if not self._only_last(loop, backwards, executions):
                        continue
                    claim = (site[0], "TRN107")
                    if depth == 0 and loop not in self.broken:
                        self.must.add(frozenset({claim}))
                    else:
                        self.may.add(claim)

    def _only_last(
        self, loop: int, backwards: Sequence[tuple[Run, Backward]], executions: Sequence[_Execution]
    ) -> bool:
        """Whether of each entry of `loop` the step, which lies outside, gets the last turn's gradient and no other."""
        parameters = executions[0].step.parameters
        entries: dict[tuple[int, int], list[tuple[int, Backward]]] = defaultdict(list)
        runs: dict[int, Run] = {}
        for run, backward in backwards:
            runs[id(run)] = run
            for turn in backward.turns:
                if turn.loop == loop and backward.reached & parameters:
                    entries[id(run), turn.entry].append((turn.number, backward))
        wasted = used = False
        for (identity, entry), turns in entries.items():
            run, last = runs[identity], max(number for number, _ in turns)
            discarded = _discarded_inside(run, loop, entry)
            for number, backward in turns:
                pairs = {(parameter, backward.number) for parameter in backward.reached & parameters}
                if number < last:
                    if pairs & run.applied or not pairs <= discarded:
                        return False
                    wasted = True
                elif any(
                    e.run is run and e.step.fresh & pairs and not _inside(e.step, loop, entry)
                    for e in executions
                ):
                    used = True
        return wasted and used

    # Never applied

    def _never_applied(self) -> None:
        for line, backwards in self.backwards.items():
            reached = frozenset[int]().union(*(backward.reached for _, backward in backwards))
            pairs = [(run, (p, backward.number)) for run, backward in backwards for p in backward.reached]
            if not reached or reached & self.explained or any(pair in run.applied for run, pair in pairs):
                continue
            self.must.add(frozenset({(line, "TRN104")}))


_CLEARED = frozenset({"TRN103"})
_EARLY = frozenset({"TRN106"})
_CYCLIC = frozenset({"TRN103", "TRN105", "TRN106"})
_MISSING = frozenset({"TRN105"})
_HISTORIES = (_CLEARED, _EARLY, _CYCLIC, _MISSING)
"""In this order one execution's history names the mistake of a step."""


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


def _same_iteration(step: Step, later: Event) -> bool:
    """Whether `later` is reached from `step` without a new turn of a loop around `step`."""
    after = {(turn.loop, turn.entry): turn.number for turn in later.turns}
    for turn in step.turns:
        if (turn.loop, turn.entry) not in after:
            return True
        if after[turn.loop, turn.entry] != turn.number:
            return False
    return True


def _loops(backwards: Sequence[tuple[Run, Backward]]) -> list[int]:
    """The loops around a backward, innermost first."""
    return [turn.loop for turn in reversed(backwards[0][1].turns)]


def _inside(event: Event, loop: int, entry: int) -> bool:
    return any(turn.loop == loop and turn.entry == entry for turn in event.turns)


def _discarded_inside(run: Run, loop: int, entry: int) -> set[tuple[int, int]]:
    clears: Iterable[Clear] = (event for event in run.events if isinstance(event, Clear))
    return {pair for clear in clears if _inside(clear, loop, entry) for pair in clear.discarded}
