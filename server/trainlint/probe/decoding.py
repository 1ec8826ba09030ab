"""JSON objects back into the dataclasses of the protocol. For the parent only: the agent
never reads results.
"""

from __future__ import annotations

import dataclasses
import types
from functools import cache
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from .protocol import ProtocolError

T = TypeVar("T")


def decode(kind: type[T], value: Any) -> T:
    """A dataclass from what `json` made of it. Raises `ProtocolError` where they do not fit."""
    try:
        return _decode(kind, value)  # type: ignore[no-any-return]
    except (TypeError, KeyError, AttributeError) as error:
        raise ProtocolError(f"no {kind.__name__}: {error}") from error


def _decode(kind: Any, value: Any) -> Any:
    if isinstance(kind, type) and dataclasses.is_dataclass(kind):
        hints = _hints(kind)
        fields = {name: _decode(hints[name], each) for name, each in value.items()}
        return kind(**fields)
    origin = get_origin(kind)
    if origin is list:
        (inner,) = get_args(kind)
        return [_decode(inner, each) for each in value]
    if origin in (Union, types.UnionType):
        choices = [each for each in get_args(kind) if each is not type(None)]
        return None if value is None else _decode(choices[0], value)
    return value


@cache
def _hints(kind: Any) -> dict[str, Any]:
    return get_type_hints(kind)
