"""Statements as they lie in the text: what surrounds them, and how to insert, move or remove one."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import takewhile

from ..finding import Edit
from ..source.parse import Site
from ..source.text import Position, SourceText, Span
from .comments import made, told

_SUITES = ("body", "orelse", "finalbody")


@dataclass(frozen=True, slots=True)
class Place:
    """A statement in its suite: `owner` is the compound statement (or function, or module) the suite belongs to."""

    owner: ast.AST
    suite: list[ast.stmt]
    index: int


class Layout:
    """The statements of one function (or module) and their text."""

    def __init__(self, source: SourceText, function: ast.AST) -> None:
        self.source = source
        self.function = function
        self.places: dict[ast.stmt, Place] = {}
        for owner, suite in _suites(function):
            for index, statement in enumerate(suite):
                self.places[statement] = Place(owner, suite, index)

    def chain(self, statement: ast.stmt) -> list[ast.stmt]:
        """`statement` and the compound statements around it, innermost first, up to the function."""
        chain = []
        current: ast.AST = statement
        while isinstance(current, ast.stmt) and current in self.places:
            chain.append(current)
            current = self.places[current].owner
        return chain

    def meet(self, one: ast.stmt, other: ast.stmt) -> tuple[ast.stmt, ast.stmt] | None:
        """The statements of the innermost common suite that contain `one` and `other`."""
        for left in self.chain(one):
            for right in self.chain(other):
                if self.places[left].suite is self.places[right].suite:
                    return left, right
        return None

    def following(self, statement: ast.stmt) -> list[ast.stmt]:
        place = self.places[statement]
        return place.suite[place.index + 1 :]

    def preceding(self, statement: ast.stmt) -> list[ast.stmt]:
        place = self.places[statement]
        return place.suite[: place.index]

    def start(self, statement: ast.stmt) -> int:
        lead = getattr(statement, "decorator_list", None)
        node = lead[0] if lead else statement
        position = self.source.from_utf8(node.lineno, node.col_offset)
        return self.source.offset(position) - (1 if lead else 0)

    def end(self, statement: ast.stmt) -> int:
        assert statement.end_lineno is not None and statement.end_col_offset is not None
        return self.source.offset(self.source.from_utf8(statement.end_lineno, statement.end_col_offset))

    def text(self, statement: ast.stmt) -> str:
        return self.source.text[self.start(statement) : self.end(statement)]

    def indent(self, statement: ast.stmt) -> str:
        """The white space before a statement that begins its line."""
        return self._lead(statement).replace("\f", "")

    def begins_line(self, statement: ast.stmt) -> bool:
        if self._lead(statement).strip():
            return False
        above = self.source.position(self.start(statement)).line - 1
        return above < 1 or not self.source.line(above).endswith("\\")

    def _lead(self, statement: ast.stmt) -> str:
        position = self.source.position(self.start(statement))
        return self.source.line(position.line)[: position.column - 1]

    def tail(self, statement: ast.stmt) -> str:
        """What stands behind a statement on its last line."""
        position = self.source.position(self.end(statement))
        return self.source.line(position.line)[position.column - 1 :]

    def owns_lines(self, statement: ast.stmt) -> bool:
        """No other statement shares a line with this one."""
        tail = self.tail(statement).strip()
        return self.begins_line(statement) and (not tail or tail.startswith("#"))

    def before(self, anchor: ast.stmt, *texts: str) -> Edit:
        """Insert statements in front of `anchor`, or in place of a lone `pass`."""
        start = self.start(anchor)
        if self._is_empty(anchor):
            return self._in_place(anchor, texts)
        if not self.begins_line(anchor):
            return self._insert(start, "".join(f"{text}; " for text in texts))
        passed = self._passed(anchor, texts)
        line = self.source.position(start).line - passed
        indent, end = self.indent(anchor), self.source.line_end
        alone = end if passed and line > 1 and self._blank([line - 1]) else ""
        return self._insert(self.source.offset(Position(line, 1)), "".join(f"{indent}{text}{end}" for text in texts) + alone)

    def after(self, anchor: ast.stmt, *texts: str) -> Edit:
        """Insert statements behind `anchor`, or in place of a lone `pass`."""
        if self._is_empty(anchor):
            return self._in_place(anchor, texts)
        if not self.owns_lines(anchor):
            return self._insert(self.end(anchor), "".join(f"; {text}" for text in texts))
        heading = self._heading(anchor, texts)
        if heading is not None:
            return self.before(heading, *texts)
        line = self.source.position(self.end(anchor)).line
        indent, end = self.indent(anchor), self.source.line_end
        place = self.source.offset(Position(line, len(self.source.line(line)) + 1))
        return self._insert(place, "".join(f"{end}{indent}{text}" for text in texts))

    def _is_empty(self, anchor: ast.stmt) -> bool:
        """Nothing is in the suite yet."""
        return isinstance(anchor, ast.Pass) and len(self.places[anchor].suite) == 1

    def _in_place(self, anchor: ast.stmt, texts: Iterable[str]) -> Edit:
        between = f"{self.source.line_end}{self.indent(anchor)}" if self.begins_line(anchor) else "; "
        return Edit(self.source.span(self.start(anchor), self.end(anchor)), between.join(texts))

    def _heading(self, anchor: ast.stmt, texts: Iterable[str]) -> ast.stmt | None:
        """The statement behind `anchor` whose comment speaks of `texts` and not of itself."""
        for following in self.following(anchor)[:1]:
            about = told(self.comments_above(following)) if self.owns_lines(following) else set()
            if about and about <= made(texts) and not about & made([self.text(following)]):
                return following
        return None

    def _passed(self, anchor: ast.stmt, texts: Iterable[str]) -> int:
        """How many of the lines of comment above `anchor` do not speak of `texts`, which come to stand in front of them."""
        comments = self.comments_above(anchor)
        new, own = made(texts), made([self.text(anchor)])
        if told(comments) & new:
            return sum(1 for _ in takewhile(lambda comment: told([comment]) and not told([comment]) & new, reversed(comments)))
        if len(told(comments)) > 1 and "step" not in new:
            return 0
        if told(comments) <= own if told(comments) else hasattr(anchor, "body"):
            return len(comments)
        return len(self.comments_of(anchor))

    def comments_of(self, statement: ast.stmt) -> list[str]:
        """The lines of comment above a statement that speak of it alone: nothing follows it without a break."""
        if not self.owns_lines(statement):
            return []
        last = self.source.position(self.end(statement)).line
        place = self.places[statement]
        behind = self.source.line(last + 1).strip() if last < self.source.line_count else ""
        if behind and not behind.startswith("#") and place.index + 1 < len(place.suite):
            return []
        return self.comments_above(statement)

    def comments_above(self, statement: ast.stmt) -> list[str]:
        """The lines of comment right above a statement that begins its line."""
        found: list[str] = []
        first, indent = self.source.position(self.start(statement)).line, self._lead(statement)
        while first - len(found) > 1 and (line := self.source.line(first - len(found) - 1)).startswith(f"{indent}#"):
            found.insert(0, line.strip())
        return found

    def remove(self, statement: ast.stmt) -> tuple[Edit, str] | None:
        """Take a statement out, with the comment on its line; None where its suite would be empty."""
        place = self.places[statement]
        if len(place.suite) == 1:
            return None
        start, end = self.start(statement), self.end(statement)
        text = self.source.text[start:end]
        if "\n" in text or "\r" in text:
            return None
        if self.owns_lines(statement):
            first = self.source.position(start).line
            last = self.source.position(end).line
            line_start = self.source.offset(Position(first, 1))
            if last < self.source.line_count:
                line_end = self.source.line_starts[last]
            else:
                line_end = len(self.source.text)
                line_start = len(self.source.text[:line_start].rstrip("\r\n")) if first > 1 else line_start
            comment = self.tail(statement).rstrip()
            return Edit(self.source.span(line_start, line_end), ""), text + comment
        if place.index + 1 < len(place.suite):
            following = self.start(place.suite[place.index + 1])
            if self.source.position(following).line == self.source.position(end).line:
                return Edit(self.source.span(start, following), ""), text
        previous = self.end(place.suite[place.index - 1])
        return Edit(self.source.span(previous, end), ""), text

    def with_break(self, removal: Edit, statement: ast.stmt) -> Edit:
        """`removal` of the lines of `statement`, with the blank lines around them that would be left side by side.

        Nothing but spaces is on a line that goes; as many stay as were on the side that has more.
        """
        first, last = removal.span.start, removal.span.end
        if first.column != 1 or last.column != 1 or removal.text:
            return removal
        above = self._blank(range(first.line - 1, 0, -1))
        below = self._blank(range(last.line, self.source.line_count))
        opens = self.places[statement].index == 0 and not above
        if not below or not (above or opens):
            return removal
        if below <= above or opens:
            return Edit(Span(first, Position(last.line + below, 1)), "")
        return Edit(Span(Position(first.line - above, 1), last), "")

    def _blank(self, numbers: Iterable[int]) -> int:
        """How many of these lines, from the first on, hold nothing but spaces."""
        return sum(1 for _ in takewhile(lambda number: not self.source.line(number).strip(" \t"), numbers))

    def align(self, statement: ast.stmt, outer: ast.stmt) -> Edit | None:
        """Take the last statement of `outer` out of it by its indentation alone; None where lines are shared."""
        if not self.owns_lines(statement) or not self.begins_line(outer):
            return None
        start = self.start(statement)
        first = self.source.offset(Position(self.source.position(start).line, 1))
        return Edit(self.source.span(first, start), self.indent(outer))

    def _insert(self, offset: int, text: str) -> Edit:
        position = self.source.position(offset)
        return Edit(Span(position, position), text)

    def binds(self, name: str) -> bool:
        """The function itself gives `name` its value."""
        return name in _bound(self.function)

    def spelled(self, name: str, tree: ast.Module) -> str:
        """`name`, or the attribute of the same name where the class around the function keeps it and the function does not."""
        owner = next((node for node in ast.walk(tree) if isinstance(node, ast.ClassDef) and self.function in node.body), None)
        if owner is None or self.binds(name):
            return name
        kept = f"self.{name}"
        return kept if any(isinstance(node, ast.Attribute) and ast.unparse(node) == kept for node in ast.walk(owner)) else name

    def visible(self, expression: str, tree: ast.Module) -> bool:
        """The names of `expression` are bound in this function, in those around it, or in the module."""
        named = {node.id for node in ast.walk(ast.parse(expression, mode="eval")) if isinstance(node, ast.Name)}
        return named <= set[str]().union(*map(_bound, (self.function, *_around(self.function, tree), tree)))


def _around(function: ast.AST, tree: ast.Module) -> list[ast.AST]:
    """The functions that `function` is defined in."""
    functions = (node for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)))
    return [outer for outer in functions if outer is not function and any(node is function for node in ast.walk(outer))]


def _bound(function: ast.AST) -> set[str]:
    names: set[str] = set()
    arguments = getattr(function, "args", None)
    if isinstance(arguments, ast.arguments):
        names |= {argument.arg for argument in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)}
    for _, suite in _suites(function):
        for statement in suite:
            if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
                names.add(statement.name)
                continue
            for node in ast.iter_child_nodes(statement):
                own = [
                    part for inner in ast.walk(node) if isinstance(inner, ast.comprehension) for part in ast.walk(inner.target)
                ]
                stored = (name for name in ast.walk(node) if isinstance(name, ast.Name) and isinstance(name.ctx, ast.Store))
                names |= {name.id for name in stored if name not in own}
            if isinstance(statement, (ast.Import, ast.ImportFrom)):
                names |= {alias.asname or alias.name.partition(".")[0] for alias in statement.names}
    return names


def _suites(owner: ast.AST) -> Iterator[tuple[ast.AST, list[ast.stmt]]]:
    """Every suite below `owner`, without those of nested functions and classes."""
    for field in _SUITES:
        suite = getattr(owner, field, None)
        if isinstance(suite, list) and suite and isinstance(suite[0], ast.stmt):
            yield owner, suite
            for statement in suite:
                if not isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
                    yield from _suites(statement)
    for part in (*getattr(owner, "handlers", ()), *getattr(owner, "cases", ())):
        for inner, suite in _suites(part):
            yield (owner if inner is part else inner), suite


def layout_of(site: Site, source: SourceText) -> Layout | None:
    """The layout of the function around a place; None where the text has no statement there."""
    layout = Layout(source, site.function)
    return layout if site.statement in layout.places else None
