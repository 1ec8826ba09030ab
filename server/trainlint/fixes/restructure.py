"""Changes of the shape of a program, made in its concrete syntax tree: comments and white space are nodes of it."""

from __future__ import annotations

import io
import tokenize
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TypeVar, cast

import libcst as cst
from libcst.metadata import CodeRange, MetadataWrapper, PositionProvider

from ..finding import Change, Restructuring
from ..source.text import Span
from .imports import with_import
from .removal import Impossible, without_item, without_statement

__all__ = ["Impossible", "restructured"]

_ATOMS = (cst.Name, cst.Attribute, cst.Call, cst.Subscript, cst.List, cst.Dict, cst.Set, cst.SimpleString, cst.Integer, cst.Float)
_OPEN = (cst.Arg, cst.Return, cst.Assign, cst.AnnAssign, cst.AugAssign, cst.Element, cst.Expr)
"""Where an expression needs no parentheses."""
_ADDING = frozenset({"append", "add_module", "register_module", "insert"})

Node = TypeVar("Node", bound=cst.CSTNode)
Way = tuple[cst.CSTNode, ...]
"""From the module to a node in it."""


def restructured(text: str, wanted: Restructuring) -> str:
    """`text` with the change made. Raises `Impossible` where it cannot be made without harm."""
    try:
        tree = _Tree(text)
        way = tree.way_to(wanted.span)
        module = tree.module
        if wanted.change is Change.DROP:
            module = _dropped(way)
        elif wanted.change is Change.REDUCE and wanted.inner is not None:
            module = _reduced(way, tree.way_to(wanted.inner)[-1])
        elif wanted.change is Change.WRAP:
            module = _replaced(way, _wrapped(cast(cst.BaseExpression, way[-1]), wanted.text))
        else:
            module = _replaced(way, cst.parse_expression(wanted.text))
        for source, name in wanted.imports:
            module = with_import(module, source, name)
    except (cst.ParserSyntaxError, cst.CSTValidationError, RecursionError) as error:
        raise Impossible(str(error)) from None
    _parsed(module.code)
    return module.code


class _Tree:
    """A text, its tree, and the places of the nodes."""

    def __init__(self, text: str) -> None:
        self.module = cst.parse_module(text)
        if self.module.code != text:
            raise Impossible("the text does not survive its own tree")
        wrapper = MetadataWrapper(self.module, unsafe_skip_copy=True)
        self._places = wrapper.resolve(PositionProvider)

    def way_to(self, span: Span) -> Way:
        """To the expression at `span`. Raises `Impossible` where there is none."""
        wanted = (span.start.line, span.start.column - 1), (span.end.line, span.end.column - 1)
        found = next(self._ways((self.module,), wanted), None)
        if found is None:
            raise Impossible("nothing is at the place")
        return found

    def _ways(self, way: Way, wanted: tuple[tuple[int, int], tuple[int, int]]) -> Iterator[Way]:
        node = way[-1]
        if isinstance(node, cst.BaseExpression) and wanted in self._extents(node):
            yield way
        for child in node.children:
            if not self._is_elsewhere(child, wanted):
                yield from self._ways((*way, child), wanted)

    def _is_elsewhere(self, node: cst.CSTNode, wanted: tuple[tuple[int, int], tuple[int, int]]) -> bool:
        place = self._places.get(node)
        if not isinstance(node, (cst.BaseStatement, cst.SimpleStatementLine)) or not isinstance(place, CodeRange):
            return False
        return place.end.line < wanted[0][0] or place.start.line > wanted[1][0]

    def _extents(self, node: cst.BaseExpression) -> Iterator[tuple[tuple[int, int], tuple[int, int]]]:
        """Where a node lies, without its parentheses and with each pair of them."""
        starts, ends = [node, *reversed(node.lpar)], [node, *node.rpar]
        for first, last in zip(starts, ends, strict=True):
            start, end = self._places[first].start, self._places[last].end
            yield (start.line, start.column), (end.line, end.column)


def _wrapped(node: cst.BaseExpression, function: str) -> cst.BaseExpression:
    if isinstance(node, cst.Tuple):
        inner = node if node.lpar else node.with_changes(lpar=[cst.LeftParen()], rpar=[cst.RightParen()])
        return cst.Call(cst.parse_expression(function), [cst.Arg(inner)])
    bare = node.with_changes(lpar=[], rpar=[])
    return cst.Call(cst.parse_expression(function), [cst.Arg(bare)], lpar=node.lpar, rpar=node.rpar)


def _reduced(way: Way, inner: cst.CSTNode) -> cst.Module:
    outer, parent = cast(cst.BaseExpression, way[-1]), way[-2]
    inner = cast(cst.BaseExpression, inner)
    module = cast(cst.Module, way[0])
    if isinstance(parent, cst.Assign) and parent.value is outer and not outer.lpar:
        code = module.code_for_node(inner)
        if all(module.code_for_node(target.target) == code for target in parent.targets):
            return without_statement(way[:-1])
    if outer.lpar and not inner.lpar:
        return _replaced(way, inner.with_changes(lpar=outer.lpar, rpar=outer.rpar))
    closed = inner.with_changes(lpar=[cst.LeftParen()], rpar=[cst.RightParen()])
    if not inner.lpar and not isinstance(inner, _ATOMS) and not isinstance(parent, _OPEN):
        return _replaced(way, closed)
    try:
        reduced = _replaced(way, inner)
        _parsed(reduced.code)
    except Impossible:
        return _replaced(way, closed)
    return reduced


def _dropped(way: Way) -> cst.Module:
    """Without an item of a list, of arguments or of a dictionary, or without the statement that only adds it."""
    item, holder, around = way[-2], way[-3], way[-4]
    if isinstance(item, cst.Element) and isinstance(holder, cst.Tuple) and isinstance(around, (cst.Element, cst.Arg)):
        return _dropped(way[:-2])  # a layer and its name
    if isinstance(item, cst.Arg) and isinstance(holder, cst.Call) and isinstance(around, cst.Expr):
        func = holder.func
        if isinstance(func, cst.Attribute) and func.attr.value in _ADDING:
            return without_statement(way[:-3])
        raise Impossible("a call that does not only add it")
    if isinstance(holder, cst.List) and isinstance(around, cst.AugAssign) and len(holder.elements) == 1:
        return without_statement(way[:-3])
    return _exchanged(way[:-2], without_item(holder, item))


def _replaced(way: Way, new: cst.BaseExpression) -> cst.Module:
    return _exchanged(way, new)


def _exchanged(way: Way, new: cst.CSTNode) -> cst.Module:
    """The module with `new` in place of the last node of `way`; comments that were in it stand above its statement."""
    module = cast(cst.Module, way[0])
    index = max(place for place, node in enumerate(way) if isinstance(node, (cst.BaseStatement, cst.SimpleStatementLine)))
    statement = way[index]
    changed = cast(cst.BaseStatement, statement.deep_replace(way[-1], new))
    lost = _comments(module.code_for_node(statement)) - _comments(module.code_for_node(changed))
    if lost:
        above = [cst.EmptyLine(comment=cst.Comment(comment)) for comment in lost.elements()]
        changed = changed.with_changes(leading_lines=[*cast(Sequence[cst.EmptyLine], changed.leading_lines), *above])  # type: ignore[attr-defined]
    return cast(cst.Module, module.deep_replace(statement, changed))


def _comments(code: str) -> Counter[str]:
    try:
        tokens = list(tokenize.generate_tokens(io.StringIO(code, newline=None).readline))
    except (tokenize.TokenError, SyntaxError):
        raise Impossible("the comments cannot be told") from None
    return Counter(token.string for token in tokens if token.type == tokenize.COMMENT)


def _parsed(code: str) -> None:
    try:
        compile(code, "<fix>", "exec", dont_inherit=True)
    except (SyntaxError, ValueError) as error:
        raise Impossible(str(error)) from None
