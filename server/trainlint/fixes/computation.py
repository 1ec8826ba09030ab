"""Edits of single computations: another function in place of one, or none at all."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from ..finding import Edit, Fix
from ..program.frameworks.table import layer_class
from ..rules.remedy import Bypass, CallInstead, DivideLoss, TurnOn
from ..source.parse import span_of
from ..source.text import SourceText, Span
from .layout import Layout
from .offer import unsafe

_ATOMS = (ast.Name, ast.Attribute, ast.Call, ast.Subscript, ast.Constant)


def call_instead(remedy: CallInstead, tree: ast.Module, source: SourceText) -> Fix | None:
    """Another name behind the same dot; nothing where the name stands alone, for it would have to be imported."""
    func = getattr(remedy.call, "func", None)
    if not isinstance(func, ast.Attribute):
        return None
    name = layer_class(remedy.operation) if func.attr[:1].isupper() else remedy.operation
    end = span_of(func, source).end
    start = source.position(source.offset(end) - len(func.attr))
    if source.slice(Span(start, end)) != func.attr:
        return None
    return unsafe(f"Use `{name}` instead of `{func.attr}`", Edit(Span(start, end), name))


def bypass(remedy: Bypass, tree: ast.Module, source: SourceText) -> Fix | None:
    """A layer in a list of layers is taken off the list; any other computation gives way to its operand."""
    if remedy.layer is not None:
        for item, items in _listed(tree):
            if item is remedy.layer or (isinstance(item, ast.Tuple) and item.elts[-1:] == [remedy.layer]):
                return _drop(item, items, source)
    call, statement = remedy.site.node, remedy.site.statement
    if isinstance(call, ast.Attribute):
        title = f"Leave out `{call.attr}`"
        return unsafe(title, Edit(Span(span_of(call.value, source).end, span_of(call, source).end), ""))
    if not isinstance(call, ast.Call):
        return None
    operand = _operand(call, remedy.layer, tree)
    if operand is None:
        return None
    text = source.slice(span_of(operand, source))
    title = f"Leave out `{ast.unparse(call.func)}`"
    layout = Layout(source, remedy.site.function)
    if isinstance(statement, ast.Assign) and statement.value is call and statement in layout.places:
        removal = layout.remove(statement)
        same = [ast.unparse(target) for target in statement.targets] == [ast.unparse(operand)]
        if same and removal is not None and "#" not in removal[1]:
            return unsafe(title, removal[0])
    return unsafe(title, Edit(span_of(call, source), text if isinstance(operand, _ATOMS) else f"({text})"))


def turn_on(remedy: TurnOn, tree: ast.Module, source: SourceText) -> Fix | None:
    """Another context behind the same dot."""
    function = getattr(remedy.node, "func", remedy.node)
    if not isinstance(function, ast.Attribute):
        return None
    call = "set_grad_enabled(True)" if function.attr == "set_grad_enabled" else "enable_grad()"
    text = f"{source.slice(span_of(function.value, source))}.{call}"
    return unsafe(f"Turn autograd on with `{text}`", Edit(span_of(remedy.node, source), text))


def divide_loss(remedy: DivideLoss, tree: ast.Module, source: SourceText) -> Fix | None:
    """The loss is divided where it is differentiated, before a gradient scaler sees it."""
    call = remedy.backward.node
    if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Attribute) or call.func.attr != "backward" or call.args:
        return None
    loss, inside = call.func.value, False
    if isinstance(loss, ast.Call) and isinstance(loss.func, ast.Attribute) and loss.func.attr == "scale" and len(loss.args) == 1:
        loss, inside = loss.args[0], True
    divisor = str(remedy.divisor) if isinstance(remedy.divisor, int) else _atom(remedy.divisor, source)
    text = f"{_atom(loss, source)} / {divisor}"
    bare = inside or not isinstance(loss, _ATOMS)
    return unsafe(f"Divide the loss by `{divisor}`", Edit(span_of(loss, source), text if bare else f"({text})"))


def _atom(node: ast.AST, source: SourceText) -> str:
    text = source.slice(span_of(node, source))
    return text if isinstance(node, (*_ATOMS, ast.Constant)) else f"({text})"


def _operand(call: ast.Call, layer: ast.AST | None, tree: ast.Module) -> ast.expr | None:
    """What `call` works on: the object of a tensor's method, else the first argument."""
    func = call.func
    if isinstance(func, ast.Attribute) and layer is None and not _imported(func, tree):
        return func.value
    given = call.args[:1] or [keyword.value for keyword in call.keywords if keyword.arg == "input"]
    return given[0] if given and not isinstance(given[0], ast.Starred) else None


def _imported(func: ast.Attribute, tree: ast.Module) -> bool:
    root: ast.expr = func
    while isinstance(root, ast.Attribute):
        root = root.value
    imports = [node for node in ast.walk(tree) if isinstance(node, (ast.Import, ast.ImportFrom))]
    names = {alias.asname or alias.name.partition(".")[0] for node in imports for alias in node.names}
    return isinstance(root, ast.Name) and root.id in names


def _listed(tree: ast.Module) -> Iterator[tuple[ast.expr, list[ast.expr]]]:
    """Every expression that is one of several arguments or items, with all of them."""
    for node in ast.walk(tree):
        items = node.args if isinstance(node, ast.Call) else node.elts if isinstance(node, ast.List) else []
        for item in items:
            yield item, items


def _drop(item: ast.expr, items: list[ast.expr], source: SourceText) -> Fix | None:
    index = items.index(item)
    if len(items) < 2:
        return None
    span = span_of(item, source)
    before, behind = items[index - 1] if index else None, items[min(index + 1, len(items) - 1)]
    span = Span(span_of(before, source).end, span.end) if before else Span(span.start, span_of(behind, source).start)
    if "#" in source.slice(span):
        return None
    return unsafe(f"Leave out `{ast.unparse(item)}`", Edit(span, ""))
