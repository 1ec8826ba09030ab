"""Options of the command line, each with what it is where a script is run without it."""

from __future__ import annotations

import ast

from . import defaults, expressions, objects
from .frameworks.options import (
    ADDING,
    COMMAND_METHODS,
    COMMANDS,
    FILLING,
    FLAG_HOLDERS,
    FLAGS,
    GROUPS,
    OPTION_DECORATORS,
    OPTION_DEFAULTS,
    PARSERS,
    READING,
)
from .machine import Machine
from .names import text_of
from .things import NONE, UNKNOWN, ClassValue, Constant, External, Function, Operation, Role, Sequence, Tensor, Thing, Value
from .values import things_in

_METHODS = GROUPS | ADDING | READING | {"add_arguments", "set_defaults"}
TESTED = "tested"
"""A use of a symbol: a condition looks at it."""
_KNOWN = PARSERS | FLAGS.keys() | COMMANDS | FILLING
_CLASSES = "[classes]"
_FLOATS = (External("builtins.float"), External("builtins.int"))


def call(m: Machine, node: ast.expr, name: str, args: list[Value], keywords: dict[str, Value]) -> Value | None:
    """What a function of such a library returns; None where it is none."""
    if name not in _KNOWN:
        return None
    if name in PARSERS:
        return _parser(m, node, name, args, keywords)
    if name in FLAGS and args and isinstance(args[0], Constant) and isinstance(node, ast.Call):
        key, holder = str(args[0].value), External(FLAGS[name])
        default = args[1] if len(args) > 1 else keywords.get("default", NONE)
        number = defaults.symbol(m, m.thing(node, "option", name=key), _written(node, 1, "default"), default, option=True)
        m.store.set((holder, key), number or UNKNOWN)
        flag = m.thing(node, "flag", name=key)
        m.store.set((flag, "value"), number or UNKNOWN)
        return flag
    if name in COMMANDS:
        m.commands.update(value.node for value in args if isinstance(value, Function))
    given = args[0] if args else next((keywords[key] for key in ("config_class", "target") if key in keywords), UNKNOWN)
    if name in FILLING and isinstance(given, ClassValue):
        return _filled(m, node, given)
    return None


def flag(m: Machine, holder: External, name: str) -> Value | None:
    """`FLAGS.name`."""
    return m.store.get((holder, name)) if holder.name in FLAG_HOLDERS else None


def is_method(holder: Value, name: str) -> bool:
    """A method of a parser that matters here."""
    return name in _METHODS and isinstance(holder, Thing) and _is_parser(holder)


def _is_parser(thing: Thing) -> bool:
    return thing.created_by in PARSERS or (thing.cls is not None and not PARSERS.isdisjoint(thing.cls.outside))


def _parser(m: Machine, node: ast.expr, name: str, args: list[Value], keywords: dict[str, Value]) -> Thing:
    parser = m.thing(node, "parser", role=Role.OTHER)
    parser.created_by = name
    classes = args[0].items if args and isinstance(args[0], Sequence) else tuple(args[:1])
    m.store.set((parser, _CLASSES), Sequence(tuple(value for value in classes if isinstance(value, ClassValue))))
    parents = keywords.get("parents")
    for parent in things_in(parents) if parents is not None else ():
        for key in m.store.keys_of(parent):
            m.store.set((parser, key), m.store.get((parent, key)) or UNKNOWN)
    return parser


def method(m: Machine, node: ast.expr, parser: Thing, name: str, args: list[Value], keywords: dict[str, Value]) -> Value | None:
    """What a method of a parser returns; None where nothing is known of it."""
    if name in GROUPS:
        return parser
    if name in ADDING:
        _add(m, node, parser, args, keywords)
        return UNKNOWN
    if name == "add_arguments" and args and isinstance(args[0], ClassValue):
        dest = keywords.get("dest", args[1] if len(args) > 1 else NONE)
        if isinstance(dest, Constant) and isinstance(dest.value, str):
            m.store.set((parser, f"--{dest.value}"), _filled(m, node, args[0]))
        return UNKNOWN
    if name == "set_defaults":
        for key, value in keywords.items():
            _offer(m, node, parser, key, value)
        return NONE
    if name in READING:
        return _read(m, node, parser, name, args)
    return None


def _add(m: Machine, node: ast.expr, parser: Thing, args: list[Value], keywords: dict[str, Value]) -> None:
    flags = [value.value for value in args if isinstance(value, Constant) and isinstance(value.value, str)]
    if not flags:
        return
    long = next((flag for flag in flags if flag.startswith("--")), flags[0])
    dest = keywords.get("dest")
    key = dest.value if isinstance(dest, Constant) else long.lstrip("-").replace("-", "_")
    default = keywords.get("default", NONE)
    if isinstance(default, Constant) and isinstance(default.value, str) and keywords.get("type") in _FLOATS:
        try:
            default = Constant(float(default.value))
        except ValueError:
            default = UNKNOWN
    before = m.store.get((parser, f"--{key}"))
    if before is not None and not (isinstance(before, Constant) and before == default):
        default = UNKNOWN
    _offer(m, node, parser, str(key), default)


def _offer(m: Machine, node: ast.expr, parser: Thing, key: str, default: Value) -> None:
    written = _written(node, -1, key if key in _keywords(node) else "default")
    symbol = m.thing(node, f"option {key}", name=key)
    m.store.set((parser, f"--{key}"), defaults.symbol(m, symbol, written, default, option=True) or UNKNOWN)


def _keywords(node: ast.expr) -> dict[str | None, ast.expr]:
    return {keyword.arg: keyword.value for keyword in node.keywords} if isinstance(node, ast.Call) else {}


def _written(node: ast.expr, position: int, name: str) -> ast.expr:
    """Where an argument is written in a call."""
    found = _keywords(node).get(name)
    if found is None and isinstance(node, ast.Call) and 0 <= position < len(node.args):
        return node.args[position]
    return found or node


def _read(m: Machine, node: ast.expr, parser: Thing, name: str, args: list[Value]) -> Value:
    """The object, or objects, that the options are read into."""
    plain = not args or args[0] == NONE
    if parser.cls is not None:
        if plain:
            m.namespaces.add(parser)
        return parser
    if name in ("parse_args_into_dataclasses", "parse_args_and_config"):
        classes = m.store.get((parser, _CLASSES))
        items = classes.items if isinstance(classes, Sequence) else ()
        return Sequence(tuple(_filled(m, node, item) for item in items if isinstance(item, ClassValue))) if items else UNKNOWN
    read = m.thing(node, "result", name="")
    m.namespaces.add(read)
    for key in m.store.keys_of(parser):
        value = m.store.get((parser, key))
        if not (plain and key.startswith("--") and isinstance(value, Thing)):
            continue
        if value.default is None:
            m.store.set((read, key[2:]), value)
        else:
            part = m.part(read, key[2:])
            part.data, part.default = True, value.default
    return Sequence((read, UNKNOWN)) if name == "parse_known_args" else read


def _filled(m: Machine, node: ast.expr, given: ClassValue) -> Thing:
    """An object of a class whose attributes the command line may give."""
    made = m.thing(node, f"options {text_of(node)} {given.info.name}", role=objects.role_of_class(given.info))
    made.cls, made.created_by = given.info, given.info.name
    m.namespaces.add(made)
    return made


def argument(m: Machine, function: ast.AST, node: ast.arg, default: ast.expr | None) -> Value | None:
    """What the command line gives an argument of a function by default; None where it has no part in that."""
    if isinstance(default, ast.Call):
        callee = expressions.evaluate(m, default.func) if isinstance(default.func, (ast.Name, ast.Attribute)) else None
        if isinstance(callee, External) and callee.name in OPTION_DEFAULTS and default.args:
            return _symbol(m, node, default.args[0])
        return None
    for decorator in getattr(function, "decorator_list", ()):
        if not (isinstance(decorator, ast.Call) and isinstance(decorator.func, (ast.Name, ast.Attribute))):
            continue
        known = _keywords(decorator)
        if "default" not in known or node.arg not in _options_of(decorator):
            continue
        made = expressions.evaluate(m, decorator.func)
        if isinstance(made, External) and made.name in OPTION_DECORATORS:
            return _symbol(m, node, known["default"])
    return None


def _symbol(m: Machine, node: ast.arg, written: ast.expr) -> Value | None:
    value = expressions.evaluate(m, written) if isinstance(written, (ast.Constant, ast.UnaryOp)) else UNKNOWN
    return defaults.symbol(m, m.thing(node, "option", name=node.arg), written, value, option=True)


def _options_of(decorator: ast.Call) -> set[str]:
    names = [argument.value for argument in decorator.args if isinstance(argument, ast.Constant)]
    return {name.lstrip("-").replace("-", "_").lower() for name in names if isinstance(name, str)}


def is_command(m: Machine, function: ast.AST) -> bool:
    """A function whose arguments the command line may give."""
    if function in m.commands:
        return True
    for decorator in getattr(function, "decorator_list", ()):
        func = decorator.func if isinstance(decorator, ast.Call) else decorator
        if isinstance(func, ast.Attribute) and func.attr in COMMAND_METHODS:
            return True
    return False


def item(m: Machine, holder: Thing, key: object) -> Value | None:
    """`vars(options)[key]`."""
    if holder not in m.namespaces or not isinstance(key, str):
        return None
    return m.store.get((holder, key)) or defaults.attribute(m, holder, key) or m.part(holder, key)


def entries(m: Machine, holder: Thing) -> dict[str, Value]:
    """What is known of the options, as keyword arguments."""
    table = defaults.table(m, holder).items
    return {key: value for key, value in table if isinstance(key, str)}


def looked_at(value: Value, depth: int = 3) -> None:
    """A condition asks for `value`: a default that is tested may be there to be replaced."""
    if isinstance(value, Thing):
        if value.default is not None:
            value.uses.add(TESTED)
    elif isinstance(value, Tensor) and isinstance(value.origin, Operation) and depth:
        for given in value.origin.inputs:
            looked_at(given, depth - 1)
    elif isinstance(value, Tensor) and isinstance(value.origin, Thing):
        looked_at(value.origin)
