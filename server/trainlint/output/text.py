"""A report for people: every finding with the source it speaks of."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from ..finding import Applicability, FileStatus, Finding, Related, Report, Severity, State, Status
from ..fixes.apply import applicable
from ..source.text import SourceText
from .colour import Palette
from .excerpt import Mark, excerpt, printable

Sources = Mapping[str, SourceText]
"""Texts by the paths of findings and related places; a place whose text is missing is shown without it."""

_PLAIN = Palette()


def render(report: Report, sources: Sources, palette: Palette = _PLAIN) -> str:
    """All findings in the order of the report, an empty line after each."""
    blocks = ("\n".join([*_finding(finding, sources, palette), "", ""]) for finding in report.findings)
    return "".join(blocks)


def summary(report: Report) -> str:
    """The closing line: how much was found, and how much of it can be fixed."""
    standing = [finding for finding in report.findings if finding.state is not State.WITHDRAWN]
    withdrawn = len(report.findings) - len(standing)
    aside = f" A run refutes {withdrawn:,} more." if withdrawn else ""
    if not standing:
        return _nothing_found(report) if not aside else f"{_nothing_found(report).rstrip()}{aside}\n"
    files = len({finding.path for finding in standing})
    safe = sum(applicable(finding, unsafe=False) is not None for finding in report.findings)
    unsafe = sum(applicable(finding, unsafe=True) is not None for finding in report.findings) - safe
    ways = []
    if safe:
        ways.append(f"{safe} fixable with --fix")
    if unsafe:
        ways.append(f"{unsafe} more with --unsafe-fixes" if safe else f"{unsafe} fixable with --fix --unsafe-fixes")
    hint = f" ({', '.join(ways)})" if ways else ""
    return f"Found {count(len(standing), 'mistake')} in {count(files, 'file')}{hint}.{aside}\n"


def notices(report: Report, verbose: bool = False) -> list[str]:
    """A sentence for each file that was not checked (`verbose`: or in part) where no finding says so."""
    told = {finding.path for finding in report.findings}
    silent = {Status.ANALYSED, Status.SKIPPED} if verbose else {Status.ANALYSED, Status.SKIPPED, Status.PARTIAL}
    return [
        _notice(file, verbose)
        for file in report.files
        if file.status not in silent and not (file.status is Status.UNREADABLE and file.path in told)
    ]


def statistics(report: Report) -> str:
    """How often each rule spoke, in columns."""
    rows = frequencies(report)
    width = max((len(str(number)) for _, _, number in rows), default=0)
    return "".join(f"{number:>{width}}  {code}  {name}\n" for code, name, number in rows)


def frequencies(report: Report) -> list[tuple[str, str, int]]:
    """Code, name and number of findings of each rule that spoke, the most frequent first."""
    numbers = Counter((finding.code, finding.name) for finding in report.findings)
    return [(*rule, number) for rule, number in sorted(numbers.items(), key=lambda row: (-row[1], row[0]))]


def fixes(applied: Sequence[Finding], refused: Sequence[tuple[Finding, str]], *, written: bool) -> str:
    """What was applied, by file and rule, and each fix that was not, with the reason."""
    lines: list[str] = []
    numbers = Counter((finding.path, finding.code, finding.name) for finding in applied)
    for path in dict.fromkeys(path for path, _, _ in numbers):
        lines.append(f"{'Fixed' if written else 'Would fix'} in {printable(path)}:")
        lines += [f"  {number} x {code} ({name})" for (where, code, name), number in numbers.items() if where == path]
    choices = [(finding, titles) for finding in applied if len(titles := _as_right(finding)) > 1]
    if choices:
        lines.append("Of fixes that are as right as each other the first was taken:")
    for finding, titles in choices:
        lines.append(f"  {printable(finding.path)}: {finding.code} ({finding.name}): {titles[0]}; not: {'; '.join(titles[1:])}")
    if refused:
        lines.append("Not fixed:")
    for finding, why in refused:
        place = printable(f"{finding.path}:{finding.span.start.line}:{finding.span.start.column}")
        lines.append(f"  {place}: {finding.code} ({finding.name}): {why}")
    return "".join(f"{line}\n" for line in lines)


def _as_right(finding: Finding) -> list[str]:
    """The fixes of which none is safer than the one that is applied."""
    kinds = {fix.applicability for fix in finding.fixes}
    kind = Applicability.SAFE if Applicability.SAFE in kinds else Applicability.UNSAFE
    return [fix.title for fix in finding.fixes if fix.applicability is kind]


def count(number: int, noun: str, plural: str = "") -> str:
    """``1 file``, ``2 files``."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def _finding(finding: Finding, sources: Sources, palette: Palette) -> list[str]:
    style = finding.severity.value
    place = printable(f"{finding.path}:{finding.span.start.line}:{finding.span.start.column}")
    code = palette.paint(finding.code, style)
    lines = [f"{palette.paint(place, 'path')}: {code} {_words(finding.message)}"]
    places: list[Finding | Related] = [finding, *finding.related]
    width = len(str(max((place.span.end.line for place in places if place.path in sources), default=1)))
    if finding.path in sources:
        mark = Mark("^", style, _label(finding))
        lines += excerpt(sources[finding.path], finding.span, mark, width, palette)
    for related in finding.related:
        start = related.span.start
        where = printable(f"{related.path}:{start.line}:{start.column}")
        lines.append(f"{palette.paint('note:', 'related')} {where}: {_words(related.message)}")
        if related.path in sources:
            lines += excerpt(sources[related.path], related.span, Mark("-", "related"), width, palette)
    lines += [f"{palette.paint('help:', 'help')} {_words(fix.title)}" for fix in finding.fixes]
    return lines


def _label(finding: Finding) -> str:
    seen = {State.OPEN: "", State.CONFIRMED: ", confirmed by a run", State.WITHDRAWN: ", withdrawn by a run"}
    word = "info" if finding.severity is Severity.OFF else finding.severity.value
    return f"{word}: {finding.name}{seen[finding.state]}"


def _words(text: str) -> str:
    """A message on one line."""
    return printable(" ".join(text.split()))


def _nothing_found(report: Report) -> str:
    number = Counter(file.status for file in report.files)
    read = number[Status.ANALYSED] + number[Status.PARTIAL]
    parts = number[Status.PARTIAL]
    if not read:
        return f"No training code found in {count(len(report.files), 'file')}.\n"
    sight = f" ({parts:,} understood only in part: --verbose says why)" if parts else ""
    return f"No mistakes found in {count(read, 'file')} with training code{sight}.\n"


def _notice(file: FileStatus, verbose: bool) -> str:
    path = printable(file.path)
    reason = file.reason.strip()
    if file.status is Status.FAILED:
        told = reason if verbose else _words(reason.splitlines()[-1] if reason else "no reason is known")
        return (
            f"{path}: trainlint itself failed here, which is a defect of trainlint; please open an issue"
            f"{'' if verbose else ' with the output of --verbose'}: {told}"
        )
    verb = "understood in part" if file.status is Status.PARTIAL else "not checked"
    return f"{path}: {verb}: {_words(reason)}"
