"""A function put in the place of a built-in one."""

from __future__ import annotations

import functools
from typing import Any


class StandIn:
    """Does not become a method where a class takes it for an attribute (`open = os.open` in a class body),
    which a function would and a built-in does not.
    """

    def __init__(self, function: Any, original: Any) -> None:
        self._function = function
        functools.update_wrapper(self, original)

    def __call__(self, *arguments: Any, **keywords: Any) -> Any:
        return self._function(*arguments, **keywords)

    def __repr__(self) -> str:
        return repr(self.__wrapped__)  # type: ignore[attr-defined]

    def __reduce__(self) -> str:
        return self.__qualname__  # type: ignore[attr-defined, no-any-return]
