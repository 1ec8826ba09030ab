"""Numbers that stand where nobody gives others: defaults of arguments, and of the attributes that class bodies describe.

Such a number is a symbol that knows its default: callers and command lines are there to give others, so it decides no path.
"""

from __future__ import annotations

import ast

from . import expressions, objects
from .frameworks.options import FIELDS
from .machine import Machine
from .scope import ClassInfo
from .things import NONE, ClassValue, Constant, Default, External, Mapping, Role, Thing, Value

SPREAD_KEY = "**"
"""The attribute of an object for whatever its constructor was given that is out of sight."""


def symbol(m: Machine, thing: Thing, node: ast.expr, value: Value, *, option: bool = False) -> Thing | None:
    """`thing` as a number that is `value` by default; None where that is no number."""
    number = _number(value)
    if number is None:
        return None
    thing.data = True
    thing.default = Default(number, m.site(node), option)
    return thing


def _number(value: Value) -> float | None:
    known = value.value if isinstance(value, Constant) else None
    return known if isinstance(known, (int, float)) and not isinstance(known, bool) else None


def describes(m: Machine, node: ast.expr) -> bool:
    """A call in the body of a class that says what an attribute is by default."""
    return isinstance(node, ast.Call) and _callee(m, node) in FIELDS


def _callee(m: Machine, node: ast.Call) -> str | None:
    """The name of the library function that is called, nothing evaluated but names."""
    func = node.func
    while isinstance(func, ast.Attribute):
        func = func.value
    value = expressions.evaluate(m, node.func) if isinstance(func, ast.Name) else None
    return value.name if isinstance(value, External) else None


def attribute(m: Machine, holder: Thing, name: str) -> Value | None:
    """An attribute that the constructor of `holder` was not given, as the body of its class describes it."""
    info = holder.cls
    found = info.default(name) if info is not None and holder.in_sight else None
    if info is None or found is None or m.store.get((holder, SPREAD_KEY)) is not None:
        return None
    owner, node = found
    given = described(m, owner, node)
    if isinstance(given, ClassValue) and objects.role_of_class(given.info) is Role.INSTANCE:
        made = m.things.get((holder, name, "default"))
        if made is None:
            made = m.things[holder, name, "default"] = Thing(name, Role.INSTANCE, given.info.name, cls=given.info)
            if holder in m.namespaces:
                m.namespaces.add(made)
        return made if given.info.find("__init__") is None else None
    return symbol(m, m.part(holder, name), node, given, option=holder in m.namespaces) if given is not None else None


def of_class(m: Machine, info: ClassInfo, name: str) -> Value | None:
    """An annotated number in the body of a class, asked of the class itself."""
    found = info.default(name)
    value = described(m, *found) if found is not None else None
    return value if value is not None and _number(value) is not None else None


def described(m: Machine, owner: ClassInfo, node: ast.expr) -> Value | None:
    """A number, or the class that an object is made of anew for each attribute; None for everything else."""
    if isinstance(node, (ast.Constant, ast.UnaryOp, ast.BinOp)) and _is_written_out(node):
        return expressions.evaluate(m, node)
    if not isinstance(node, ast.Call):
        return None
    outer, m.frame = m.frame, owner.frame
    callee = _callee(m, node)
    by_position = FIELDS.get(callee) if callee is not None else None
    given = {keyword.arg: keyword.value for keyword in node.keywords}
    made: Value | None = None
    if callee in FIELDS:
        default = given.get("default", node.args[0] if by_position and node.args else None)
        factory = given.get("default_factory", given.get("factory"))
        if default is not None:
            made = described(m, owner, default)
        elif isinstance(factory, (ast.Name, ast.Attribute)):
            made = expressions.evaluate(m, factory)
    elif isinstance(node.func, (ast.Name, ast.Attribute)) and not node.args and not node.keywords:
        made = expressions.evaluate(m, node.func)
    m.frame = outer
    return made if isinstance(made, (ClassValue, Constant)) else None


def _is_written_out(node: ast.expr) -> bool:
    return all(isinstance(part, (ast.Constant, ast.UnaryOp, ast.BinOp, ast.unaryop, ast.operator)) for part in ast.walk(node))


def table(m: Machine, holder: Thing) -> Mapping:
    """All that is known of an object's attributes, as a dictionary of them."""
    names = dict.fromkeys([*(holder.cls.fields if holder.cls is not None else ()), *sorted(m.store.keys_of(holder))])
    known: dict[object, Value] = {}
    for name in names:
        if name.isidentifier():
            known[name] = m.store.get((holder, name)) or attribute(m, holder, name) or m.part(holder, name)
    return Mapping(tuple(known.items()))


def replaced(m: Machine, node: ast.AST, original: Thing, keywords: dict[str, Value]) -> Thing:
    """Another object like `original`, with some attributes given anew."""
    made = m.thing(node, "replaced", role=original.role)
    made.cls, made.created_by = original.cls, original.created_by
    for name in m.store.keys_of(original):
        m.store.set((made, name), m.store.get((original, name)) or NONE)
    for name, value in keywords.items():
        m.store.set((made, name), value)
    if original in m.namespaces:
        m.namespaces.add(made)
    return made
