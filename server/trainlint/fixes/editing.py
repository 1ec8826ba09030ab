"""The plain edits: a statement put in, taken out or written anew, where nothing else has to be known."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterable
from collections.abc import Set as AbstractSet

from ..finding import Edit, Fix
from ..rules.remedy import GiveLoss, Insert, Remove, Rewrite, Surround
from ..source.parse import span_of
from ..source.text import Position, SourceText, Span
from .layout import Layout, layout_of
from .offer import safe, unsafe
from .placement import loss_before

_BUILTINS = frozenset(dir(builtins))


def insert(remedy: Insert, tree: ast.Module, source: SourceText) -> Fix | None:
    layout = layout_of(remedy.anchor, source)
    if layout is None or not _known(remedy.text, layout, tree):
        return None
    anchor = remedy.anchor.statement
    beside = layout.preceding(anchor)[-1:] if remedy.before else layout.following(anchor)[:1]
    if any(layout.text(one) == remedy.text for one in beside):
        return None
    edit = layout.before(anchor, remedy.text) if remedy.before else layout.after(anchor, remedy.text)
    return (safe if remedy.safe else unsafe)(f"Insert `{remedy.text}` {remedy.where}", edit)


def surround(remedy: Surround, tree: ast.Module, source: SourceText) -> Fix | None:
    layout, anchor = layout_of(remedy.anchor, source), remedy.anchor.statement
    if (
        layout is None
        or isinstance(anchor, ast.Return)
        or not all(_known(text, layout, tree) for text in (remedy.before, remedy.after))
    ):
        return None
    if any(isinstance(inner, ast.Return) for inner in ast.walk(anchor)):
        return None
    edits = (layout.before(anchor, remedy.before), layout.after(anchor, remedy.after))
    return unsafe(f"Insert `{remedy.before}` {remedy.where}, and `{remedy.after}` behind it", *edits)


def remove(remedy: Remove, tree: ast.Module, source: SourceText) -> Fix | None:
    layout = layout_of(remedy.site, source)
    statement = remedy.site.statement
    if layout is None or not isinstance(statement, ast.Expr) or statement.value is not remedy.site.node:
        return None
    taken = layout.remove(statement)
    if taken is None:
        return _with_its_block(layout, statement) if remedy.alone else None
    edit, start, end = taken[0], layout.start(statement), layout.end(statement)
    tail = layout.tail(statement)
    if "#" in tail and layout.owns_lines(statement):
        edit = Edit(source.span(start, end + tail.index("#")), "")  # the comment stays
    return unsafe(f"Remove `{source.text[start:end]}`", edit)


def _with_its_block(layout: Layout, statement: ast.stmt) -> Fix | None:
    """The loops and contexts around a statement that hold nothing else go with it; their comments stay."""
    outer = statement
    while isinstance(owner := layout.places[outer].owner, (ast.For, ast.With)) and len(owner.body) == 1:
        if getattr(owner, "orelse", None):
            return None
        outer = owner
    if len(layout.places[outer].suite) == 1 or not layout.owns_lines(outer):
        return None
    source, indent = layout.source, layout.indent(outer)
    start, end = layout.start(outer), layout.end(outer) + len(layout.tail(outer))
    lines = [source.line(number) for number in range(source.position(start).line, source.position(end).line + 1)]
    if any(quote in line for line in lines for quote in ("'", '"', "\f")):
        return None
    comments = [f"#{comment}" for _, mark, comment in (line.partition("#") for line in lines) if mark]
    first, last = source.position(start).line, source.position(end).line
    begin = source.offset(Position(first, 1))
    finish = source.offset(Position(last + 1, 1)) if last < source.line_count else len(source.text)
    text = "".join(f"{indent}{comment}{source.line_end}" for comment in comments)
    return unsafe(f"Remove `{layout.text(statement).splitlines()[0]}`", Edit(source.span(begin, finish), text))


def rewrite(remedy: Rewrite, tree: ast.Module, source: SourceText) -> Fix | None:
    first, *rest = remedy.texts
    layout = layout_of(remedy.site, source)
    if layout is None or not all(_known(text, layout, tree, _stored(remedy.texts)) for text in remedy.texts):
        return None
    edits = [Edit(span_of(remedy.node if remedy.node is not None else remedy.site.node, source), first)]
    if rest:
        if not layout.owns_lines(remedy.site.statement):
            return None
        edits.append(layout.after(remedy.site.statement, *rest))
    return (safe if remedy.safe else unsafe)(remedy.title, *edits)


def give_loss(remedy: GiveLoss, tree: ast.Module, source: SourceText) -> Fix | None:
    layout, call = layout_of(remedy.site, source), remedy.site.node
    loss = loss_before(layout, remedy.site.statement, tree) if layout is not None else None
    if loss is None or not isinstance(call, ast.Call) or len(call.args) + len(call.keywords) > 1:
        return None
    given = [*call.args, *(keyword.value for keyword in call.keywords)]
    span = span_of(call, source)
    last = source.position(source.offset(span.end) - 1)
    edit = Edit(span_of(given[0], source) if given else Span(last, last), loss)
    return unsafe(f"Give it `{loss}`", edit)


def _stored(texts: Iterable[str]) -> set[str]:
    return {
        node.id
        for text in texts
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    }


def _known(text: str, layout: Layout, tree: ast.Module, also: AbstractSet[str] = frozenset()) -> bool:
    """Every name in `text` is bound where it will stand, or is one of `also`."""
    names = {node.id for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Name)}
    return all(layout.visible(name, tree) for name in names - _BUILTINS - also)
