"""What modules are made of, read from their own tables: a class may have a `parameters` or a `modules` of another kind."""

from __future__ import annotations

from typing import Any, Iterator


def named_modules(module: Any) -> Iterator[tuple[str, Any]]:
    """The module and all in it, each once, with the path that leads there."""
    seen: set[int] = set()
    waiting = [("", module)]
    while waiting:
        path, each = waiting.pop()
        if id(each) in seen:
            continue
        seen.add(id(each))
        yield path, each
        inner = [(f"{path}.{name}" if path else name, child) for name, child in each._modules.items() if child is not None]
        waiting.extend(reversed(inner))


def modules(module: Any) -> Iterator[Any]:
    return (each for _, each in named_modules(module))


def named_parameters(module: Any) -> Iterator[tuple[str, Any]]:
    """Every parameter, each once, by its first path."""
    return _members(module, "_parameters")


def parameters(module: Any) -> Iterator[Any]:
    return (each for _, each in named_parameters(module))


def named_buffers(module: Any) -> Iterator[tuple[str, Any]]:
    return _members(module, "_buffers")


def _members(module: Any, table: str) -> Iterator[tuple[str, Any]]:
    seen: set[int] = set()
    for path, each in named_modules(module):
        for name, tensor in getattr(each, table).items():
            if tensor is not None and id(tensor) not in seen:
                seen.add(id(tensor))
                yield f"{path}.{name}" if path else name, tensor
