"""Two probes side by side: what a change does to which weights learn."""

from __future__ import annotations

from dataclasses import dataclass

from ..output.colour import Palette
from .status import Status, Verdict
from .verdict import ProbeReport

_PLAIN = Palette()
_REACHED = (Verdict.LEARNING, Verdict.PARTLY, Verdict.NOT_LEARNING)


@dataclass(frozen=True)
class Change:
    """A parameter with its status before and after; None where a run has no such parameter."""

    name: str
    before: Status | None
    after: Status | None


@dataclass(frozen=True)
class Comparison:
    """The verdicts of both runs, and every parameter whose status differs."""

    before: ProbeReport
    after: ProbeReport
    changes: tuple[Change, ...]

    @property
    def better(self) -> bool:
        """The change lets more parameters learn, and stops none that did."""
        gained = [change for change in self.changes if change.after is Status.LEARNED]
        lost = [change for change in self.changes if change.before is Status.LEARNED]
        return bool(gained) and not lost

    @property
    def told(self) -> bool:
        """Both runs got as far as a verdict."""
        return self.before.verdict in _REACHED and self.after.verdict in _REACHED


def compare(before: ProbeReport, after: ProbeReport) -> Comparison:
    """What differs between two probes of one script."""
    old = {each.seen.name: each.status for each in before.parameters}
    new = {each.seen.name: each.status for each in after.parameters}
    changes = tuple(
        Change(name, old.get(name), new.get(name)) for name in dict.fromkeys((*old, *new)) if old.get(name) is not new.get(name)
    )
    return Comparison(before, after, changes)


def render(comparison: Comparison, palette: Palette = _PLAIN) -> str:
    """The comparison for people, on lines of their own."""
    before, after = comparison.before, comparison.after
    style = "help" if comparison.better else "warning"
    lines = [f"before: {before.sentence}", f"after:  {palette.paint(after.sentence, style)}"]
    findings = (len(before.findings), len(after.findings))
    width = max((len(change.name) for change in comparison.changes), default=0)
    lines += [f"  {change.name.ljust(width)}  {_word(change.before)} -> {_word(change.after)}" for change in comparison.changes]
    if not comparison.changes and comparison.told:
        lines.append("  every parameter has the status that it had")
    if findings[0] != findings[1]:
        lines.append(f"  findings of the probe: {findings[0]} -> {findings[1]}")
    return "\n".join(lines) + "\n"


def _word(status: Status | None) -> str:
    return status.value if status is not None else "not there"
