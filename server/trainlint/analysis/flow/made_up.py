"""Values that are drawn or filled in: nothing of them comes from outside of the program."""

from __future__ import annotations

import ast
from collections.abc import Iterable

from ...program.in_place import FILLING
from ...program.things import (
    Choice,
    Constant,
    Counter,
    Either,
    External,
    Many,
    Operation,
    Origin,
    Plain,
    Role,
    Sequence,
    Tensor,
    Thing,
    Value,
)
from ...program.vocabulary import MADE_ANEW

# What they are done to says how large they are, and no more.
_FILLED = FILLING - {"copy_"}
_MAX_STEPS = 200


def made_up(values: Iterable[Value], inside: ast.AST | None = None) -> bool:
    """All of them are, anew in each turn of the loop `inside`: what a model makes of them is looked at for its shape, its time
    or its memory."""
    seen: set[int] = set()
    waiting: list[Value | Origin | None] = list(values)
    drawn = False
    while waiting and len(seen) < _MAX_STEPS:
        one = waiting.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        if isinstance(one, Operation):
            if one.name not in MADE_ANEW:
                waiting.extend(one.inputs[:1] if one.name in _FILLED else one.inputs)
            elif inside is None or any(loop is inside for loop, _ in one.turns):
                drawn = True
            else:
                return False
        elif isinstance(one, Tensor):
            waiting.append(one.origin)
        elif isinstance(one, (Choice, Either)):
            waiting.extend(one.options)
        elif isinstance(one, Sequence):
            waiting.extend(one.items)
        elif isinstance(one, Many):
            waiting.append(one.element)
        elif isinstance(one, Thing):
            if one.made_by is not None:
                waiting.append(one.made_by)
            elif one.role not in (Role.MODULE, Role.LOSS_FUNCTION, Role.LEAF):
                return False
        elif not isinstance(one, (Constant, Counter, External, Plain)):
            return False
    return drawn and not waiting
