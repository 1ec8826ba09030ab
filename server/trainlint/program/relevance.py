"""Which functions have to do with training, by the words in them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Set as AbstractSet

from .frameworks.table import FUNCTIONAL, LINKS
from .index import UNCALLED, FunctionNode, Index

_STEP_WORDS = frozenset(
    {"backward", "manual_backward", "zero_grad", "optim", "optimizer", "optimizers", "GradScaler", "SGD", "Adam", "AdamW",
     "LBFGS", "RMSprop", "Adagrad", "Adadelta", "Adafactor", "NAdam", "RAdam", "Adamax"}
)  # fmt: skip
_LOSSES = frozenset(
    {"cross_entropy", "nll_loss", "binary_cross_entropy", "binary_cross_entropy_with_logits", "kl_div", "mse_loss", "l1_loss",
     "smooth_l1_loss", "huber_loss", "CrossEntropyLoss", "NLLLoss", "BCELoss", "BCEWithLogitsLoss", "KLDivLoss", "MSELoss"}
)  # fmt: skip
_TAPE_WORDS = frozenset({"GradientTape", "apply_gradients", "minimize", "from_logits", "train_on_batch"})
_MODEL_LOSSES = frozenset({"sparse_categorical_crossentropy", "categorical_crossentropy", "binary_crossentropy", "trainable"})
_FUNCTIONAL_WORDS = frozenset(
    {"optax", "apply_updates", "apply_gradients", "value_and_grad", "filter_value_and_grad", "filter_grad"}
)
# A text without any of these has no training code.
TRAINING_WORDS = _STEP_WORDS | _LOSSES | _FUNCTIONAL_WORDS | _TAPE_WORDS - {"minimize"} | _MODEL_LOSSES
# A text without training code may still have one of these: a class of modules, or code that freezes parameters.
MODEL_WORDS = frozenset({"Module", "LightningModule"})
# A function with one of these is entered, and need not be followed where it is called.
_LOSS_WORDS = _LOSSES | LINKS.keys() | {"criterion", "loss_fn", "loss_func", "loss_function"}
_ENTRY_WORDS = _STEP_WORDS | {"step", "grad", UNCALLED}
# The same in files that import a library whose optimizers are given gradients, or whose models train themselves.
_ENTRY_WORDS_OF = dict.fromkeys(("tensorflow", "keras", "tf_keras"), _TAPE_WORDS | {"compile", "fit"})
_ENTRY_WORDS_OF |= dict.fromkeys(FUNCTIONAL, _FUNCTIONAL_WORDS | {"update"})
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
    own = (words for package, words in _ENTRY_WORDS_OF.items() if package in index.packages)
    seeds = _ENTRY_WORDS.union(imported, *own)
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
