"""The forms of tensors, computed from what they have been through."""

from __future__ import annotations

import ast
from collections.abc import Callable

from ..program import effects as fx
from ..program.program import Program
from ..program.things import Constant, External, Operation, Sequence, Thing, Value
from . import forms
from .forms import BOOL, FLOAT, INT, NOTHING, Dim, Form, closed
from .graph import Node, Source
from .values import Values

_SAME = frozenset(
    {"relu", "relu6", "leaky_relu", "prelu", "elu", "gelu", "selu", "celu", "silu", "tanh", "sigmoid", "sigmoid_", "hardsigmoid",
     "softplus", "softsign", "softmax", "log_softmax", "softmin", "logsigmoid", "dropout", "exp", "log", "log2", "log10", "log1p",
     "sqrt", "rsqrt", "abs", "neg", "square", "clamp", "clamp_", "clip", "clone", "contiguous", "detach", "requires_grad_",
     "batch_norm", "layer_norm", "group_norm", "identity", "cuda", "cpu", "data", "round", "floor", "ceil", "mish", "relu_",
     "normalize", "pin_memory", "sign"}
)  # fmt: skip
_FRACTIONAL = frozenset(
    {"softmax", "log_softmax", "sigmoid", "tanh", "exp", "log", "sqrt", "batch_norm", "layer_norm", "dropout"}
)
_BINARY = frozenset({"add", "sub", "mul", "div", "pow", "maximum", "minimum", "compare", "floordiv", "remainder"})
_REDUCING = frozenset({"sum", "mean", "prod", "std", "var", "amax", "amin", "logsumexp", "all", "any", "argmax", "argmin"})
_WITH_PLACES = frozenset({"max", "min", "median", "mode", "kthvalue"})
_DRAWN = {"randn": FLOAT, "rand": FLOAT, "zeros": FLOAT, "ones": FLOAT, "empty": FLOAT}
_LIKE = frozenset({"zeros_like", "ones_like", "rand_like", "randn_like", "full_like", "empty_like"})
_LITERAL = {"tensor": None, "Tensor": FLOAT, "FloatTensor": FLOAT, "LongTensor": INT, "IntTensor": INT, "as_tensor": None}
_CASTS = {"float": FLOAT, "double": FLOAT, "half": FLOAT, "bfloat16": FLOAT, "long": INT, "int": INT, "short": INT, "bool": BOOL}
_DTYPES = {
    **dict.fromkeys(
        ("float", "float16", "float32", "float64", "double", "half", "bfloat16", "FloatTensor", "DoubleTensor"), FLOAT
    ),
    **dict.fromkeys(("long", "int", "int8", "int16", "int32", "int64", "uint8", "short", "LongTensor", "IntTensor"), INT),
    "bool": BOOL,
}
_LOSSES = frozenset({"mse_loss", "l1_loss", "cross_entropy", "nll_loss", "binary_cross_entropy", "kl_div"})
_MAX_DEPTH = 40


class Shapes:
    def __init__(self, program: Program, values: Values) -> None:
        self.graph = values.graph
        self._known: dict[Source, Form] = {}
        self._replaced = {
            effect.before
            for entry in program.entries
            for effect in entry.effects
            if isinstance(effect, fx.Assign) and isinstance(effect.before, Thing)
        }
        machine = program.machine
        self._member: dict[Thing, str] = {}
        for key, thing in machine.things.items() if machine is not None else ():
            if isinstance(key, tuple) and len(key) == 2 and isinstance(key[0], Thing) and isinstance(key[1], str):
                self._member[thing] = key[1]

    def of(self, node: Node, depth: int = 0) -> Form:
        """What is known of the form of `node`, however it came about."""
        if depth > _MAX_DEPTH:
            return NOTHING
        sources = self.graph.sources(node)
        if not sources:
            return NOTHING
        result = self._one(sources[0], depth)
        for source in sources[1:]:
            result = forms.joined(result, self._one(source, depth))
        return result

    def batches(self, over: Value) -> int | None:
        """How many batches a loader over tensors hands out, where that is known."""
        if not isinstance(over, Thing) or not (over.created_by or "").endswith("data.DataLoader"):
            return None
        given = over.arguments.get("dataset", over.positional[0] if over.positional else None)
        size = over.arguments.get("batch_size", over.positional[1] if len(over.positional) > 1 else Constant(1))
        dropped = over.arguments.get("drop_last", Constant(False))
        if not isinstance(given, Thing) or not (given.created_by or "").endswith("data.TensorDataset") or not given.positional:
            return None
        samples = self.of(Node(given.positional[0]))
        count = samples.dims[0] if not samples.open and samples.dims else None
        many = _constant(size)
        if count is None or not isinstance(many, int) or not isinstance(dropped, Constant):
            return None
        return count // many if dropped.value else -(-count // many)

    @staticmethod
    def dimension(of: Operation) -> object:
        """The dimension that an operation goes along; None where none is given, an empty text where it is out of sight."""
        given = of.arguments.get("dim", of.arguments.get("axis"))
        if given is None and of.callee is not None and of.callee.positional:
            given = of.callee.positional[0]
        return None if given is None else given.value if isinstance(given, Constant) else ""

    def _one(self, source: Source, depth: int) -> Form:
        if source not in self._known:
            self._known[source] = NOTHING
            self._known[source] = self._look(source, depth)
        return self._known[source]

    def _look(self, source: Source, depth: int) -> Form:
        if isinstance(source.of, Constant):
            return _number(source.of.value)
        if isinstance(source.of, Thing):
            return self._thing(source.of, depth)
        if isinstance(source.of, Operation):
            return self._operation(source, source.of, depth)
        return NOTHING

    def _thing(self, thing: Thing, depth: int) -> Form:
        """A member of a batch that a loader hands out."""
        batch = thing.parent
        loader = batch.parent if batch is not None else None
        if batch is None or loader is None or not (loader.created_by or "").endswith("data.DataLoader"):
            return NOTHING
        size = loader.arguments.get("batch_size", Constant(1))
        if "batch_sampler" in loader.arguments or "collate_fn" in loader.arguments or size == Constant(None):
            return NOTHING
        given = loader.arguments.get("dataset", loader.positional[0] if loader.positional else None)
        member = self._member.get(thing, "")[1:-1]
        if isinstance(given, Thing) and (given.created_by or "").endswith("data.TensorDataset") and member.isdigit():
            tensors = given.positional
            if int(member) < len(tensors):
                whole = self.of(Node(tensors[int(member)]), depth + 1)
                if not whole.open and whole.dims:
                    return closed([None, *whole.dims[1:]], whole.kind, batched=True)
        return Form(least=1, batched=True)

    def _operation(self, source: Source, of: Operation, depth: int) -> Form:
        def form(name: str) -> Form:
            given = source.argument(name)
            return self.of(given, depth + 1) if given is not None else NOTHING

        name = of.name
        if of.callee in self._replaced:
            return NOTHING
        first = self.of(source.operands[0], depth + 1) if source.operands else NOTHING
        if name in _SAME:
            return first.of(FLOAT) if name in _FRACTIONAL else first
        if name in _BINARY:
            other = self.of(source.operands[1], depth + 1) if len(source.operands) > 1 else NOTHING
            both = forms.broadcast(first, other)
            return both.of(BOOL) if name == "compare" else both.of(FLOAT) if name == "div" else both
        if name in _CASTS:
            return first.of(_CASTS[name])
        if name in ("to", "type"):
            kinds = [_dtype(value) for key, value in of.arguments.items() if key != "input"]
            return first.of(next((kind for kind in kinds if kind is not None), first.kind if name == "to" else None))
        if name in ("expand_as", "view_as", "reshape_as", "type_as"):
            return form("1") if name != "type_as" else first.of(form("1").kind)
        if name in _LIKE:
            return first.of(_dtype(of.arguments.get("dtype")) or first.kind)
        if name == "gather":
            return form("2").of(first.kind)
        if name == "getitem":
            return self._item(source, of, first, depth)
        made = _MAKERS.get(name)
        if made is not None:
            return made(of, first)
        if name in _LOSSES and not {"reduction", "reduce", "size_average", "**"} & of.arguments.keys():
            return closed((), FLOAT)
        return NOTHING

    def _item(self, source: Source, of: Operation, whole: Form, depth: int) -> Form:
        """Indexing, and the places and values that a maximum along a dimension has."""
        inner = self.graph.sources(source.operands[0])
        index = of.inputs[1] if len(of.inputs) > 1 else None
        if len(inner) == 1 and inner[0].name in _WITH_PLACES:
            behind = self.of(inner[0].operands[0], depth + 1)
            found = forms.without(behind, _dimension(inner[0].of), kept=_kept(inner[0].of))
            return found.of(INT) if index == Constant(1) else found
        written = of.site.node.slice if isinstance(of.site.node, ast.Subscript) else None
        parts = written.elts if isinstance(written, ast.Tuple) else [written] if written is not None else []
        if whole.open or not parts or len(parts) > len(whole.dims):
            return Form(kind=whole.kind)
        dims: list[Dim] = []
        for part, dim in zip(parts, whole.dims, strict=False):
            if isinstance(part, ast.Slice):
                dims.append(dim if part.lower is part.upper is part.step is None else None)
            elif not isinstance(part, (ast.Constant, ast.UnaryOp)) or (
                isinstance(part, ast.Constant) and type(part.value) is not int
            ):
                return Form(kind=whole.kind)
        kept = isinstance(parts[0], ast.Slice)
        return closed([*dims, *whole.dims[len(parts) :]], whole.kind, batched=whole.batched and kept)


def _number(value: object) -> Form:
    kind = BOOL if isinstance(value, bool) else INT if isinstance(value, int) else FLOAT if isinstance(value, float) else None
    return closed((), kind) if kind is not None else NOTHING


def _constant(value: Value | None) -> object:
    return value.value if isinstance(value, Constant) else None


def _dimension(of: object) -> object:
    return (
        _constant(of.arguments.get("dim", of.arguments.get("axis", of.arguments.get("1")))) if isinstance(of, Operation) else None
    )


def _kept(of: object) -> bool:
    return isinstance(of, Operation) and _constant(of.arguments.get("keepdim", of.arguments.get("2"))) is True


def _dtype(value: Value | None) -> str | None:
    if isinstance(value, External):
        return _DTYPES.get(value.name.rpartition(".")[2])
    return _DTYPES.get(str(value.value).rpartition(".")[2]) if isinstance(value, Constant) else None


def _sizes(of: Operation, skip: int) -> list[Value] | None:
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
    sizes = _sizes(of, 0)
    kind = _dtype(of.arguments["dtype"]) if "dtype" in of.arguments else _DRAWN[of.name]
    return Form(kind=kind) if sizes is None else closed([_size(value) for value in sizes], kind)


def _size(value: Value) -> Dim:
    return value.value if isinstance(value, Constant) and isinstance(value.value, int) and value.value >= 0 else None


def _integers(of: Operation, first: Form) -> Form:
    sizes = next((value for value in of.arguments.values() if isinstance(value, Sequence)), None)
    kind = _dtype(of.arguments["dtype"]) if "dtype" in of.arguments else INT
    return closed([_size(value) for value in sizes.items], kind) if sizes is not None else Form(kind=kind)


def _row(of: Operation, first: Form) -> Form:
    bounds = [of.arguments[key] for key in ("0", "1", "2") if key in of.arguments]
    whole = all(isinstance(bound, Constant) and isinstance(bound.value, int) for bound in bounds)
    kind = _dtype(of.arguments["dtype"]) if "dtype" in of.arguments else INT if whole else None
    return closed([_size(bounds[0]) if len(bounds) == 1 else None], kind)


def _eye(of: Operation, first: Form) -> Form:
    given = [of.arguments[key] for key in ("0", "1") if key in of.arguments]
    return closed([_size(given[0]), _size(given[-1])], FLOAT) if given else Form(kind=FLOAT)


def _literal(of: Operation, first: Form) -> Form:
    kind = _dtype(of.arguments["dtype"]) if "dtype" in of.arguments else _LITERAL[of.name]
    dims: list[Dim] = []
    value = of.arguments.get("0", of.arguments.get("data"))
    while isinstance(value, Sequence):
        dims.append(len(value.items))
        value = value.items[0] if value.items else None
    sized = of.name.endswith("Tensor") and not dims
    if sized or not isinstance(value, Constant) or isinstance(value.value, str):
        return Form(kind=kind)
    return closed(dims, kind or _number(value.value).kind)


def _layer_number(of: Operation, position: int, name: str) -> object:
    layer = of.callee
    if layer is None:
        return None
    return _constant(layer.arguments.get(name, layer.positional[position] if len(layer.positional) > position else None))


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
    if first.batched or first.rank == spatial + 2 or first.least == spatial + 2:
        return closed([first.dims[0] if not first.open else None, size, *[None] * spatial], FLOAT, batched=first.batched)
    return Form(least=spatial + 1, kind=FLOAT)


def _embedding(of: Operation, first: Form) -> Form:
    width = _layer_number(of, 1, "embedding_dim")
    size = width if isinstance(width, int) else None
    if first.open:
        return Form((size,), True, first.least + 1, first.batched, FLOAT)
    return closed([*first.dims, size], FLOAT, batched=first.batched)


def _pool(of: Operation, first: Form) -> Form:
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
    return forms.flattened(first, _constant(start), _constant(end))


def _view(of: Operation, first: Form) -> Form:
    sizes = _sizes(of, 1)
    if sizes is None or any(isinstance(size, External) for size in sizes):
        return NOTHING
    return forms.viewed(first, [_constant(size) for size in sizes])


def _reduced(of: Operation, first: Form) -> Form:
    kind = INT if of.name.startswith("arg") else FLOAT if of.name in ("mean", "std", "var") else first.kind
    given = {"dim", "axis", "1", "**"} & of.arguments.keys()
    if not given:
        return closed((), kind)
    return forms.without(first, _dimension(of), kept=_kept(of)).of(kind)


def _maximum(of: Operation, first: Form) -> Form:
    return closed((), first.kind) if len(of.inputs) == 1 and not {"dim", "axis"} & of.arguments.keys() else NOTHING


def _transposed(of: Operation, first: Form) -> Form:
    if of.name == "t" and first.rank == 2:
        return closed(first.dims[::-1], first.kind)
    return Form((), True, first.least, False, first.kind) if first.open else Form(least=len(first.dims), kind=first.kind)


def _one_hot(of: Operation, first: Form) -> Form:
    given = _constant(of.arguments.get("num_classes", of.arguments.get("1")))
    count = given if isinstance(given, int) and given > 0 else None
    if first.open:
        return Form((count,), True, first.least + 1, first.batched, INT)
    return closed([*first.dims, count], INT, batched=first.batched)


_MAKERS: dict[str, Callable[[Operation, Form], Form]] = {
    **dict.fromkeys(_DRAWN, _drawn),
    **dict.fromkeys(_LITERAL, _literal),
    **dict.fromkeys(_REDUCING, _reduced),
    **dict.fromkeys(_WITH_PLACES, _maximum),
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
    "squeeze": lambda of, first: forms.squeezed(first, _dimension(of) if "dim" in of.arguments else None),
    "unsqueeze": lambda of, first: forms.unsqueezed(first, _dimension(of)),
    "one_hot": _one_hot,
}
