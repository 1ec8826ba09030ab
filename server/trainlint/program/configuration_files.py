"""Hyper-parameters that the program loads from files of the workspace by a literal path."""

from __future__ import annotations

import os

from ..source.parse import Spot
from .configuration_formats import Node, Scalar, read
from .frameworks.files import HOLDERS, LOADERS, PATH_LOADERS, READERS, Format
from .machine import Machine
from .things import NONE, UNKNOWN, Constant, FileValue, Loaded, Many, Mapping, Tensor, Value
from .values import join

_PATHS = frozenset({"pathlib.Path", "pathlib.PurePath", "pathlib.PosixPath"})
_OF_PATHS = frozenset({"os.path.abspath", "os.path.realpath", "os.path.normpath", "os.path.join", "os.fspath", "builtins.str"})
_SAME_PATH_METHODS = frozenset({"resolve", "absolute", "expanduser", "as_posix", "__fspath__"})
_OPENING_METHODS = frozenset({"open", "read_text", "read_bytes", "read"})
_LOOKING_METHODS = frozenset({"keys", "values", "items", "copy", "get"})

_SAME_KIND = frozenset({"builtins.dict", "copy.copy", "copy.deepcopy"})
"""They give a dictionary for a dictionary."""
_CHANGED = Tensor()
"""What an entry is after code out of sight may have changed it: some number, on whatever path."""


def call(m: Machine, name: str, args: list[Value], keywords: dict[str, Value]) -> Value | None:
    """What a function of a library makes of paths and of what was loaded; None where it is no matter of files."""
    first = args[0] if args else next(iter(keywords.values()), UNKNOWN)
    if name in LOADERS:
        return _load(m, first, LOADERS[name]) if isinstance(first, FileValue) and first.opened else None
    if name in PATH_LOADERS:
        return _load(m, _path(first), PATH_LOADERS[name])
    if name in HOLDERS:
        if args and not keywords and isinstance(first, Loaded):
            return first
        if len(args) == 1 and not keywords and isinstance(first, Mapping) and name not in _SAME_KIND:
            return _held(m, first)
        return _table(m, tuple(keywords.items())) if keywords and not args and name != "builtins.dict" else None
    if name in ("builtins.float", "builtins.int") and isinstance(first, Constant) and first.source is not None:
        return _number(name, first)
    if name in ("builtins.open", "io.open"):
        path = _path(first)
        return FileValue(path.path, opened=True) if path is not None else None
    if name in _PATHS or (isinstance(first, FileValue) and name in _OF_PATHS):
        return _joined([*args])
    if name == "os.path.dirname" and isinstance(first, FileValue):
        return FileValue(os.path.dirname(first.path))
    if name in READERS and any(isinstance(value, Loaded) for value in args):
        return UNKNOWN
    return None


def _path(value: Value | None) -> FileValue | None:
    if isinstance(value, Constant) and isinstance(value.value, str):
        return FileValue(value.value)
    return value if isinstance(value, FileValue) else None


def _joined(parts: list[Value]) -> Value | None:
    paths = [_path(part) for part in parts]
    known = [path.path for path in paths if path is not None]
    return FileValue(os.path.normpath(os.path.join(*known))) if known and len(known) == len(parts) else None


def path_attribute(path: FileValue, name: str) -> Value | None:
    """`path.name`, of a `pathlib.Path`."""
    return FileValue(os.path.dirname(path.path)) if name == "parent" else None


def divided(path: Value, part: Value) -> Value | None:
    """`path / part`."""
    return _joined([path, part]) if isinstance(path, FileValue) else None


def path_method(path: FileValue, name: str, args: list[Value]) -> Value:
    if name in _SAME_PATH_METHODS:
        return path
    if name == "joinpath":
        return _joined([path, *args]) or UNKNOWN
    return FileValue(path.path, opened=True) if name in _OPENING_METHODS else UNKNOWN


def _load(m: Machine, file: FileValue | None, format: Format) -> Value | None:
    document = m.importer.data_file(file.path) if file is not None and m.importer is not None else None
    if document is None:
        return None
    node = read(document, format)
    return None if node is None else _value(m, node, document.path)


def _value(m: Machine, node: Node, path: str) -> Value:
    if isinstance(node, Scalar):
        return Constant(node.value, Spot(path, node.span))
    if isinstance(node, dict):
        return _table(m, tuple((key, _value(m, item, path)) for key, item in node.items()))
    if isinstance(node, list):
        return _table(m, tuple((index, _value(m, item, path)) for index, item in enumerate(node)))
    return _CHANGED


def _table(m: Machine, entries: tuple[tuple[object, Value], ...]) -> Loaded:
    table = Loaded(tuple(key for key, _ in entries))
    for key, value in entries:
        m.store.set((table, repr(key)), value)
    return table


def _held(m: Machine, entries: Mapping) -> Loaded:
    """A dictionary as an object whose attributes are its entries, those within it too."""
    return _table(m, tuple((key, _held(m, value) if isinstance(value, Mapping) else value) for key, value in entries.items))


def _number(name: str, text: Constant) -> Value | None:
    if not isinstance(text.value, (int, float, str)):
        return None
    try:
        return Constant(float(text.value) if name.endswith("float") else int(text.value), text.source)
    except (ValueError, TypeError, OverflowError):
        return None


def entry(m: Machine, table: Loaded, key: object) -> Value | None:
    """An entry as it is now; None where there never was one."""
    return m.store.get((table, repr(key)))


def item(m: Machine, table: Loaded, index: Value) -> Value:
    """`table[index]`."""
    if isinstance(index, Constant):
        return entry(m, table, index.value) or UNKNOWN
    return _any(m, table)


def _any(m: Machine, table: Loaded) -> Value:
    merged: Value = UNKNOWN
    for key in table.keys:
        merged = join(merged, entry(m, table, key) or UNKNOWN)
    return merged if isinstance(merged, Loaded) else _CHANGED


def entries(m: Machine, table: Loaded) -> Mapping:
    """All entries, as for `**table`."""
    return Mapping(tuple((key, entry(m, table, key) or UNKNOWN) for key in table.keys))


def assign(m: Machine, table: Loaded, key: object, value: Value) -> None:
    """`table[key] = value`, or `table.key = value`; a key of None may be any."""
    if key is None:
        change(m, table)
    else:
        m.store.set((table, repr(key)), _CHANGED if value == UNKNOWN else value)


def change(m: Machine, value: Value) -> None:
    """Code out of sight may set any entry."""
    if isinstance(value, Loaded):
        for key in value.keys:
            inner = entry(m, value, key)
            if isinstance(inner, Loaded):
                change(m, inner)
            else:
                m.store.set((value, repr(key)), _CHANGED)


def method(m: Machine, table: Loaded, name: str, args: list[Value]) -> Value:
    """`table.name(...)` of a dictionary, or of an object that holds one."""
    if name == "get" and args and isinstance(args[0], Constant):
        found = entry(m, table, args[0].value)
        return found if found is not None else args[1] if len(args) > 1 else NONE
    if name == "copy":
        return table
    if name in ("values", "items"):
        return Many(_any(m, table) if name == "values" else UNKNOWN)
    if name not in _LOOKING_METHODS:
        change(m, table)
    return UNKNOWN
