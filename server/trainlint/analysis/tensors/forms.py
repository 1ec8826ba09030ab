"""The form of a tensor: its dimensions as far as they are known, and whether it holds fractions or integers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

FLOAT, INT, BOOL = "float", "int", "bool"
Dim = int | None


@dataclass(frozen=True, slots=True)
class Form:
    """`dims` are all dimensions, or the last ones where `open`; None is a size out of sight.

    `least`: how many there are at least. `batched`: the first counts the samples of a batch. `kind`: FLOAT, INT, BOOL or None.
    """

    dims: tuple[Dim, ...] = ()
    open: bool = True
    least: int = 0
    batched: bool = False
    kind: str | None = None

    @property
    def rank(self) -> int | None:
        """The number of dimensions, where it is known."""
        return None if self.open else len(self.dims)

    @property
    def last(self) -> Dim:
        return self.dims[-1] if self.dims else None

    def of(self, kind: str | None) -> Form:
        return replace(self, kind=kind)


NOTHING = Form()


def closed(dims: Sequence[Dim], kind: str | None = None, *, batched: bool = False) -> Form:
    return Form(tuple(dims), False, len(dims), batched, kind)


def joined(one: Form, other: Form) -> Form:
    """What is true of both."""
    kind = one.kind if one.kind == other.kind else None
    batched, least = one.batched and other.batched, min(one.least, other.least)
    if not one.open and not other.open and len(one.dims) == len(other.dims):
        return closed([a if a == b else None for a, b in zip(one.dims, other.dims, strict=True)], kind, batched=batched)
    common: list[Dim] = []
    for a, b in zip(reversed(one.dims), reversed(other.dims), strict=False):
        if a is None or a != b:
            break
        common.insert(0, a)
    return Form(tuple(common), True, max(least, len(common)), batched, kind)


def broadcast(one: Form, other: Form) -> Form:
    """The form of an operation on both, element by element; a plain number has no dimensions."""
    kind = FLOAT if FLOAT in (one.kind, other.kind) else one.kind if one.kind == other.kind else None
    if one.rank == 0 or other.rank == 0:
        return (other if one.rank == 0 else one).of(kind)
    if one.open or other.open:
        return Form(least=max(one.least, other.least), kind=kind)
    short, long = sorted((one.dims, other.dims), key=len)
    dims: list[Dim] = list(long[: len(long) - len(short)])
    for a, b in zip(short, long[len(dims) :], strict=True):
        dims.append(b if a == 1 else a if b == 1 or a == b else None)
    return closed(dims, kind, batched=one.batched and other.batched)


def without(form: Form, dim: object, *, kept: bool = False) -> Form:
    """One dimension reduced away, or to 1 where `kept`."""
    if not isinstance(dim, int) or form.open:
        return Form(least=max(form.least - 1, 0), kind=form.kind)
    if not -len(form.dims) <= dim < len(form.dims):
        return Form(kind=form.kind)
    at = dim % len(form.dims)
    return closed([*form.dims[:at], *([1] if kept else []), *form.dims[at + 1 :]], form.kind, batched=form.batched and at > 0)


def squeezed(form: Form, dim: object = None) -> Form:
    """Dimensions of size 1 taken out: all of them, or one."""
    if dim is None:
        if form.open or None in form.dims[1:] or (form.dims and form.dims[0] is None and not form.batched):
            return Form(kind=form.kind)
        return closed([size for size in form.dims if size != 1], form.kind, batched=form.batched)
    if not isinstance(dim, int) or not form.dims or (form.open and dim != -1) or not -len(form.dims) <= dim < len(form.dims):
        return Form(kind=form.kind)
    at = dim % len(form.dims)
    if form.dims[at] is None:
        return Form(kind=form.kind)
    dims = form.dims if form.dims[at] != 1 else (*form.dims[:at], *form.dims[at + 1 :])
    return replace(form, dims=dims, least=form.least - len(form.dims) + len(dims), batched=form.batched and at > 0)


def unsqueezed(form: Form, dim: object) -> Form:
    if dim == -1:
        return replace(form, dims=(*form.dims, 1), least=form.least + 1)
    if not isinstance(dim, int) or form.open or not -len(form.dims) - 1 <= dim <= len(form.dims):
        return Form(least=form.least + 1, kind=form.kind)
    at = dim if dim >= 0 else dim + len(form.dims) + 1
    return closed([*form.dims[:at], 1, *form.dims[at:]], form.kind, batched=form.batched and at > 0)


def flattened(form: Form, start: object, end: object) -> Form:
    if end not in (-1, None) or not isinstance(start, int):
        return Form(kind=form.kind)
    if form.open:
        return closed([None] * (start + 1), form.kind, batched=form.batched and start > 0) if start >= 0 else Form(kind=form.kind)
    if len(form.dims) <= start:
        return form
    return closed([*form.dims[:start], product(form.dims[start:])], form.kind, batched=form.batched and start > 0)


def viewed(form: Form, sizes: Sequence[object]) -> Form:
    """The same numbers in other dimensions; -1 is what remains."""
    dims: list[Dim] = [size if isinstance(size, int) and size >= 0 else None for size in sizes]
    if -1 in sizes and not form.open:
        whole, rest = product(form.dims), product([dim for dim, size in zip(dims, sizes, strict=True) if size != -1])
        if whole is not None and rest:
            dims[list(sizes).index(-1)] = whole // rest
    return closed(dims, form.kind)


def product(dims: Sequence[Dim]) -> Dim:
    result = 1
    for dim in dims:
        if dim is None:
            return None
        result *= dim
    return result
