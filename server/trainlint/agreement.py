"""The analysis and a run on one program: what the run confirms, and what it refutes.

A finding of the run at the place of one of the analysis confirms it: the two become one. What the run refutes stays as a
hint, for the reader who wonders.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from .finding import Confidence, Finding, Related, Severity, State
from .settings import Settings
from .source.suppress import Suppressions
from .source.text import Span

_LOUDNESS = {Severity.OFF: 0, Severity.INFO: 1, Severity.WARNING: 2, Severity.ERROR: 3}

_PROVE = {
    "TRN402": ("TRNP21", "TRNP22", "TRNP06", "TRNP09"),
    "TRN404": ("TRNP21", "TRNP09"),
    "TRN510": ("TRNP09",),
    "TRN002": ("TRNP31", "TRNP39"),
    "TRN102": ("TRN101",),
    "TRN103": ("TRN106", "TRN105"),
    "TRN106": ("TRN103", "TRN105", "TRNP40"),
    "TRN114": ("TRN105", "TRNP40"),
    "TRN201": ("TRN205", "TRNP40"),
    "TRN202": ("TRN203", "TRN201"),
    "TRN205": ("TRN204", "TRN201"),
    "TRN206": ("TRN205", "TRN201"),
    "TRN207": ("TRNP40",),
    "TRN212": ("TRNP40",),
    "TRN220": ("TRN201",),
    "TRN310": ("TRNP40", "TRN303", "TRNP01"),
    "TRN311": ("TRNP40", "TRN804"),
    "TRN312": ("TRN304",),
    "TRN403": ("TRNP40",),
    "TRN504": ("TRNP40",),
    "TRN506": ("TRNP40",),
    "TRN507": ("TRNP40",),
    "TRN512": ("TRNP40",),
    "TRN705": ("TRNP40",),
    "TRN803": ("TRNP40",),
    "TRN217": ("TRN204", "TRNP02"),
    "TRN301": ("TRN302", "TRN304", "TRNP03"),
    "TRN302": ("TRN304", "TRNP03"),
    "TRN305": ("TRN304",),
    "TRN315": ("TRN304", "TRN303", "TRN301"),
    "TRN408": ("TRN107",),
    "TRN905": ("TRNP40",),
    "TRN317": ("TRN303",),
    "TRN215": ("TRNP02", "TRN204", "TRN105"),
    "TRN105": ("TRNP02", "TRN103", "TRN106", "TRNP40"),
}
"""Findings of a run that prove a rule's claim without being its own: by the rule, codes of the run. TRNP40, the script
failed there, proves a rule that says so."""


_UNCALLED = ("TRN101", "TRN104", "TRN105")
"""What a run shows of a step, a clear or a backward pass that is named and not called."""


_OF_THE_SAME = {
    "TRN204": ("TRNP02",),
    "TRN217": ("TRNP02",),
    "TRN312": ("TRN304",),
    "TRN313": ("TRN304",),
    "TRN315": ("TRN304", "TRNP02"),
}
"""Findings of a run that prove a rule's claim at another place, where both speak of the same layer."""


_ANYWHERE = {"TRN906": ("TRN105",), "TRN908": ("TRN201", "TRN205")}
"""Findings of a run that prove a rule's claim wherever they are: a library makes the call, and its caller is all that is seen."""

_OF_BACKWARD = ("TRN214", "TRN406")
"""Rules whose claim is about a backward pass that they name beside their own line."""

WHICH = {"TRN704": re.compile("once for every (batch|epoch)")}
"""What a finding must say besides its code for a run to speak of the same."""


@dataclass(frozen=True)
class Agreement:
    """`findings` are those of the analysis, each in the state that the run leaves it in; `rest` are the positions of
    findings of the run that no finding of the analysis speaks of.
    """

    findings: tuple[Finding, ...]
    rest: tuple[int, ...]


def agree(static: Sequence[Finding], seen: Sequence[Finding], claims: Sequence[Finding]) -> Agreement:
    """Hold findings of the analysis against what a run showed of the same texts, and what it says of claims that it would not
    make itself: they are CONFIRMED or WITHDRAWN.
    """
    taken: set[int] = set()
    joined = []
    for finding in static:
        proof = _proof(finding, static, seen)
        if proof is not None:
            taken.add(proof)
            taken |= {at for at, each in enumerate(seen) if each.code == seen[proof].code and _meet_spans(each, seen[proof])}
            joined.append(_confirmed(finding, seen[proof]))
            continue
        witness = next((each for each in claims if _bears_out(each, finding)), None)
        against = next((each for each in claims if _refutes(each, finding)), None)
        if witness is not None:
            joined.append(_confirmed(finding, witness))
        else:
            joined.append(_withdrawn(finding, against) if against is not None else finding)
    return Agreement(tuple(joined), tuple(at for at in range(len(seen)) if at not in taken))


def heard(findings: Iterable[Finding], settings: Settings, path: str, text: str) -> list[Finding | None]:
    """What a run showed of one file, as loud as its settings want it; None for what they or a comment silence."""
    wanted = settings.for_file(path)
    silenced = Suppressions.of(text)
    return [
        replace(one, severity=wanted.severity_of(one.code, one.name) or one.severity)
        if wanted.selects(one.code, one.name) and not silenced.suppresses(one.code, one.name, one.span)
        else None
        for one in findings
    ]


def _proof(finding: Finding, static: Sequence[Finding], seen: Sequence[Finding]) -> int | None:
    """The position of the finding of the run that speaks of the same: of the same place, or the only one of its kind."""
    same = [at for at, each in enumerate(seen) if each.code == finding.code]
    for at in same:
        if _meet(seen[at], finding):
            return at
    alone = sum(each.code == finding.code for each in static) == 1
    if alone and len(same) == 1 and _path(seen[same[0]].path) == _path(finding.path):
        return same[0]
    proving = _PROVE.get(finding.code, ())
    for at, each in enumerate(seen):
        if each.code in proving and (_meet(each, finding) or _meet(finding, each)):
            return at
        if finding.code == "TRN108" and each.code in _UNCALLED and _names_it(finding, each):
            return at
        if each.code in _OF_THE_SAME.get(finding.code, ()) and _subjects(finding) & _subjects(each):
            return at
        if each.code in _ANYWHERE.get(finding.code, ()) and _path(each.path) == _path(finding.path):
            return at
    return None


def _bears_out(claim: Finding, finding: Finding) -> bool:
    if claim.state is not State.CONFIRMED or claim.code != finding.code or not (_meet(claim, finding) or _meet(finding, claim)):
        return False
    return _says(claim) == _says(finding)


def _refutes(claim: Finding, finding: Finding) -> bool:
    """Whether a run saw the line of a finding, or the backward pass that some claims are about, do the opposite."""
    if claim.code != finding.code or not (_meet(claim, finding) or (claim.code in _OF_BACKWARD and _meet(finding, claim))):
        return False
    return claim.state is State.WITHDRAWN or _says(claim) != _says(finding)


def _says(finding: Finding) -> str:
    """Which of several things that share a code is said."""
    found = WHICH[finding.code].search(finding.message) if finding.code in WHICH else None
    return found[0] if found is not None else ""


def _subjects(finding: Finding) -> set[str]:
    """The layers that a finding speaks of: of `self.block.weight` it is `block`, of `block.weight` too."""
    names = (re.sub(r"\.(weight|bias)$", "", name).split(".") for name in re.findall(r"`([\w.]+)`", finding.message))
    return {part for name in names for part in (name[1:] or name)} - {"weight", "bias", "optimizer", "model"}


def _names_it(finding: Finding, proof: Finding) -> bool:
    """Whether a run misses the call of a method that the analysis sees named and not called."""
    return any(f"`{name}()`" in proof.message for name in re.findall(r"`([\w.\[\]\"']+)`", finding.message))


def _confirmed(finding: Finding, proof: Finding) -> Finding:
    note = Related(proof.path, proof.span, f"seen in a run: {proof.message}")
    loud = max(finding.severity, proof.severity, key=_LOUDNESS.__getitem__)
    severity = loud if finding.confidence is not Confidence.CERTAIN and finding.code == proof.code else finding.severity
    return replace(
        finding,
        state=State.CONFIRMED,
        confidence=Confidence.CERTAIN,
        severity=severity,
        related=(*finding.related, note, *(place for place in proof.related if place not in finding.related)),
    )


def _withdrawn(finding: Finding, against: Finding) -> Finding:
    return replace(
        finding,
        state=State.WITHDRAWN,
        severity=Severity.INFO,
        message=f"{finding.message} (a run refutes this: {against.message})",
        fixes=(),
    )


def _meet(one: Finding, other: Finding) -> bool:
    """Whether two findings share a line with each other, or the finding of a run points at the other one's lines."""
    places = [(one.path, one.span), *((related.path, related.span) for related in one.related)]
    return any(_path(path) == _path(other.path) and _lines_meet(span, other.span) for path, span in places)


def _meet_spans(one: Finding, other: Finding) -> bool:
    return _path(one.path) == _path(other.path) and _lines_meet(one.span, other.span)


def _lines_meet(one: Span, other: Span) -> bool:
    return one.start.line <= other.end.line and other.start.line <= one.end.line


def _path(path: str) -> str:
    return os.path.abspath(path) if not path.startswith("untitled:") else path
