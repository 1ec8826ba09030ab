"""How the file at hand writes what can be written in two ways."""

from __future__ import annotations

import ast

from ..program.naming import names_scheduler
from ..program.vocabulary import CLEARING_BEHIND
from ..source.nodes import walk
from .layout import Layout
from .training_calls import Call, Calls, Kind

_PREPARING = frozenset(
    {"prepare", "setup", "setup_module", "setup_optimizers", "accumulate", "sync_gradients", "backward", "clip_grad_norm_",
     "clip_grad_value_", "clip_gradients", "autocast", "no_backward_sync", "no_sync"}
)  # fmt: skip
"""What an accelerator does only where it also differentiates."""


def clears_behind(calls: Calls, step: ast.stmt, holder: str, tree: ast.Module) -> bool:
    """Whether gradients are cleared behind the steps here, and not in front of the backwards."""
    loop = calls.loop(step)
    if loop is not None and _brings_gradients(calls, loop, holder):
        return False
    if loop is not None and any(
        call.kind is Kind.CLEAR and call.what == holder and calls.layout.start(call.statement) < calls.layout.start(loop)
        for call in calls.all
    ):
        return True
    votes = _votes(calls)
    if not votes:
        functions = (node for node in walk(tree) if isinstance(node, (ast.Module, ast.FunctionDef, ast.AsyncFunctionDef)))
        for function in filter(_clears, functions):
            votes += _votes(Calls(Layout(calls.layout.source, function)))
    if votes:
        return 2 * sum(votes) > len(votes)
    if _imports(tree, CLEARING_BEHIND) and _is_scheduled(calls.layout, step):
        return True
    return any("accelerator" in ast.unparse(one.statement) for one in calls.all)


def _brings_gradients(calls: Calls, loop: ast.stmt, holder: str) -> bool:
    """Gradients of a backward in front of `loop`, which nothing clears in between, are there in its first turn."""
    start, outer = calls.layout.start(loop), calls.loop(loop)
    before = [call for call in calls.all if calls.layout.start(call.statement) < start and outer is not None]
    within = [
        call for call in before if outer in calls.layout.chain(call.statement) and not calls.exclusive(call.statement, loop)
    ]
    told = [call.kind for call in within if call.kind is Kind.BACKWARD or (call.kind is Kind.CLEAR and call.what == holder)]
    return bool(told) and told[-1] is Kind.BACKWARD


def differentiates_through(through: str, function: ast.AST, tree: ast.Module) -> bool:
    """Whether losses are differentiated by calling `through` in `function`: what it belongs to is in use there."""
    owner = through.rpartition(".")[0]
    used = {node.attr for node in ast.walk(function) if isinstance(node, ast.Attribute) and ast.unparse(node.value) == owner}
    if used or owner == "self":
        return owner == "self" or not used.isdisjoint(_PREPARING)
    calls = [node.func for node in ast.walk(tree) if isinstance(node, ast.Call)]
    names = [ast.unparse(func) for func in calls if isinstance(func, ast.Attribute) and func.attr == "backward"]
    return not names or through in names


def _imports(tree: ast.Module, roots: frozenset[str]) -> bool:
    found = [node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    found += [alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names]
    return any(name.partition(".")[0] in roots for name in found)


def _clears(function: ast.AST) -> bool:
    return any(isinstance(node, ast.Attribute) and node.attr == "zero_grad" for node in walk(function))


def _votes(calls: Calls) -> list[bool]:
    """For every step in a loop that has its clear beside it: whether it comes behind."""
    votes = []
    for call in calls.all:
        if call.kind is Kind.STEP and calls.loop(call.statement) is not None:
            if any(clear.what == call.what for clear in calls.group(call.statement).clears):
                votes.append(False)
            elif _clears_next(calls, call):
                votes.append(True)
    return votes


def _clears_next(calls: Calls, step: Call) -> bool:
    for call in calls.all[calls.all.index(step) + 1 :]:
        if call.kind is Kind.BACKWARD:
            return False
        if call.kind is Kind.CLEAR and call.what == step.what:
            return True
    return False


def _is_scheduled(layout: Layout, step: ast.stmt) -> bool:
    """The step of a schedule follows in every turn."""
    for following in layout.following(step):
        func = following.value.func if isinstance(following, ast.Expr) and isinstance(following.value, ast.Call) else None
        if isinstance(func, ast.Attribute) and func.attr == "step" and names_scheduler(ast.unparse(func.value)):
            return True
    return False
