"""What each operation makes of the form of its first operand."""

from __future__ import annotations

import ast
from collections.abc import Callable

from ...program.things import Constant, External, Operation, Sequence, Value
from . import forms
from .forms import BOOL, FLOAT, INT, NOTHING, Dim, Form, closed

_REDUCING = frozenset({"sum", "mean", "prod", "std", "var", "amax", "amin", "logsumexp", "all", "any", "argmax", "argmin"})
WITH_PLACES = frozenset({"max", "min", "median", "mode", "kthvalue"})
_DRAWN = {"randn": FLOAT, "rand": FLOAT, "zeros": FLOAT, "ones": FLOAT, "empty": FLOAT}
_LITERAL = {"tensor": None, "Tensor": FLOAT, "FloatTensor": FLOAT, "LongTensor": INT, "IntTensor": INT, "as_tensor": None}
_DTYPES = {
    **dict.fromkeys(
        ("float", "float16", "float32", "float64", "double", "half", "bfloat16", "FloatTensor", "DoubleTensor"), FLOAT
    ),
    **dict.fromkeys(("long", "int", "int8", "int16", "int32", "int64", "uint8", "short", "LongTensor", "IntTensor"), INT),
    "bool": BOOL,
}


def number(value: object) -> Form:
    kind = BOOL if isinstance(value, bool) else INT if isinstance(value, int) else FLOAT if isinstance(value, float) else None
    return closed((), kind) if kind is not None else NOTHING


def constant(value: Value | None) -> object:
    return value.value if isinstance(value, Constant) else None


def dimension_of(of: object) -> object:
    return (
        constant(of.arguments.get("dim", of.arguments.get("axis", of.arguments.get("1")))) if isinstance(of, Operation) else None
    )


def keeps(of: object) -> bool:
    return isinstance(of, Operation) and constant(of.arguments.get("keepdim", of.arguments.get("2"))) is True


def dtype(value: Value | None) -> str | None:
    if isinstance(value, External):
        return _DTYPES.get(value.name.rpartition(".")[2])
    return _DTYPES.get(str(value.value).rpartition(".")[2]) if isinstance(value, Constant) else None


def sizes_of(of: Operation, skip: int) -> list[Value] | None:
    """The sizes that a call was given, one by one or as a tuple; None where they are out of sight."""
    node = of.site.node
    if isinstance(node, ast.Call) and any(isinstance(argument, ast.Starred) for argument in node.args):
        return None
    given = [of.arguments[key] for key in ("input", *map(str, range(9))) if key in of.arguments][skip:]
    listed = of.arguments.get("size", of.arguments.get("shape", given[0] if len(given) == 1 else None))
    if isinstance(listed, Sequence):
        return list(listed.items)
    if isinstance(listed, Constant) and isinstance(listed.value, int):
        return [listed]
    return given if len(given) > 1 else None


def _drawn(of: Operation, first: Form) -> Form:
    sizes = sizes_of(of, 0)
    kind = dtype(of.arguments["dtype"]) if "dtype" in of.arguments else _DRAWN[of.name]
    return Form(kind=kind) if sizes is None else closed([_size(value) for value in sizes], kind)


def _size(value: Value) -> Dim:
    return value.value if isinstance(value, Constant) and isinstance(value.value, int) and value.value >= 0 else None


def _integers(of: Operation, first: Form) -> Form:
    sizes = next((value for value in of.arguments.values() if isinstance(value, Sequence)), None)
    kind = dtype(of.arguments["dtype"]) if "dtype" in of.arguments else INT
    return closed([_size(value) for value in sizes.items], kind) if sizes is not None else Form(kind=kind)


def _row(of: Operation, first: Form) -> Form:
    bounds = [of.arguments[key] for key in ("0", "1", "2") if key in of.arguments]
    whole = all(isinstance(bound, Constant) and isinstance(bound.value, int) for bound in bounds)
    kind = dtype(of.arguments["dtype"]) if "dtype" in of.arguments else INT if whole else None
    return closed([_size(bounds[0]) if len(bounds) == 1 else None], kind)


def _eye(of: Operation, first: Form) -> Form:
    given = [of.arguments[key] for key in ("0", "1") if key in of.arguments]
    return closed([_size(given[0]), _size(given[-1])], FLOAT) if given else Form(kind=FLOAT)


def _literal(of: Operation, first: Form) -> Form:
    kind = dtype(of.arguments["dtype"]) if "dtype" in of.arguments else _LITERAL[of.name]
    dims: list[Dim] = []
    value = of.arguments.get("0", of.arguments.get("data"))
    while isinstance(value, Sequence):
        dims.append(len(value.items))
        value = value.items[0] if value.items else None
    sized = of.name.endswith("Tensor") and not dims
    if sized or not isinstance(value, Constant) or isinstance(value.value, str):
        return Form(kind=kind)
    return closed(dims, kind or number(value.value).kind)


def _layer_number(of: Operation, position: int, name: str) -> object:
    layer = of.callee
    if layer is None:
        return None
    return constant(layer.arguments.get(name, layer.positional[position] if len(layer.positional) > position else None))


def _linear(of: Operation, first: Form) -> Form:
    out = _layer_number(of, 1, "out_features")
    size = out if isinstance(out, int) else None
    if not first.open and first.dims:
        return closed([*first.dims[:-1], size], FLOAT, batched=first.batched)
    return Form((size,), True, max(first.least, 2 if first.batched else 1), first.batched, FLOAT)


def _convolution(of: Operation, first: Form) -> Form:
    spatial = int(of.name[-2])
    out = _layer_number(of, 1, "out_channels")
    size = out if isinstance(out, int) else None
    if first.rank == spatial + 2:
        window = [
            [_of_axis(_layer_value(of, position, name, default), axis) for position, name, default in _WINDOW]
            for axis in range(spatial)
        ]
        sides = [_side(side, *numbers) for side, numbers in zip(first.dims[2:], window, strict=True)]
        return closed([first.dims[0], size, *sides], FLOAT, batched=first.batched)
    if first.batched or first.least == spatial + 2:
        return closed([None, size, *[None] * spatial], FLOAT, batched=first.batched)
    return Form(least=spatial + 1, kind=FLOAT)


def _embedding(of: Operation, first: Form) -> Form:
    width = _layer_number(of, 1, "embedding_dim")
    size = width if isinstance(width, int) else None
    if first.open:
        return Form((size,), True, first.least + 1, first.batched, FLOAT)
    return closed([*first.dims, size], FLOAT, batched=first.batched)


_WINDOW = ((2, "kernel_size", None), (3, "stride", 1), (4, "padding", 0), (5, "dilation", 1))


def _layer_value(of: Operation, position: int, name: str, default: object) -> Value | None:
    layer = of.callee
    if layer is None:
        return None
    given = layer.arguments.get(name, layer.positional[position] if len(layer.positional) > position else None)
    return Constant(default) if given is None else given


def _of_axis(value: Value | None, axis: int) -> object:
    """A number of a window along one axis, given once for all or one by one."""
    if isinstance(value, Sequence):
        value = value.items[axis] if axis < len(value.items) else None
    return constant(value)


def _side(side: Dim, kernel: object, stride: object, padding: object, dilation: object) -> Dim:
    """How long a side is after a window went along it."""
    if side is None or not all(isinstance(number, int) for number in (kernel, stride, padding, dilation)):
        return None
    assert isinstance(kernel, int) and isinstance(stride, int) and isinstance(padding, int) and isinstance(dilation, int)
    return max((side + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1, 0) if stride > 0 else None


def _pool(of: Operation, first: Form) -> Form:
    if of.callee is not None:
        kernel = _layer_value(of, 0, "kernel_size", None)
        stride = _layer_value(of, 1, "stride", None)
        stride = kernel if constant(stride) is None and not isinstance(stride, Sequence) else stride
        padding = _layer_value(of, 2, "padding", 0)
    else:
        kernel, stride, padding = (
            of.arguments.get("1"),
            of.arguments.get("2", of.arguments.get("1")),
            of.arguments.get("3", Constant(0)),
        )
    plain = not {"dilation", "ceil_mode", "kernel_size", "stride"} & of.arguments.keys() or of.callee is not None
    whole = of.name.startswith(("max_pool", "avg_pool")) and "ceil_mode" not in of.arguments and plain
    if not first.open and whole:
        axes = range(len(first.dims) - 2)
        sides = [
            _side(side, _of_axis(kernel, axis), _of_axis(stride, axis), _of_axis(padding, axis), 1)
            for side, axis in zip(first.dims[2:], axes, strict=True)
        ]
        return closed([*first.dims[:2], *sides], first.kind, batched=first.batched)
    return (
        closed([*first.dims[:2], *[None] * (len(first.dims) - 2)], first.kind, batched=first.batched)
        if not first.open
        else NOTHING
    )


def _flatten(of: Operation, first: Form) -> Form:
    layer = of.callee is not None
    start = of.arguments.get("start_dim", Constant(1 if layer else 0))
    end = of.arguments.get("end_dim", Constant(-1))
    if layer and of.callee is not None and of.callee.positional:
        start = of.callee.positional[0]
    return forms.flattened(first, constant(start), constant(end))


def _view(of: Operation, first: Form) -> Form:
    sizes = sizes_of(of, 1)
    if sizes is None or any(isinstance(size, External) for size in sizes):
        return NOTHING
    return forms.viewed(first, [constant(size) for size in sizes])


def _reduced(of: Operation, first: Form) -> Form:
    kind = INT if of.name.startswith("arg") else FLOAT if of.name in ("mean", "std", "var") else first.kind
    given = {"dim", "axis", "1", "**"} & of.arguments.keys()
    if not given:
        return closed((), kind)
    return forms.without(first, dimension_of(of), kept=keeps(of)).of(kind)


def _maximum(of: Operation, first: Form) -> Form:
    return closed((), first.kind) if len(of.inputs) == 1 and not {"dim", "axis"} & of.arguments.keys() else NOTHING


def _transposed(of: Operation, first: Form) -> Form:
    if of.name == "t" and first.rank == 2:
        return closed(first.dims[::-1], first.kind)
    return Form((), True, first.least, False, first.kind) if first.open else Form(least=len(first.dims), kind=first.kind)


def _one_hot(of: Operation, first: Form) -> Form:
    given = constant(of.arguments.get("num_classes", of.arguments.get("1")))
    count = given if isinstance(given, int) and given > 0 else None
    if first.open:
        return Form((count,), True, first.least + 1, first.batched, INT)
    return closed([*first.dims, count], INT, batched=first.batched)


TRANSFERS: dict[str, Callable[[Operation, Form], Form]] = {
    **dict.fromkeys(_DRAWN, _drawn),
    **dict.fromkeys(_LITERAL, _literal),
    **dict.fromkeys(_REDUCING, _reduced),
    **dict.fromkeys(WITH_PLACES, _maximum),
    **dict.fromkeys(("conv1d", "conv2d", "conv3d"), _convolution),
    **dict.fromkeys(
        (
            "max_pool1d",
            "max_pool2d",
            "max_pool3d",
            "avg_pool1d",
            "avg_pool2d",
            "avg_pool3d",
            "adaptive_avg_pool1d",
            "adaptive_avg_pool2d",
            "adaptive_max_pool2d",
        ),
        _pool,
    ),
    **dict.fromkeys(("t", "transpose", "permute", "swapaxes", "movedim"), _transposed),
    "randint": _integers,
    **dict.fromkeys(("arange", "randperm"), _row),
    "eye": _eye,
    "linear": _linear,
    "embedding": _embedding,
    "flatten": _flatten,
    "view": _view,
    "reshape": _view,
    "squeeze": lambda of, first: forms.squeezed(first, dimension_of(of) if "dim" in of.arguments else None),
    "unsqueeze": lambda of, first: forms.unsqueezed(first, dimension_of(of)),
    "one_hot": _one_hot,
}
