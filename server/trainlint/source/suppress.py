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

from .text import SourceText, Span

_MARK = re.compile(r"trainlint\s*:|noqa\s*:", re.IGNORECASE)
_OWN = re.compile(r"#\s*trainlint\s*:\s*(ignore-file|ignore)(?![\w-])\s*(?:\[([^\]#]*)\])?", re.IGNORECASE)
_NOQA = re.compile(r"#\s*noqa\s*:\s*([A-Z]+[0-9]+(?:[\s,]+[A-Z]+[0-9]+)*)", re.IGNORECASE)


class Suppressions:
    """What the comments of one text silence, by full codes, prefixes of codes or rule names."""

    def __init__(
        self,
        lines: dict[int, frozenset[str]],
        file: frozenset[str] = frozenset(),
        whole_file: bool = False,
        statement_ends: tuple[int, ...] = (),
        statement_starts: tuple[int, ...] = (),
    ) -> None:
        self._lines = lines
        self._file = file
        self._whole_file = whole_file
        self._ends = statement_ends
        self._starts = statement_starts

    @classmethod
    def of(cls, text: str) -> Suppressions:
        """Read the comments of `text`; a text without any mark costs one search and is not tokenized."""
        if not _MARK.search(text):
            return cls({})
        return _read(text)

    def suppresses(self, code: str, name: str, span: Span) -> bool:
        """Whether a comment silences the finding `code` (or `name`) at `span`."""
        if self._whole_file or _picks(self._file, code, name):
            return True
        if not self._lines:
            return False
        first, last = span.start.line, span.end.line
        places = {first, last, self._statement(first)[0], self._statement(last)[1]}
        return any(_picks(self._lines[line], code, name) for line in places if line in self._lines)

    def _statement(self, line: int) -> tuple[int, int]:
        """First and last line of the statement (or header) that `line` belongs to."""
        index = bisect_left(self._ends, line)
        if index == len(self._ends) or self._starts[index] > line:
            return line, line
        return self._starts[index], self._ends[index]


def _picks(selectors: frozenset[str], code: str, name: str) -> bool:
    return any(name == selector or code.startswith(selector.upper()) for selector in selectors)


def _read(text: str) -> Suppressions:
    lines: dict[int, frozenset[str]] = {}
    file: set[str] = set()
    whole_file = False
    comments, starts, ends = _tokens(text)
    for line, comment in comments:
        for scope, inside in _OWN.findall(comment):
            selectors = {part.strip() for part in inside.split(",") if part.strip()}
            if scope.lower() == "ignore":
                lines[line] = lines.get(line, frozenset()) | selectors
            elif selectors:
                file |= selectors
            else:
                whole_file = True
        for codes in _NOQA.findall(comment):
            lines[line] = lines.get(line, frozenset()) | set(re.split(r"[\s,]+", codes))
    return Suppressions(lines, frozenset(file), whole_file, tuple(ends), tuple(starts))


def _tokens(text: str) -> tuple[list[tuple[int, str]], list[int], list[int]]:
    """Comments with their lines, and the first and last lines of the statements that span several.

    Where the tokenizer gives up on half-typed text, what follows a hash counts as a comment from there on,
    so that a finding does not light up while its neighbour is being typed.
    """
    comments: list[tuple[int, str]] = []
    starts: list[int] = []
    ends: list[int] = []
    begin: int | None = None
    reached = 0
    skipped = {tokenize.COMMENT, tokenize.NL, tokenize.INDENT, tokenize.DEDENT, tokenize.ENCODING}
    try:
        for token in tokenize.generate_tokens(io.StringIO(text, newline=None).readline):
            reached = token.end[0]
            if token.type == tokenize.COMMENT:
                comments.append((token.start[0], token.string))
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
            _, hash_mark, comment = source.line(number).partition("#")
            if hash_mark:
                comments.append((number, "#" + comment))
    return comments, starts, ends
