"""Which functions have to do with training, by the words in them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Set as AbstractSet

from .index import UNCALLED, FunctionNode, Index

TRAINING_WORDS = frozenset(
    {"backward", "manual_backward", "zero_grad", "optim", "optimizer", "optimizers", "GradScaler", "SGD", "Adam", "AdamW",
     "LBFGS", "RMSprop", "Adagrad", "Adadelta", "Adafactor", "NAdam", "RAdam", "Adamax"}
)  # fmt: skip
_ENTRY_WORDS = TRAINING_WORDS | {"step", UNCALLED}
_CALLED_BY_OTHERS = frozenset({"__init__", "forward", "__call__"})


def users_of(index: Index) -> dict[str, list[FunctionNode]]:
    """For each name of a function: the functions that mention it."""
    nodes = [node for node in index.functions if isinstance(node, FunctionNode)]
    names = {node.name for node in nodes}
    users: dict[str, list[FunctionNode]] = defaultdict(list)
    for node in nodes:
        for name in names & index.functions[node].words:
            users[name].append(node)
    return users


def relevant_functions(
    index: Index, users: dict[str, list[FunctionNode]], imported: AbstractSet[str] = frozenset()
) -> dict[FunctionNode, None]:
    """Functions in which training happens, or that call such a function, in the order of the text.

    `imported` are names of such functions, and of classes with such methods, in other files.
    """
    nodes = [node for node in index.functions if isinstance(node, FunctionNode)]
    seeds = _ENTRY_WORDS | imported
    found = {node for node in nodes if not index.functions[node].words.isdisjoint(seeds)}
    waiting = list(found)
    while waiting:
        name = waiting.pop().name
        if name not in _CALLED_BY_OTHERS:
            more = [node for node in users[name] if node not in found]
            found.update(more)
            waiting.extend(more)
    return dict.fromkeys(node for node in nodes if node in found)
