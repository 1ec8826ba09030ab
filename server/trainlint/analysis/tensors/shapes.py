"""The forms of tensors, computed from what they have been through."""

from __future__ import annotations

import ast

from ...program import effects as fx
from ...program.program import Program
from ...program.things import Constant, Operation, Thing, Value
from ..flow.graph import Node, Source
from ..flow.values import Values
from . import forms
from .forms import BOOL, FLOAT, INT, NOTHING, Dim, Form, closed
from .transfers import TRANSFERS, WITH_PLACES, constant, dimension_of, dtype, keeps, number, sizes_of

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
_LIKE = frozenset({"zeros_like", "ones_like", "rand_like", "randn_like", "full_like", "empty_like"})
_CASTS = {"float": FLOAT, "double": FLOAT, "half": FLOAT, "bfloat16": FLOAT, "long": INT, "int": INT, "short": INT, "bool": BOOL}
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
        many = constant(size)
        if count is None or not isinstance(many, int) or not isinstance(dropped, Constant):
            return None
        return count // many if dropped.value else -(-count // many)

    @staticmethod
    def row(of: Operation) -> int | None:
        """The length of the rows that a view into rows makes, of as many as there are; None where it is no such view."""
        sizes = sizes_of(of, 1) if of.name in ("view", "reshape") else None
        given = [constant(size) for size in sizes or ()]
        return given[1] if len(given) == 2 and given[0] == -1 and isinstance(given[1], int) and given[1] > 0 else None

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
            return number(source.of.value)
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
            kinds = [dtype(value) for key, value in of.arguments.items() if key != "input"]
            return first.of(next((kind for kind in kinds if kind is not None), first.kind if name == "to" else None))
        if name in ("expand_as", "view_as", "reshape_as", "type_as"):
            return form("1") if name != "type_as" else first.of(form("1").kind)
        if name in _LIKE:
            return first.of(dtype(of.arguments.get("dtype")) or first.kind)
        if name == "gather":
            return form("2").of(first.kind)
        if name == "getitem":
            return self._item(source, of, first, depth)
        made = TRANSFERS.get(name)
        if made is not None:
            return made(of, first)
        if name in _LOSSES and not {"reduction", "reduce", "size_average", "**"} & of.arguments.keys():
            return closed((), FLOAT)
        return NOTHING

    def _item(self, source: Source, of: Operation, whole: Form, depth: int) -> Form:
        """Indexing, and the places and values that a maximum along a dimension has."""
        inner = self.graph.sources(source.operands[0])
        index = of.inputs[1] if len(of.inputs) > 1 else None
        if len(inner) == 1 and inner[0].name in WITH_PLACES:
            behind = self.of(inner[0].operands[0], depth + 1)
            found = forms.without(behind, dimension_of(inner[0].of), kept=keeps(inner[0].of))
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
