"""Edits of single computations: another function in place of one, or none at all."""

from __future__ import annotations

import ast

from ..finding import Change, Edit, Fix, Restructuring
from ..program.frameworks.table import layer_class
from ..rules.remedy import Bypass, CallInstead, DivideLoss, HandTo, KeepGraph, TurnOn
from ..source.parse import span_of
from ..source.text import SourceText, Span
from .offer import unsafe, unsafe_later
from .spelling import Imports, imported_from, spelling

_ATOMS = (ast.Name, ast.Attribute, ast.Call, ast.Subscript, ast.Constant)


def call_instead(remedy: CallInstead, tree: ast.Module, source: SourceText) -> Fix | None:
    """Another name behind the same dot, or imported from where the present one comes from."""
    func = getattr(remedy.call, "func", None)
    if isinstance(func, ast.Name):
        present = imported_from(func.id, tree)
        if present is None:
            return None
        beside = layer_class(remedy.operation) if present.rpartition(".")[2][:1].isupper() else remedy.operation
        named = spelling(f"{present.rpartition('.')[0]}.{beside}", tree)
        if named is None:
            return None
        title = f"Use `{named[0]}` instead of `{func.id}`"
        return _now_or_later(title, Restructuring(Change.REPLACE, span_of(func, source), named[0], imports=named[1]))
    if not isinstance(func, ast.Attribute):
        return None
    name = layer_class(remedy.operation) if func.attr[:1].isupper() else remedy.operation
    end = span_of(func, source).end
    start = source.position(source.offset(end) - len(func.attr))
    if source.slice(Span(start, end)) != func.attr:
        return None
    return unsafe(f"Use `{name}` instead of `{func.attr}`", Edit(Span(start, end), name))


def _now_or_later(title: str, restructuring: Restructuring) -> Fix:
    """A name in place of another is a plain edit, unless it has to be imported."""
    if restructuring.imports:
        return unsafe_later(title, restructuring)
    return unsafe(title, Edit(restructuring.span, restructuring.text))


def hand_to(remedy: HandTo, tree: ast.Module, source: SourceText) -> Fix | None:
    named = spelling(remedy.function, tree)
    if named is None:
        return None
    restructuring = Restructuring(Change.WRAP, span_of(remedy.node, source), named[0], imports=named[1])
    return unsafe_later(f"Make it a `{named[0]}`", restructuring)


def bypass(remedy: Bypass, tree: ast.Module, source: SourceText) -> Fix | None:
    """A layer in a list of layers is taken off the list, or idles there; any other computation gives way to its operand."""
    call = remedy.site.node
    if remedy.layer is not None:
        listed = _listed(remedy.layer, tree)
        if listed is not None and _is_counted_off(listed, tree):
            return _idle_layer(remedy.layer, tree, source)
        if listed is not None:
            title = f"Leave out `{ast.unparse(listed)}`"
            return unsafe_later(title, Restructuring(Change.DROP, span_of(listed, source)))
        if not _computes_with(call, remedy.layer, tree):
            return None
    if isinstance(call, ast.Attribute):
        title = f"Leave out `{call.attr}`"
        return unsafe(title, Edit(Span(span_of(call.value, source).end, span_of(call, source).end), ""))
    if not isinstance(call, ast.Call):
        return None
    operand = _operand(call, remedy.layer, tree)
    if operand is None:
        return None
    title = f"Leave out `{ast.unparse(call.func)}`"
    if isinstance(call.func, ast.Attribute) and isinstance(call.func.value, ast.Call):
        title = f"Leave out `.{call.func.attr}()`"
    inner = span_of(operand, source)
    return unsafe_later(title, Restructuring(Change.REDUCE, span_of(call, source), inner=inner))


def _idle_layer(layer: ast.AST, tree: ast.Module, source: SourceText) -> Fix | None:
    """A layer that gives back what it gets takes its place, so that the others keep theirs."""
    if not isinstance(layer, ast.Call):
        return None
    func, name = layer.func, layer_class("identity")
    imports: Imports = ()
    if isinstance(func, ast.Attribute):
        text = f"{source.slice(span_of(func.value, source))}.{name}()"
    else:
        present = imported_from(func.id, tree) if isinstance(func, ast.Name) else None
        named = spelling(f"{present.rpartition('.')[0]}.{name}", tree) if present is not None else None
        if named is None:
            return None
        text, imports = f"{named[0]}()", named[1]
    title = f"Let `{text}` take the place of `{ast.unparse(layer)}`"
    return unsafe_later(title, Restructuring(Change.REPLACE, span_of(layer, source), text, imports=imports))


_READ_OUT = frozenset({"item", "detach", "data"})
_WRAPPING = frozenset({"tensor", "as_tensor", "Tensor", "FloatTensor", "Variable"})
_CHANGING_NOTHING = frozenset({"requires_grad_", "clone", "cpu", "float"})


def keep_graph(remedy: KeepGraph, tree: ast.Module, source: SourceText) -> Fix | None:
    """The tensor whose number was read out; nothing where that was not read out right here."""
    node, read = remedy.node, False
    while True:
        func = node.func if isinstance(node, ast.Call) else node
        name = func.attr if isinstance(func, ast.Attribute) else func.id if isinstance(func, ast.Name) else ""
        if isinstance(func, ast.Attribute) and name in _READ_OUT | (_CHANGING_NOTHING if func is not node else frozenset()):
            node, read = func.value, read or name in _READ_OUT
        elif isinstance(node, ast.Call) and name in _WRAPPING and node.args and not isinstance(node.args[0], ast.Starred):
            node = node.args[0]
        else:
            break
    if not read or not isinstance(node, _ATOMS):
        return None
    span, inner = span_of(remedy.node, source), span_of(node, source)
    return unsafe_later(f"Keep `{source.slice(inner)}` with its graph", Restructuring(Change.REDUCE, span, inner=inner))


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


def _listed(layer: ast.AST, tree: ast.Module) -> ast.expr | None:
    """The item of a list, of arguments or of a dictionary that `layer` is, or that is the name it was given, used once."""
    items = {item for node in ast.walk(tree) for item in _items(node)}
    if layer in items:
        return layer if isinstance(layer, ast.expr) else None
    names = {target.id for target in _targets(layer, tree) if isinstance(target, ast.Name)}
    uses = [node for node in ast.walk(tree) if isinstance(node, ast.Name) and node.id in names and isinstance(node.ctx, ast.Load)]
    return uses[0] if len(uses) == 1 and uses[0] in items else None


def _is_counted_off(item: ast.expr, tree: ast.Module) -> bool:
    """The list it stands in is asked for items by their places: these would be others without it."""
    lists = [node for node in ast.walk(tree) if not isinstance(node, ast.Dict) and item in _items(node)]
    names = {ast.unparse(target) for one in lists for target in _targets(one, tree)}
    return any(isinstance(node, ast.Subscript) and ast.unparse(node.value) in names for node in ast.walk(tree))


def _items(node: ast.AST) -> list[ast.expr]:
    if isinstance(node, ast.Dict):
        return node.values
    if isinstance(node, ast.Call):
        return node.args
    return node.elts if isinstance(node, (ast.List, ast.Tuple)) else []


def _targets(value: ast.AST, tree: ast.Module) -> list[ast.expr]:
    """What `value` is assigned to."""
    return [target for node in ast.walk(tree) if isinstance(node, ast.Assign) and node.value is value for target in node.targets]


def _computes_with(call: ast.AST, layer: ast.AST, tree: ast.Module) -> bool:
    """It is the layer itself that is called, not a model with the layer in it."""
    if not isinstance(call, ast.Call):
        return False
    called = ast.unparse(call.func)
    return call.func is layer or any(ast.unparse(target) == called for target in _targets(layer, tree))
