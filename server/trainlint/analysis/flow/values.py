"""What a value has been through before it arrives somewhere: its last operation that does more than rearrange it."""

from __future__ import annotations

from ...program.program import Program
from .graph import Environment, Graph, Node, Source

# These hand on the numbers of their first operand, perhaps in another shape, order, type or place.
REARRANGING = frozenset(
    {"view", "reshape", "flatten", "squeeze", "unsqueeze", "transpose", "permute", "contiguous", "clone", "getitem", "to",
     "float", "double", "half", "bfloat16", "cuda", "cpu", "type", "expand", "expand_as", "view_as", "reshape_as", "t", "narrow",
     "movedim", "swapaxes", "gather", "index_select", "masked_select", "detach", "data", "identity", "type_as", "repeat",
     "requires_grad_", "unflatten", "ravel", "select", "take", "chunk", "split", "dropout", "scale", "stack_of_one"}
)  # fmt: skip
# What these compute may be any number, and never is a logarithm of a probability on purpose.
UNBOUNDED = frozenset(
    {"linear", "lazy_linear", "bilinear", "conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d",
     "conv_transpose3d", "batch_norm", "layer_norm", "group_norm", "relu", "leaky_relu", "elu", "gelu", "selu", "silu", "tanh"}
)  # fmt: skip
_MAX_STEPS = 40


class Values:
    def __init__(self, program: Program) -> None:
        self.graph = Graph(program)

    def heads(self, node: Node, through: frozenset[str] = REARRANGING) -> tuple[Source, ...]:
        """Every last step before `node`, operations named in `through` passed over. A source of None is out of sight."""
        found: dict[tuple[object, Environment], Source] = {}
        seen: dict[tuple[object, Environment], Source] = {}
        waiting = list(self.graph.sources(node))
        while waiting:
            source = waiting.pop(0)
            if source.key in seen:
                continue
            seen[source.key] = source
            if len(seen) > _MAX_STEPS:
                return (Source(None),)
            name = source.name
            if name in through and source.operands:
                waiting.extend(self.graph.sources(source.operands[0]))
            else:
                found[source.key] = source
        return tuple(found.values())

    def ends_in(self, node: Node, names: frozenset[str], through: frozenset[str] = REARRANGING) -> tuple[Source, ...]:
        """The last steps before `node` where every one of them is among `names`; else nothing."""
        heads = self.heads(node, through)
        return heads if heads and all(head.name in names for head in heads) else ()

    @staticmethod
    def by_layers(heads: tuple[Source, ...]) -> bool:
        """None of `heads` is the product with a matrix of the program's own, which may hold whatever it likes."""
        matrices = ("linear", "bilinear", "conv1d", "conv2d", "conv3d")
        return all(head.operation is None or head.operation.callee is not None for head in heads if head.name in matrices)
