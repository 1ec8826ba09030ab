"""An import where it belongs: in the statement that imports from the same module, else beside the other imports."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import libcst as cst
from libcst.helpers import get_full_name_for_node

_SPACE = cst.SimpleWhitespace(" ")


def with_import(module: cst.Module, source: str, name: str) -> cst.Module:
    """`module` with `from source import name`."""
    for line in module.body:
        for small in line.body if isinstance(line, cst.SimpleStatementLine) else ():
            if _is_from(small, source):
                return cast(cst.Module, module.deep_replace(small, _longer(cast(cst.ImportFrom, small), name)))
    names = [cst.ImportAlias(cst.Name(name))]
    new = cst.SimpleStatementLine([cst.ImportFrom(cast(cst.Attribute, cst.parse_expression(source)), names)])
    body = list(module.body)
    place = _place(body, source.partition(".")[0])
    if place == 0:
        new = new.with_changes(trailing_whitespace=cst.TrailingWhitespace())
        return module.with_changes(body=[new, *body])
    before = body[place - 1]
    if not _imports(before):
        new = new.with_changes(leading_lines=[cst.EmptyLine(indent=False)])
    return module.with_changes(body=[*body[:place], new, *body[place:]])


def _is_from(statement: cst.CSTNode, source: str) -> bool:
    if not isinstance(statement, cst.ImportFrom) or statement.relative or isinstance(statement.names, cst.ImportStar):
        return False
    return statement.module is not None and get_full_name_for_node(statement.module) == source


def _place(body: Sequence[cst.BaseStatement | cst.SimpleStatementLine], package: str) -> int:
    """Behind the last import of the same package at the top of a file, else behind the last import, else behind what
    has to come first."""
    first = 0
    while first < len(body) and (_is_docstring(body[first], first) or "__future__" in _imports(body[first])):
        first += 1
    imports: list[int] = []
    for index in range(first, len(body)):
        if _imports(body[index]):
            imports.append(index)
        elif isinstance(body[index], (cst.ClassDef, cst.FunctionDef)):
            break
    same = [index for index in imports if package in _imports(body[index])]
    return (same or imports or [first - 1])[-1] + 1


def _imports(line: cst.CSTNode) -> set[str]:
    """The packages that a line imports from."""
    found: set[str] = set()
    for small in line.body if isinstance(line, cst.SimpleStatementLine) else ():
        if isinstance(small, cst.ImportFrom):
            found.add((get_full_name_for_node(small.module) or "" if small.module else "").partition(".")[0] or ".")
        elif isinstance(small, cst.Import):
            found |= {(get_full_name_for_node(alias.name) or "").partition(".")[0] for alias in small.names}
    return found


def _is_docstring(line: cst.CSTNode, index: int) -> bool:
    if index or not isinstance(line, cst.SimpleStatementLine):
        return False
    first = line.body[0]
    return isinstance(first, cst.Expr) and isinstance(first.value, (cst.SimpleString, cst.ConcatenatedString))


def _longer(statement: cst.ImportFrom, name: str) -> cst.ImportFrom:
    """One name more: where the order of the others wants it, else at the end; on a line of its own where the others are."""
    names = list(cast(Sequence[cst.ImportAlias], statement.names))
    index = _index(names, name)
    if index < len(names):
        comma = next(one.comma for one in names[max(index - 1, 0) :] if isinstance(one.comma, cst.Comma))
        comma = comma.with_changes(whitespace_after=_without_comments(comma.whitespace_after))
        names.insert(index, cst.ImportAlias(cst.Name(name), comma=comma))
        return statement.with_changes(names=names)
    last, added = names[-1], cst.ImportAlias(cst.Name(name))
    between: cst.BaseParenthesizableWhitespace = _SPACE
    if len(names) > 1 and isinstance(names[-2].comma, cst.Comma):
        between = _without_comments(names[-2].comma.whitespace_after)
    elif statement.lpar is not None:
        between = _without_comments(statement.lpar.whitespace_after)
    if isinstance(between, cst.SimpleWhitespace) and not between.value:
        between = _SPACE
    if isinstance(last.comma, cst.Comma):
        behind = last.comma.whitespace_after
        added = added.with_changes(comma=last.comma.with_changes(whitespace_after=_without_comments(behind)))
        if isinstance(behind, cst.ParenthesizedWhitespace) and isinstance(between, cst.ParenthesizedWhitespace):
            between = between.with_changes(first_line=behind.first_line, empty_lines=behind.empty_lines)
    names[-1] = last.with_changes(comma=cst.Comma(whitespace_after=between))
    return statement.with_changes(names=[*names, added])


def _index(names: Sequence[cst.ImportAlias], name: str) -> int:
    """Where `name` belongs among names that are sorted: constants, classes, functions, or all by their letters."""
    written = [(get_full_name_for_node(one.name) or "") for one in names]
    for key in (_by_kind, _by_letters):
        order = [key(one) for one in written]
        if len(names) > 1 and order == sorted(order):
            return sum(one <= key(name) for one in order)
    return len(names)


def _by_letters(name: str) -> tuple[int, str]:
    return 0, name.lower()


def _by_kind(name: str) -> tuple[int, str]:
    kind = 0 if name.isupper() and len(name) > 1 else 1 if name[:1].isupper() else 2
    return kind, name.lower()


def _without_comments(space: cst.BaseParenthesizableWhitespace) -> cst.SimpleWhitespace | cst.ParenthesizedWhitespace:
    if isinstance(space, cst.ParenthesizedWhitespace):
        return space.with_changes(first_line=cst.TrailingWhitespace(newline=space.first_line.newline), empty_lines=[])
    return cast(cst.SimpleWhitespace, space)
