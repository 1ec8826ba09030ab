"""Text to syntax tree, on the standard library's own parser."""

from __future__ import annotations

import ast
import warnings
from collections import Counter
from collections.abc import Collection

from ..immutable import value_class
from .text import Position, SourceText, Span

_ENDING = 5


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


class WordFilter:
    """Finds any of `words` as a whole identifier.

    Looks for a few strings first, one of which is in each of the words: that costs little more than reading the text, and a
    third of what a pattern does.
    """

    def __init__(self, words: Collection[str]) -> None:
        roots = _without_longer(words)
        endings = Counter(root[-_ENDING:] for root in roots)
        parts = _without_longer({root[-_ENDING:] if endings[root[-_ENDING:]] > 1 else root for root in roots})
        self._words = {part: [word for word in sorted(words) if part in word] for part in sorted(parts)}

    def search(self, text: str) -> bool:
        return any(part in text and any(_is_in(word, text) for word in words) for part, words in self._words.items())


def _is_in(word: str, text: str) -> bool:
    """`word` stands in the text with nothing of an identifier on either side."""
    start = text.find(word)
    while start >= 0:
        end = start + len(word)
        if not _continues(text[max(start - 1, 0) : start]) and not _continues(text[end : end + 1]):
            return True
        start = text.find(word, end)
    return False


def _continues(character: str) -> bool:
    return character == "_" or character.isalnum()


def _without_longer(words: Collection[str]) -> set[str]:
    """`words` without those that have another of them in them."""
    return {word for word in words if not any(other in word and other != word for other in words)}


def word_filter(words: frozenset[str]) -> WordFilter:
    """Finds any of `words` as a whole identifier."""
    return WordFilter(words)


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
