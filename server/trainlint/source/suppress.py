"""Comments by which a user silences findings.

``# trainlint: ignore[TRN101, missing-step]`` and ``# noqa: TRN101`` count on the first or last line of the
finding or of its statement; ``# trainlint: ignore-file[TRN1]`` and ``# trainlint: ignore-file`` count for the
file. On a line codes are needed: a blanket comment, perhaps meant for another linter, silences nothing.
"""

from __future__ import annotations

import io
import re
import tokenize
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass

from .text import Position, SourceText, Span

_MARK = re.compile(r"trainlint\s*:|noqa\s*:.*trn")
_OWN = re.compile(r"#\s*trainlint\s*:\s*(ignore-file|ignore)(?![\w-])\s*(?:\[([^\]#]*)\])?", re.IGNORECASE)
_NOQA = re.compile(r"#\s*noqa\s*:\s*([A-Z]+[0-9]+(?:[\s,]+[A-Z]+[0-9]+)*)", re.IGNORECASE)


WHOLE_FILE = 0


@dataclass(frozen=True, slots=True)
class Silencer:
    """One comment that silences, or the part of a comment that does: at `span`, the findings that `selectors` pick.

    `line` is where they count, `WHOLE_FILE` for all of the file; `list_span` is where the selectors stand. `shared`: the
    comment speaks to other linters as well.
    """

    line: int
    span: Span
    list_span: Span
    selectors: tuple[str, ...]
    shared: bool = False


class Suppressions:
    """What the comments of one text silence, by full codes, prefixes of codes or rule names.

    `used` are the selectors that have silenced something, each with the line where its comment counts.
    """

    def __init__(
        self,
        lines: dict[int, frozenset[str]],
        file: frozenset[str] = frozenset(),
        whole_file: bool = False,
        statement_ends: tuple[int, ...] = (),
        statement_starts: tuple[int, ...] = (),
        silencers: tuple[Silencer, ...] = (),
    ) -> None:
        self.silencers = silencers
        self.used: set[tuple[int, str]] = set()
        self._lines = lines
        self._file = file
        self._whole_file = whole_file
        self._ends = statement_ends
        self._starts = statement_starts

    @classmethod
    def of(cls, text: str) -> Suppressions:
        """Read the comments of `text`; a text in which none speaks of this linter costs one search and is not tokenized."""
        lowered = text.lower()
        if ("trainlint" not in lowered and "trn" not in lowered) or not _MARK.search(lowered):
            return cls({})
        return _read(text)

    def suppresses(self, code: str, name: str, span: Span) -> bool:
        """Whether a comment silences the finding `code` (or `name`) at `span`."""
        self.used |= {(WHOLE_FILE, selector) for selector in _picking(self._file, code, name)}
        if self._whole_file or any(picks(selector, code, name) for selector in self._file):
            return True
        if not self._lines:
            return False
        first, last = span.start.line, span.end.line
        places = {first, last, self._statement(first)[0], self._statement(last)[1]}
        using = {
            (line, selector) for line in places if line in self._lines for selector in _picking(self._lines[line], code, name)
        }
        self.used |= using
        return bool(using)

    def _statement(self, line: int) -> tuple[int, int]:
        """First and last line of the statement (or header) that `line` belongs to."""
        index = bisect_left(self._ends, line)
        if index == len(self._ends) or self._starts[index] > line:
            return line, line
        return self._starts[index], self._ends[index]


def picks(selector: str, code: str, name: str) -> bool:
    return name == selector or code.startswith(selector.upper())


def _picking(selectors: frozenset[str], code: str, name: str) -> Iterator[str]:
    return (selector for selector in selectors if picks(selector, code, name))


def _read(text: str) -> Suppressions:
    lines: dict[int, frozenset[str]] = {}
    file: set[str] = set()
    whole_file = False
    silencers: list[Silencer] = []
    comments, starts, ends = _tokens(text)
    for start, comment in comments:
        for match in _OWN.finditer(comment):
            selectors = tuple(part.strip() for part in (match[2] or "").split(",") if part.strip())
            here = match[1].lower() == "ignore"
            if here:
                lines[start.line] = lines.get(start.line, frozenset()) | set(selectors)
            elif selectors:
                file |= set(selectors)
            else:
                whole_file = True
            if selectors or here:
                inside = match.span(2) if match[2] is not None else match.span()
                line = start.line if here else WHOLE_FILE
                silencers.append(Silencer(line, _within(start, match.span()), _within(start, inside), selectors))
        for match in _NOQA.finditer(comment):
            codes = tuple(re.split(r"[\s,]+", match[1]))
            lines[start.line] = lines.get(start.line, frozenset()) | set(codes)
            silencers.append(Silencer(start.line, _within(start, match.span()), _within(start, match.span(1)), codes, True))
    return Suppressions(lines, frozenset(file), whole_file, tuple(ends), tuple(starts), tuple(silencers))


def _within(start: Position, part: tuple[int, int]) -> Span:
    return Span(Position(start.line, start.column + part[0]), Position(start.line, start.column + part[1]))


def _tokens(text: str) -> tuple[list[tuple[Position, str]], list[int], list[int]]:
    """Comments with their places, and the first and last lines of the statements that span several.

    Where the tokenizer gives up on half-typed text, what follows a hash counts as a comment from there on,
    so that a finding does not light up while its neighbour is being typed.
    """
    comments: list[tuple[Position, str]] = []
    starts: list[int] = []
    ends: list[int] = []
    begin: int | None = None
    reached = 0
    skipped = {tokenize.COMMENT, tokenize.NL, tokenize.INDENT, tokenize.DEDENT, tokenize.ENCODING}
    try:
        for token in tokenize.generate_tokens(io.StringIO(text, newline=None).readline):
            reached = token.end[0]
            if token.type == tokenize.COMMENT:
                comments.append((Position(token.start[0], token.start[1] + 1), token.string))
            elif token.type == tokenize.NEWLINE:
                if begin is not None and begin < token.start[0]:
                    starts.append(begin)
                    ends.append(token.start[0])
                begin = None
            elif token.type not in skipped and begin is None:
                begin = token.start[0]
    except (tokenize.TokenError, SyntaxError):
        source = SourceText(text)
        for number in range(reached + 1, source.line_count + 1):
            before, hash_mark, comment = source.line(number).partition("#")
            if hash_mark:
                comments.append((Position(number, len(before) + 1), "#" + comment))
    return comments, starts, ends
