"""Calls as they are written: what they are given, and what functions return."""

from __future__ import annotations

import ast

from ...program.things import Operation
from ...source.nodes import walk


def variable(node: ast.expr | None) -> str | None:
    """A name, or an attribute of `self`: what can be assigned."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "self":
        return f"self.{node.attr}"
    return None


def parameters_of(function: ast.AST) -> frozenset[str]:
    """The names of what a function is handed."""
    if not isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef)):
        return frozenset()
    names = function.args
    return frozenset(argument.arg for argument in (*names.posonlyargs, *names.args, *names.kwonlyargs))


def handed_to(function: ast.AST) -> frozenset[str]:
    """The parameters of a function, and what it takes out of one that is a tuple."""
    names = parameters_of(function)
    assigned = [part for part in walk(function) if isinstance(part, ast.Assign) and variable(part.value) in names]
    tuples = [target for part in assigned for target in part.targets if isinstance(target, ast.Tuple)]
    return names | {one.id for target in tuples for one in target.elts if isinstance(one, ast.Name)}


def reads(node: ast.AST, name: str) -> bool:
    return any(isinstance(part, ast.Name) and part.id == name for part in walk(node))


def argument_at(operation: Operation, position: int, keyword: str) -> ast.expr | None:
    """An argument of a call, as it is written."""
    call = operation.site.node
    if not isinstance(call, ast.Call) or any(isinstance(one, ast.Starred) for one in call.args):
        return None
    if len(call.args) > position:
        return call.args[position]
    return next((one.value for one in call.keywords if one.arg == keyword), None)


def argument_of(operation: Operation, position: int, keyword: str) -> str | None:
    """The variable that a call is given."""
    call = operation.site.node
    assert isinstance(call, ast.Call)
    given = call.args[position] if len(call.args) > position else None
    return variable(given or next((one.value for one in call.keywords if one.arg == keyword), None))


def arguments(operation: Operation) -> list[ast.expr]:
    call = operation.site.node
    return [*call.args, *(one.value for one in call.keywords)] if isinstance(call, ast.Call) else []


def argument(function: ast.AST, parameter: str, call: ast.Call) -> str | None:
    """The variable that a call of a function in sight gives for one of its parameters."""
    if not isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef)):
        return None
    names = [argument.arg for argument in (*function.args.posonlyargs, *function.args.args)]
    names = names[1:] if names[:1] == ["self"] else names
    for keyword in call.keywords:
        if keyword.arg == parameter:
            return variable(keyword.value)
    at = names.index(parameter) if parameter in names else len(call.args)
    return variable(call.args[at]) if at < len(call.args) else None


def returned_names(function: ast.AST) -> list[str] | None:
    """The names of the tuple that a function returns at its only return."""
    found = [node for node in ast.walk(function) if isinstance(node, ast.Return)]
    value = found[-1].value if found else None
    if not isinstance(value, ast.Tuple):
        return None
    names = [one.id for one in value.elts if isinstance(one, ast.Name)]
    return names if len(names) == len(value.elts) else None


def root_of(node: ast.expr) -> str | None:
    """The variable that an attribute, or the attribute of one, belongs to."""
    while isinstance(node, ast.Attribute):
        node = node.value
    return node.id if isinstance(node, ast.Name) else None
