"""Applying the edits of findings to a text until none is left to apply."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from enum import Enum

from ..finding import Applicability, Edit, Finding, Fix, Report, Status
from ..source.text import SourceText
from .resolve import resolved

ROUNDS = 10
"""Edits that meet wait for the next round; a text that needs more rounds than this is left as it then is."""

Check = Callable[[str], Report]

_Key = tuple[str, str]
_Candidate = tuple[Finding, Fix]


class Refusal(Enum):
    """Why a fix was not applied."""

    UNSAFE = "it changes how the program trains"
    UNRESOLVED = "it has no edits that could be applied here"
    IN_THE_WAY = "another fix edits the same place"
    BROKEN = "the text would no longer parse"
    INEFFECTIVE = "the mistake would still be there"
    UNDONE = "another fix undoes it"


@dataclass(frozen=True)
class Refused:
    """A finding that stays although it has a fix. The finding is one of the final report."""

    finding: Finding
    reason: Refusal


@dataclass(frozen=True)
class Fixed:
    """The text after all rounds, its report, what was applied on the way, and what was not."""

    text: str
    report: Report
    applied: tuple[Finding, ...]
    refused: tuple[Refused, ...]


def apply_edits(text: str, edits: Iterable[Edit]) -> str:
    """`text` with all `edits` made at once; equal ones count once. Raises `ValueError` where two overlap."""
    source = SourceText(text)
    pieces: list[str] = []
    reached = 0
    for start, end, new in sorted({(source.offset(edit.span.start), source.offset(edit.span.end), edit.text) for edit in edits}):
        if start < reached:
            raise ValueError(f"two edits overlap at offset {start}")
        pieces += [text[reached:start], new]
        reached = end
    return "".join([*pieces, text[reached:]])


def fix_text(text: str, check: Check, unsafe: bool = False) -> Fixed:
    """`text` with its fixes applied: the safe ones, and the unsafe ones where the user asked for them.

    `check` reports on a text. Edits that do not meet are made together, then the text is checked again. A fix
    after which the text does not parse, or its finding is still there, is taken back and not tried again. So are all that
    were made since a text that a fix leads back to.
    """
    report = check(text)
    applied: list[Finding] = []
    hopeless: dict[_Key, Refusal] = {}
    history: dict[str, _Moment] = {}
    rounds = 0
    while rounds < ROUNDS:
        candidates = [
            (finding, fix)
            for finding in report.findings
            if _key(finding) not in hopeless and (fix := applicable(finding, unsafe)) and (fix := resolved(fix, text)).edits
        ]
        batch = _without_overlaps(text, candidates)
        if not batch:
            break
        attempt = _attempt(text, report, batch, check, history)
        if attempt.failed and len(batch) > 1:
            alone = [_attempt(text, report, [candidate], check, history) for candidate in batch]
            batch, attempt = batch[:1], alone[0]
            attempt.failed.update(item for other in alone for item in other.failed.items())
        if attempt.failed:
            hopeless.update(attempt.failed)
            if attempt.back_to is not None:
                text, moment = attempt.back_to, history[attempt.back_to]
                report, applied = moment.report, applied[: moment.applied]
                hopeless.update(dict.fromkeys(moment.batch, Refusal.UNDONE))
            continue
        rounds += 1
        hopeless = {key: why for key, why in hopeless.items() if why is Refusal.UNDONE}  # the others may mend something now
        history[text] = _Moment(report, len(applied), tuple(_key(finding) for finding, _ in batch))
        text, report = attempt.text, attempt.report
        applied += [finding for finding, _ in batch]
    refused = tuple(
        Refused(finding, hopeless.get(_key(finding)) or _reason(finding, unsafe, text))
        for finding in report.findings
        if any(fix.applicability is not Applicability.DISPLAY for fix in finding.fixes)
    )
    return Fixed(text, report, tuple(applied), refused)


def applicable(finding: Finding, unsafe: bool) -> Fix | None:
    """The fix to apply: the first safe one, else the first unsafe one if those are allowed."""
    wanted = (Applicability.SAFE, Applicability.UNSAFE) if unsafe else (Applicability.SAFE,)
    for applicability in wanted:
        for fix in finding.fixes:
            if fix.applicability is applicability and (fix.edits or fix.restructuring):
                return fix
    return None


def _key(finding: Finding) -> _Key:
    return finding.code, finding.fingerprint or finding.message


def _without_overlaps(text: str, candidates: Iterable[_Candidate]) -> list[_Candidate]:
    """The candidates, in their order, that do not meet an earlier one. Insertions at one place meet, and so do two of one
    backward: a loss is differentiated once.
    """
    source = SourceText(text)
    taken: set[tuple[int, int, str]] = set()
    chosen: list[_Candidate] = []
    for finding, fix in candidates:
        edits = {(source.offset(edit.span.start), source.offset(edit.span.end), edit.text) for edit in fix.edits or ()}
        new = edits - taken
        if any(_meet(edit, other) for edit in new for other in taken):
            continue
        taken |= new
        chosen.append((finding, fix))
    return chosen


def _meet(one: tuple[int, int, str], other: tuple[int, int, str]) -> bool:
    if one[:2] == other[:2] or ("backward(" in one[2] and one[2].strip() == other[2].strip()):
        return True
    return one[0] < other[1] and other[0] < one[1]


@dataclass(frozen=True)
class _Moment:
    """A text that was left behind: its report, how many fixes had been made, and those made of it."""

    report: Report
    applied: int
    batch: tuple[_Key, ...]


@dataclass
class _Attempt:
    """A batch made, the text checked again, and the findings whose fix did harm or nothing."""

    text: str
    report: Report
    failed: dict[_Key, Refusal]
    back_to: str | None = None


def _attempt(text: str, before: Report, batch: Sequence[_Candidate], check: Check, seen: Collection[str]) -> _Attempt:
    new = apply_edits(text, [edit for _, fix in batch for edit in fix.edits or ()])
    fixed = Counter(_key(finding) for finding, _ in batch)
    if new == text or new in seen:
        return _Attempt(text, before, dict.fromkeys(fixed, Refusal.UNDONE), new if new in seen else None)
    after = check(new)
    if any(file.status in (Status.UNREADABLE, Status.FAILED) for file in after.files):
        return _Attempt(text, before, dict.fromkeys(fixed, Refusal.BROKEN))
    was = Counter(_key(finding) for finding in before.findings)
    still = Counter(_key(finding) for finding in after.findings)
    useless = [key for key, count in fixed.items() if still[key] > was[key] - count]
    return _Attempt(new, after, dict.fromkeys(useless, Refusal.INEFFECTIVE))


def _reason(finding: Finding, unsafe: bool, text: str) -> Refusal:
    chosen = applicable(finding, unsafe)
    if chosen is not None:
        return Refusal.IN_THE_WAY if resolved(chosen, text).edits else Refusal.UNRESOLVED
    return Refusal.UNSAFE if not unsafe and applicable(finding, True) else Refusal.UNRESOLVED
