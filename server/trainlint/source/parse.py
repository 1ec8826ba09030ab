"""Text to syntax tree, on the standard library's own parser."""

from __future__ import annotations

import ast
import re
import warnings

from ..immutable import value_class
from .text import Position, SourceText, Span


class Unreadable(Exception):
    """The text is not Python that this interpreter can parse. `position` is where the parser gave up."""

    def __init__(self, message: str, position: Position) -> None:
        super().__init__(message)
        self.position = position


def parse(source: SourceText) -> ast.Module:
    """The module's tree. Raises `Unreadable` for a syntax error, a null byte, or nesting beyond the parser's depth."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(source.text)
    except SyntaxError as error:
        line = min(max(error.lineno or 1, 1), source.line_count)
        raise Unreadable(error.msg or "invalid syntax", Position(line, max(error.offset or 1, 1))) from None
    except (ValueError, RecursionError, MemoryError) as error:
        raise Unreadable(str(error) or "nested too deeply to be parsed", Position(1, 1)) from None


def span_of(node: ast.AST, source: SourceText) -> Span:
    """The span of an expression or statement."""
    start = source.from_utf8(node.lineno, node.col_offset)  # type: ignore[attr-defined]
    end = source.from_utf8(node.end_lineno, node.end_col_offset)  # type: ignore[attr-defined]
    return Span(start, end)


def word_filter(words: frozenset[str]) -> re.Pattern[str]:
    """A pattern that finds any of `words` as a whole identifier."""
    return re.compile(r"\b(?:" + "|".join(sorted(map(re.escape, words))) + r")\b")


@value_class
class Spot:
    """A place in a file that is no code, by its absolute path."""

    path: str
    span: Span


@value_class
class Site:
    """Where an effect is written: the expression, its statement, and the function (or module) that holds it.

    One site is one time that the effect is come to; of one of its parts, `whole` is the site of the effect.
    """

    node: ast.AST
    statement: ast.stmt
    function: ast.AST
    whole: Site | None = None

    def part(self, node: ast.AST) -> Site:
        """The site of `node`, a part of what is written here."""
        return Site(node, self.statement, self.function, self.whole or self)
