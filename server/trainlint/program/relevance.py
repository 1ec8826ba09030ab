"""Which functions have to do with training, by the words in them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Set as AbstractSet

from .frameworks.table import LINKS, LOSS_WORDS, entry_words
from .index import UNCALLED, FunctionNode, Index

# A function with one of these is entered, and need not be followed where it is called.
_LOSS_WORDS = LOSS_WORDS | LINKS.keys() | {"criterion", "loss_fn", "loss_func", "loss_function"}
# A transformed function may be transformed again.
_MAX_WRAPPINGS = 2
_CALLED_BY_OTHERS = frozenset({"__init__", "forward", "__call__", "call"})


def users_of(index: Index) -> dict[str, list[FunctionNode]]:
    """For each name of a function: the functions that mention it, or what a call made of it."""
    nodes = [node for node in index.functions if isinstance(node, FunctionNode)]
    names = {node.name for node in nodes}
    users: dict[str, list[FunctionNode]] = defaultdict(list)
    wrapping = _wrapping(index, names) if index.functional else {}
    for node in nodes:
        words = index.functions[node].words
        for name in names & words:
            users[name].append(node)
        for other in wrapping.keys() & words:
            for name in wrapping[other] - words:
                users[name].append(node)
    return users


def _wrapping(index: Index, names: set[str]) -> dict[str, set[str]]:
    """The variables that hold functions of these names, transformed."""
    found: dict[str, set[str]] = {}
    for _ in range(_MAX_WRAPPINGS):
        for name, given in index.wrapped.items():
            held = (given & names).union(*(found.get(one, ()) for one in given))
            if held and name not in names:
                found[name] = held
    return found


def relevant_functions(
    index: Index, users: dict[str, list[FunctionNode]], imported: AbstractSet[str] = frozenset()
) -> dict[FunctionNode, None]:
    """Functions in which training happens, or that call such a function, in the order of the text.

    `imported` are names of such functions, and of classes with such methods, in other files.
    """
    nodes = [node for node in index.functions if isinstance(node, FunctionNode)]
    seeds = entry_words(index.packages) | imported | {UNCALLED}
    found = {node for node in nodes if not index.functions[node].words.isdisjoint(seeds)}
    waiting = list(found)
    while waiting:
        name = waiting.pop().name
        if name not in _CALLED_BY_OTHERS:
            more = [node for node in users[name] if node not in found]
            found.update(more)
            waiting.extend(more)
    return dict.fromkeys(node for node in nodes if node in found)


def entered_functions(index: Index, relevant: dict[FunctionNode, None]) -> list[FunctionNode]:
    """The relevant functions and those that compute a loss: lowered for their own sake where nothing calls them."""
    contents = index.functions
    nodes = [node for node in contents if isinstance(node, FunctionNode)]
    return [node for node in nodes if node in relevant or not contents[node].words.isdisjoint(_LOSS_WORDS)]
