"""Taking items and statements out of a concrete syntax tree. What people wrote beside them stays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import libcst as cst

Way = tuple[cst.CSTNode, ...]


class Impossible(Exception):
    """The change cannot be made here."""


def without_item(holder: cst.CSTNode, item: cst.CSTNode) -> cst.CSTNode:
    """A call, list, tuple or dictionary without one of at least two items. The comments around it stay in their order."""
    name = "args" if isinstance(holder, cst.Call) else "elements"
    items = list(cast(Sequence[Any], getattr(holder, name, ())))
    if len(items) < 2 or item not in items or isinstance(holder, cst.Tuple):
        raise Impossible("nothing would be left")
    index = items.index(item)
    gone = items.pop(index)
    behind = _space_behind(holder, gone)
    if index == 0:
        front = _space_in_front(holder)
        plain = not isinstance(front, cst.ParenthesizedWhitespace) and not isinstance(behind, cst.ParenthesizedWhitespace)
        return _with_space_in_front(holder, name, items, front if plain else _joined(front, behind))
    before = items[index - 1]
    joined = _joined(_space_behind(holder, before), behind)
    if index == len(items) and not isinstance(holder, cst.Call):
        last = before.comma.with_changes(whitespace_after=cst.SimpleWhitespace(""))
        items[index - 1] = before.with_changes(comma=last if isinstance(gone.comma, cst.Comma) else cst.MaybeSentinel.DEFAULT)
        closing = "rbracket" if isinstance(holder, cst.List) else "rbrace"
        return holder.with_changes(**{name: items, closing: getattr(holder, closing).with_changes(whitespace_before=joined)})
    if index < len(items) or isinstance(gone.comma, cst.Comma):
        items[index - 1] = before.with_changes(comma=before.comma.with_changes(whitespace_after=joined))
        return holder.with_changes(**{name: items})
    items[index - 1] = before.with_changes(comma=cst.MaybeSentinel.DEFAULT, whitespace_after_arg=joined)
    return holder.with_changes(args=items)


def _space_in_front(holder: cst.CSTNode) -> cst.BaseParenthesizableWhitespace:
    if isinstance(holder, cst.Call):
        return holder.whitespace_before_args
    opening = holder.lbracket if isinstance(holder, cst.List) else cast(Any, holder).lbrace
    return cast(cst.BaseParenthesizableWhitespace, opening.whitespace_after)


def _with_space_in_front(
    holder: cst.CSTNode, name: str, items: list[Any], space: cst.BaseParenthesizableWhitespace
) -> cst.CSTNode:
    if isinstance(holder, cst.Call):
        return holder.with_changes(args=items, whitespace_before_args=space)
    opening = "lbracket" if isinstance(holder, cst.List) else "lbrace"
    return holder.with_changes(**{name: items, opening: getattr(holder, opening).with_changes(whitespace_after=space)})


def _space_behind(holder: cst.CSTNode, item: Any) -> cst.BaseParenthesizableWhitespace:
    """Behind the comma of an item, or behind the item."""
    last = cast(Sequence[Any], getattr(holder, "elements", (None,)))[-1] is item
    if isinstance(item.comma, cst.Comma) and not last:
        return item.comma.whitespace_after
    if isinstance(item, cst.Arg):
        return item.whitespace_after_arg
    closing = holder.rbracket if isinstance(holder, cst.List) else cast(Any, holder).rbrace
    return cast(cst.BaseParenthesizableWhitespace, closing.whitespace_before)


def _joined(
    first: cst.BaseParenthesizableWhitespace, second: cst.BaseParenthesizableWhitespace
) -> cst.BaseParenthesizableWhitespace:
    """The white space before and after an item that is gone. The comment behind it gets a line of its own."""
    if not isinstance(second, cst.ParenthesizedWhitespace):
        return first if isinstance(first, cst.ParenthesizedWhitespace) and _has_comment(first) else second
    if not isinstance(first, cst.ParenthesizedWhitespace):
        return second
    own = second.first_line.comment
    line = cst.EmptyLine(indent=first.indent, whitespace=first.last_line, comment=own)
    return second.with_changes(
        first_line=first.first_line, empty_lines=[*first.empty_lines, *([line] if own is not None else []), *second.empty_lines]
    )


def _has_comment(space: cst.ParenthesizedWhitespace) -> bool:
    return space.first_line.comment is not None or any(line.comment is not None for line in space.empty_lines)


def without_statement(way: Way) -> cst.Module:
    """The module without the small statement that `way` ends at; `pass` where its block would be empty."""
    module, small, line, block = cast(cst.Module, way[0]), way[-1], way[-2], way[-3]
    if not isinstance(line, (cst.SimpleStatementLine, cst.SimpleStatementSuite)):
        raise Impossible("no statement of its own")
    rest = [one for one in line.body if one is not small]
    if rest:
        if line.body[-1] is small:
            rest[-1] = rest[-1].with_changes(semicolon=cst.MaybeSentinel.DEFAULT)
        return cast(cst.Module, module.deep_replace(line, line.with_changes(body=rest)))
    if isinstance(line, cst.SimpleStatementSuite) or len(cast(Any, block).body) == 1:
        return cast(cst.Module, module.deep_replace(small, cst.Pass()))
    return cast(cst.Module, module.deep_replace(block, _without_line(block, line)))


def _without_line(block: cst.CSTNode, line: cst.SimpleStatementLine) -> cst.CSTNode:
    """A block without a line. Its comments, and those above it, come to stand above what follows."""
    body = list(cast(Any, block).body)
    index = body.index(line)
    del body[index]
    kept = [*line.leading_lines]
    if line.trailing_whitespace.comment is not None:
        kept.append(cst.EmptyLine(comment=line.trailing_whitespace.comment))
    if not any(one.comment is not None for one in kept):
        kept = [*line.leading_lines]
    if index < len(body):
        body[index] = body[index].with_changes(leading_lines=[*kept, *body[index].leading_lines])
        return block.with_changes(body=body)
    if not any(one.comment is not None for one in kept):
        return block.with_changes(body=body)
    return block.with_changes(body=body, footer=[*kept, *cast(Any, block).footer])
