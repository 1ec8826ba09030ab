"""One thing written in place of another: a layer that is kept, a copy, an output that was forgotten."""

from __future__ import annotations

import ast

from ..finding import Edit, Fix
from ..rules.remedy import BuildOnce, GiveOutput, UseCopy, WholeRows
from ..source.parse import span_of
from ..source.text import SourceText
from .layout import Layout, layout_of
from .offer import unsafe

_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)


def whole_rows(remedy: WholeRows, tree: ast.Module, source: SourceText) -> Fix | None:
    """Both sizes are written out where they are given, and each of them once."""
    view, layer = remedy.view.node, remedy.layer
    if not isinstance(view, ast.Call) or not isinstance(layer, ast.Call):
        return None
    shape = view.args[-1] if view.args else None
    rows = shape.elts[-1] if isinstance(shape, (ast.Tuple, ast.List)) and shape.elts else shape
    named = [keyword.value for keyword in layer.keywords if keyword.arg == "in_features"]
    (taken, *_) = [*layer.args[:1], *named, None]
    sizes = [node for node in (rows, taken) if isinstance(node, ast.Constant) and node.value == remedy.wrong]
    if len(sizes) != 2 or not any(node is layer for node in ast.walk(tree)):
        return None
    edits = sorted((Edit(span_of(node, source), str(remedy.whole)) for node in sizes), key=lambda edit: edit.span)
    return unsafe(f"Make rows of {remedy.whole} numbers, and the layer for them", *edits)


def build_once(remedy: BuildOnce, tree: ast.Module, source: SourceText) -> Fix | None:
    """The layer that the constructor keeps already and nothing else uses, else one more that it keeps."""
    call, function = remedy.site.node, remedy.site.function
    owner = next((node for node in ast.walk(tree) if isinstance(node, ast.ClassDef) and function in node.body), None)
    layout = layout_of(remedy.site, source)
    if owner is None or layout is None or not isinstance(call, ast.Call):
        return None
    constructor = next((one for one in owner.body if isinstance(one, ast.FunctionDef) and one.name == "__init__"), None)
    here = _self_of(function)
    if constructor is None or here is None or _self_of(constructor) != here or not _is_constant(call, layout, here):
        return None
    kept = _kept(constructor, here)
    for name, value in kept.items():
        if ast.unparse(value) == ast.unparse(call) and not _reads(owner, here, name):
            return unsafe(f"Use `{here}.{name}`", Edit(span_of(call, source), f"{here}.{name}"))
    name = _name_for(remedy.site.statement, call)
    while name in kept or any(getattr(one, "name", None) == name for one in owner.body):
        name = f"{name}_once"
    body = Layout(source, constructor)
    edits = (
        body.after(constructor.body[-1], f"{here}.{name} = {source.slice(span_of(call, source))}"),
        Edit(span_of(call, source), f"{here}.{name}"),
    )
    if "\n" in source.slice(span_of(call, source)) or isinstance(constructor.body[-1], ast.Return):
        return None
    return unsafe(f"Build it once, as `{here}.{name}`", *sorted(edits, key=lambda edit: edit.span))


def _self_of(function: ast.AST) -> str | None:
    arguments = getattr(function, "args", None)
    given = [*arguments.posonlyargs, *arguments.args] if isinstance(arguments, ast.arguments) else []
    return given[0].arg if given else None


def _is_constant(call: ast.Call, layout: Layout, here: str) -> bool:
    """It is built of what does not depend on the pass: literals, and names that the function does not bind."""
    names = {node.id for node in ast.walk(call) if isinstance(node, ast.Name)}
    bound = {name for name in names if layout.binds(name)}
    return not bound and here not in names and not any(isinstance(node, ast.Lambda) for node in ast.walk(call))


def _kept(constructor: ast.FunctionDef, here: str) -> dict[str, ast.expr]:
    """The attributes that a constructor sets, with their last value."""
    found: dict[str, ast.expr] = {}
    for node in ast.walk(constructor):
        if not isinstance(node, ast.Assign):
            continue
        for target in node.targets:
            if isinstance(target, ast.Attribute) and isinstance(target.value, ast.Name) and target.value.id == here:
                found[target.attr] = node.value
    return found


def _reads(owner: ast.ClassDef, here: str, name: str) -> bool:
    """Some method of the class looks at an attribute of its own."""
    return any(
        isinstance(node, ast.Attribute)
        and node.attr == name
        and isinstance(node.ctx, ast.Load)
        and isinstance(node.value, ast.Name)
        and node.value.id == here
        for node in ast.walk(owner)
    )


def _name_for(statement: ast.stmt, call: ast.Call) -> str:
    """The name that the pass gave it, else that of its class."""
    target = statement.targets[0] if isinstance(statement, ast.Assign) and len(statement.targets) == 1 else None
    if isinstance(target, ast.Name) and any(node is call for node in ast.walk(statement)):
        return target.id
    return ast.unparse(call.func).rpartition(".")[2].lower()


def use_copy(remedy: UseCopy, tree: ast.Module, source: SourceText) -> Fix | None:
    layout = layout_of(remedy.place, source)
    if layout is None or remedy.trained.statement not in layout.places or not remedy.original.isidentifier():
        return None
    meeting = layout.meet(remedy.trained.statement, remedy.place.statement)
    if meeting is None or meeting[0] is meeting[1]:
        return None
    after = layout.end(meeting[0])
    uses = [
        node
        for statement in layout.places
        if layout.start(statement) >= after
        for node in _own(statement)
        if isinstance(node, ast.Name) and node.id == remedy.original
    ]
    if not uses or not all(isinstance(use.ctx, ast.Load) for use in uses):
        return None
    edits = {Edit(span_of(use, source), remedy.copy) for use in uses}
    return unsafe(f"Use `{remedy.copy}`, which was trained", *sorted(edits, key=lambda edit: edit.span))


def _own(statement: ast.stmt) -> list[ast.AST]:
    """The nodes of a statement, without those of functions in it."""
    found: list[ast.AST] = []
    waiting: list[ast.AST] = [statement]
    while waiting:
        node = waiting.pop()
        found.append(node)
        waiting += [child for child in ast.iter_child_nodes(node) if not isinstance(child, _DEFINITIONS)]
    return found


def give_output(remedy: GiveOutput, tree: ast.Module, source: SourceText) -> Fix | None:
    """Where the results of all models but one are looked at, it is that one."""
    call = remedy.call
    layout = layout_of(remedy.site, source)
    if layout is None or not isinstance(call, ast.Call) or not call.args or isinstance(call.args[0], ast.Starred):
        return None
    reads = [node.id for node in ast.walk(layout.function) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)]
    at = source.offset(span_of(call, source).start)
    idle = {
        target.id
        for output in remedy.outputs
        if output.statement in layout.places and layout.end(output.statement) <= at
        for target in (output.statement.targets if isinstance(output.statement, ast.Assign) else ())
        if isinstance(target, ast.Name) and target.id not in reads
    }
    if len(idle) != 1:
        return None
    (name,) = idle
    return unsafe(f"Give it `{name}`", Edit(span_of(call.args[0], source), name))
