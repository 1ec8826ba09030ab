"""Classes, and the objects that are made of them."""

from __future__ import annotations

import ast

from . import chains, defaults, expressions, functional, operations, parameters
from .effects import Create, Rebind, SetRate
from .frameworks.table import argument_name, canonical, is_module_base, leading_parameters, maker, role_of_base
from .machine import Machine
from .scope import ClassInfo
from .things import UNKNOWN, ClassValue, External, Function, Role, Thing, Value
from .values import mix, things_in


def class_info(m: Machine, node: ast.ClassDef) -> ClassInfo:
    """A class statement as a class with its methods and bases."""
    info = ClassInfo(node.name, node, m.frame)
    bases: list[ClassInfo] = []
    external: list[str] = []
    for base in node.bases:
        value = expressions.evaluate(m, base.value if isinstance(base, ast.Subscript) else base)
        if isinstance(value, ClassValue):
            bases.append(value.info)
        elif isinstance(value, External):
            external.append(canonical(value.name))
        else:
            external.append("?")
    info.bases, info.external = tuple(bases), tuple(external)
    for statement in node.body:
        if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef)):
            info.methods[statement.name] = statement
        elif isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            info.annotations[statement.target.id] = statement.annotation
            if statement.value is not None:
                info.defaults[statement.target.id] = statement.value
        elif isinstance(statement, ast.Assign) and isinstance(statement.value, (ast.Constant, ast.UnaryOp)):
            info.constants.update({name.id: statement.value for name in statement.targets if isinstance(name, ast.Name)})
        elif isinstance(statement, ast.Assign) and defaults.describes(m, statement.value):
            info.defaults.update({name.id: statement.value for name in statement.targets if isinstance(name, ast.Name)})
    return info


def role_of_class(info: ClassInfo) -> Role:
    for name in info.outside:
        known = role_of_base(name) is Role.MODULE or is_module_base(name)
        if known or name.rpartition(".")[2].endswith("Module"):
            return Role.MODULE
    return Role.INSTANCE


def declare(m: Machine, thing: Thing, annotation: ast.expr) -> None:
    """What an annotation says of a symbol."""
    if thing.role is not None:
        return
    value = expressions.evaluate(m, annotation)
    if isinstance(value, External):
        thing.role = maker(canonical(value.name))
    elif isinstance(value, ClassValue):
        thing.cls, thing.role = value.info, role_of_class(value.info)


def instantiate(m: Machine, node: ast.expr, info: ClassInfo, args: list[Value], keywords: dict[str, Value]) -> Value:
    outside = info.outside
    if any(role_of_base(name) is Role.OPTIMIZER for name in outside):
        optimizer = make(m, node, Role.OPTIMIZER, info.name, args, keywords)
        own = info.find("step")
        if own is not None:
            written = ast.unparse(own[1])
            if "super().step(" in written and ("zero_grad" in written or ".grad" in written):
                optimizer.cls = info
        return optimizer
    thing = m.thing(node, "instance", role=role_of_class(info))
    thing.cls, thing.created_by = info, info.name
    thing.holds |= frozenset(held for value in (*args, *keywords.values()) for held in things_in(value))
    if thing.role is Role.MODULE:
        thing.holds |= mix((*args, *keywords.values())).sources
    m.emit_effect(Create, node, thing)
    m.emit_effect(Rebind, node, thing)
    found = info.find("__init__")
    if found is None:
        for name, value in (*zip(info.fields, args, strict=False), *keywords.items()):
            m.store.set((thing, name), value)
            for part in things_in(value):
                part.owners.add(thing)
        found, args, keywords = info.find("__post_init__"), [], {}
    if found is not None:
        m.inline(m, Function(found[1], found[0].frame, thing), node, args, keywords)
    return thing


def make(m: Machine, node: ast.expr, role: Role, name: str, args: list[Value], keywords: dict[str, Value]) -> Thing:
    """An object of a class that a table knows."""
    thing = m.thing(node, "made", role=role)
    thing.created_by = name
    thing.arguments, thing.positional = dict(keywords), tuple(args)
    if role is Role.LEAF:
        thing.made_by = operations.compute(m, node, name.rpartition(".")[2], args, keywords)
    thing.holds |= frozenset(held for value in (*args, *keywords.values()) for held in things_in(value))
    if role is Role.MODULE:
        thing.holds |= mix((*args, *keywords.values())).sources
    if role is Role.INPUT:
        thing.data = True
    if role is Role.OPTIMIZER and (names := leading_parameters(name))[0] != "params":
        thing.arguments = {argument_name(key): value for key, value in keywords.items()} | dict(zip(names, args, strict=False))
    elif role is Role.OPTIMIZER:
        given = args[0] if args else keywords.get("params", UNKNOWN)
        parameters.exhaust(m, node, given)
        thing.parameters = parameters.of(given)
        thing.arguments["params"] = given
        if len(args) > 1:
            thing.arguments["lr"] = args[1]
        rates = parameters.group_rates(given, thing.arguments.get("lr", UNKNOWN))
        if rates is not None:
            thing.arguments["lr"] = rates
    elif role is Role.TRANSFORMATION:
        functional.transformation(thing, name, args, keywords)
    elif thing.holds:
        m.emit_effect(SetRate, node, tuple(thing.holds))
    chains.begin(m, thing)
    m.emit_effect(Create, node, thing)
    m.emit_effect(Rebind, node, thing)
    return thing
