"""Libraries whose native code opens files by name: their entry points get the redirected name."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from typing import Any

from .imports import after_import
from .union import Union

_SQLITE_COMPANIONS = ("-wal", "-journal")


def install(union: Union) -> None:
    def seen(path: Any) -> Any:
        return union.seen(path) if _is_path(path) else path

    def taken_empty(path: Any) -> Any:
        return union.taken(path, keep=False) if _is_path(path) else path

    def taken(path: Any) -> Any:
        return union.taken(path) if _is_path(path) else path

    def function(name: str, translate: Callable[[Any], Any], position: int = 0) -> Callable[[Any], None]:
        def patch(module: Any) -> None:
            if hasattr(module, name):
                setattr(module, name, _translating(getattr(module, name), translate, position))

        return patch

    def torch_core(core: Any) -> None:
        core.PyTorchFileWriter = _subclass(core.PyTorchFileWriter, taken_empty)
        core.PyTorchFileReader = _subclass(core.PyTorchFileReader, seen)

    def torch_script(module: Any) -> None:
        # The second class takes its methods from the first one's table.
        for name in ("RecursiveScriptModule", "ScriptModule"):
            kind = getattr(module, name, None)
            if kind is not None and "save" in vars(kind):
                kind.save = _translating(kind.save, taken_empty, 1)

    def torch_storage(module: Any) -> None:
        def mapped(original: Any) -> Any:
            @functools.wraps(original)
            def from_file(filename: Any, shared: bool = False, *arguments: Any, **keywords: Any) -> Any:
                return original(taken(filename) if shared else seen(filename), shared, *arguments, **keywords)

            return from_file

        module.UntypedStorage.from_file = staticmethod(mapped(module.UntypedStorage.from_file))

    def h5py_files(module: Any) -> None:
        original = module.File.__init__

        @functools.wraps(original)
        def init(self: Any, name: Any, mode: str = "r", *arguments: Any, **keywords: Any) -> None:
            if _is_path(name) and keywords.get("driver") is None:
                if mode == "r":
                    name = union.seen(name)
                elif mode in ("w-", "x") and union.exists(union.resolved(name)):
                    raise FileExistsError("Unable to create file (file exists)")
                else:
                    name = union.taken(name, keep=mode != "w")
            original(self, name, mode, *arguments, **keywords)

        module.File.__init__ = init

    def sqlite(module: Any) -> None:
        original = module.connect

        @functools.wraps(original)
        def connect(database: Any, *arguments: Any, **keywords: Any) -> Any:
            is_address = keywords.get("uri") or (len(arguments) > 6 and arguments[6])
            return original(_database(union, database, bool(is_address)), *arguments, **keywords)

        module.connect = connect

    after_import("torch._C", torch_core)
    after_import("torch.jit._serialization", function("save", taken_empty, 1))
    after_import("torch.jit._serialization", function("load", seen))
    after_import("torch.jit._script", torch_script)
    after_import("torch.storage", torch_storage)
    after_import("h5py._hl.files", h5py_files)
    after_import("_sqlite3", sqlite)
    after_import("safetensors._safetensors_rust", function("serialize_file", taken_empty, 1))
    after_import("safetensors._safetensors_rust", function("safe_open", seen))


def _is_path(path: Any) -> bool:
    return isinstance(path, (str, bytes, os.PathLike)) and bool(os.fspath(path))


def _translating(original: Any, translate: Callable[[Any], Any], position: int) -> Any:
    @functools.wraps(original)
    def function(*arguments: Any, **keywords: Any) -> Any:
        given = list(arguments)
        if len(given) > position:
            given[position] = translate(given[position])
        else:
            for name in ("f", "filename"):
                if name in keywords:
                    keywords[name] = translate(keywords[name])
        return original(*given, **keywords)

    return function


def _subclass(original: Any, translate: Callable[[Any], Any]) -> Any:
    class Redirected(original):  # type: ignore[misc]
        def __init__(self, target: Any, *arguments: Any, **keywords: Any) -> None:
            super().__init__(translate(target), *arguments, **keywords)

    Redirected.__name__ = Redirected.__qualname__ = original.__name__
    return Redirected


def _database(union: Union, database: Any, is_address: bool) -> Any:
    """A database is written by its mere use (a journal, a log), so it is always taken, with what belongs to
    it.
    """
    if not _is_path(database) or os.fsdecode(database) == ":memory:":
        return database
    path, query = os.fsdecode(database), ""
    if is_address and path.startswith("file:"):
        from urllib.parse import quote, unquote

        path, _, query = path[5:].partition("?")
        path = unquote(path[path.index("/", 2) :] if path.startswith("//") else path)
        if not path or path == ":memory:" or "mode=memory" in query:
            return database
        if "mode=ro" in query or "immutable=1" in query:
            return "file:" + quote(union.seen(path)) + "?" + query
    place = union.resolved(path)
    target = union.taken(place)
    for suffix in _SQLITE_COMPANIONS:
        if union.exists(place + suffix):
            union.taken(place + suffix)
    if is_address and os.fsdecode(database).startswith("file:"):
        return "file:" + quote(target) + ("?" + query if query else "")
    return target
