"""All tables as one: look-up by qualified name."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from functools import cache, lru_cache
from typing import TypeVar

from ..things import Role
from .accelerate import ACCELERATE
from .deepspeed import DEEPSPEED
from .equinox import EQUINOX
from .flax import FLAX
from .haiku import HAIKU
from .jax import JAX
from .keras import KERAS
from .lightning import LIGHTNING
from .optax import OPTAX
from .peft import PEFT
from .tensorflow import TENSORFLOW
from .torch import TORCH
from .transformers import TRANSFORMERS
from .vocabulary import Framework, HiddenLoop, LayerContents, Meaning, RateRange, RateScaling, Switch, Ticks

TABLES: tuple[Framework, ...] = (
    TORCH,
    LIGHTNING,
    ACCELERATE,
    DEEPSPEED,
    TRANSFORMERS,
    PEFT,
    TENSORFLOW,
    KERAS,
    JAX,
    OPTAX,
    FLAX,
    HAIKU,
    EQUINOX,
)

PACKAGES = frozenset().union(*(table.packages for table in TABLES))
READING_METHODS = frozenset().union(*(table.reading_methods for table in TABLES))

# Those that train by values.
FUNCTIONAL = frozenset().union(*(table.packages for table in TABLES if table.functional))
# Those that may train on torch, whose words then mean what they mean there.
ON_TORCH = frozenset().union(*(table.packages for table in TABLES if table.on_torch))
# A text without any of these has no training code.
TRAINING_WORDS = frozenset().union(
    *(table.words | table.loss_words | {loop.computes for loop in table.loops} for table in TABLES)
)
# A text without training code may still have one of these: a class of modules, or code that freezes parameters.
MODEL_WORDS = frozenset().union(*(table.model_words for table in TABLES))
LOSS_WORDS = frozenset().union(*(table.loss_words for table in TABLES))
# Libraries whose training words look like PyTorch's and mean something else.
LOOK_ALIKES = frozenset(
    {"paddle", "oneflow", "mindspore", "chainer", "mxnet", "tinygrad", "jittor", "nnabla", "autograd", "mlx", "needle", "singa",
     "megengine", "tensorlayerx", "tensorflow", "keras", "jax"}
)  # fmt: skip

# What an object of another file does is called by the words of torch, whatever is imported here.
_ENTRY_WORDS = frozenset().union(
    *(table.words | table.entering for table in TABLES if not table.functional and table.name not in LOOK_ALIKES)
)

# The library whose words those of others are taken for.
ORIGINAL = TORCH.name

TENSOR_METHODS = frozenset().union(*(table.tensor_methods for table in TABLES))
# What an object is asked for to find out whether it is a tensor, the classes of tensors, and functions that tell.
TENSOR_ATTRIBUTES = TENSOR_METHODS.union(*(table.tensor_attributes for table in TABLES))
TENSOR_CLASSES = frozenset().union(*(table.tensor_classes for table in TABLES))
TENSOR_TESTS = frozenset().union(*(table.tensor_tests for table in TABLES))
_LAYERS = {key: operation for table in TABLES for key, operation in table.layers.items()}
# Operations that compute a loss.
LOSS_OPERATIONS = frozenset(
    table.layers[short]
    for table in TABLES
    for made, role in table.makes.items()
    if role is Role.LOSS_FUNCTION and (short := made.rpartition(".")[2]) in table.layers
)
_SIGNATURES = {key: names for table in TABLES for key, names in table.signatures.items()}
_MAKES = {key: role for table in TABLES for key, role in table.makes.items()}
_CALLS = {key: meaning for table in TABLES for key, meaning in table.calls.items()}
_CONTENTS = {key: contents for table in TABLES for key, contents in table.contents.items()}
_CONTAINERS = frozenset().union(*(table.containers for table in TABLES))
_EMPTY_BASES = frozenset().union(*(table.empty_bases for table in TABLES))
_CLOSURES = {key: runs for table in TABLES for key, runs in table.closures.items()}
_NORMALISING = frozenset().union(*(table.normalising for table in TABLES))
_PENALISING = {key: name for table in TABLES for key, name in table.penalising.items()}
# Methods that give a model new parameters, and whether they freeze those it has.
GROWING = {name: frozen for table in TABLES for name, frozen in table.growing.items()}
_SCALING = {key: scaling for table in TABLES for key, scaling in table.scaling.items()}
_STATELESS = {key: switch for table in TABLES for key, switch in table.stateless.items()}
_OPERATIONS = {key: name for table in TABLES for key, name in table.operations.items()}
_ARGUMENT_NAMES = {key: name for table in TABLES for key, name in table.argument_names.items()}
_SPLITTING = frozenset().union(*(table.splitting for table in TABLES))
_LOOPS = {base: loop for table in TABLES for loop in table.loops for base in loop.bases}
HANDED_OUT = frozenset(name for table in TABLES for loop in table.loops for name in (loop.hands_out, loop.schedules) if name)
# Methods that let the parameters of one optimizer alone get gradients, and those that end it.
TOGGLING = {
    name: on for table in TABLES for loop in table.loops for name, on in ((loop.toggle, True), (loop.untoggle, False)) if name
}
_LENGTHS = {key: length for table in TABLES for key, length in table.lengths.items()}
_EVERY_BATCH = frozenset().union(*(table.every_batch for table in TABLES))
_TICKS = {key: rule for table in TABLES for key, rule in table.ticks.items()}
_MUTATING = frozenset().union(*(table.mutating for table in TABLES))
_PEAKS = {key: place for table in TABLES for key, place in table.peaks.items()}
_SELECTING = frozenset().union(*(table.selecting for table in TABLES))
_RATES = {key: rate for table in TABLES for key, rate in table.rates.items()}
_ALIASES = {key: name for table in TABLES for key, name in table.aliases.items()}
_METHODS = {key: meaning for table in TABLES for key, meaning in table.methods.items()}
_VALUE_METHODS = {key: meaning for table in TABLES for key, meaning in table.value_methods.items()}
_UNPACKED = {role: names for table in TABLES for role, names in table.unpacked.items()}
_NAMES_OF_METHODS = frozenset(name for _, name in _METHODS)
_LEADING = {key: names for table in TABLES for key, names in table.leading.items()}
_PARAMETER_LISTS = frozenset().union(*(table.parameter_lists for table in TABLES))
_PARAMETER_LISTS_OF_MODELS = frozenset().union(*(table.parameter_lists_of_models for table in TABLES))
# Methods of models that their library calls to train them, with the optimizer they were compiled with.
TRAINING_STEPS = frozenset().union(*(table.training_steps for table in TABLES))
_BASES = {key: role for table in TABLES for key, role in table.bases.items()}
_LAYERED = dict.fromkeys(frozenset().union(*(table.layered for table in TABLES)), True)
_SEQUENCES = frozenset().union(*(table.sequences for table in TABLES))
_MODULE_BASES = dict.fromkeys(frozenset().union(*(table.module_bases for table in TABLES)), True)
FORWARD_METHODS = tuple(sorted(frozenset().union(*(table.forward_methods for table in TABLES))))
# Losses that take probabilities or logits, with the activation that makes the one of the other.
LINKS = {key: name for table in TABLES for key, name in table.links.items()}
_SETTING_RATES = frozenset().union(*(table.setting_rates for table in TABLES))
_RUNNING = frozenset().union(*(table.running for table in TABLES))
_CALLBACK_BASES = dict.fromkeys(frozenset().union(*(table.callback_bases for table in TABLES)), True)
_MEMBERS = {key: names for table in TABLES for key, names in table.members.items()}
_WIRED = frozenset().union(*(table.wired for table in TABLES))
_ACTIVATED = {key: place for table in TABLES for key, place in table.activated.items()}

Entry = TypeVar("Entry")
# An alias may lead to another one.
_MAX_ALIASES = 4
_CAPITAL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


def _longest(table: Mapping[str, Entry], name: str) -> tuple[int, Entry | None]:
    """The entry of the longest key that covers `name`, and how many of its parts the key names."""
    if name in table:
        return name.count(".") + 2, table[name]
    prefix = name
    while "." in prefix:
        prefix = prefix.rpartition(".")[0]
        if (entry := table.get(prefix + ".*")) is not None:
            return prefix.count(".") + 1, entry
    return 0, None


def entry_words(packages: AbstractSet[str]) -> frozenset[str]:
    """Words of functions that may train, in a file that imports `packages`. All that train by values are used together."""
    functional = not FUNCTIONAL.isdisjoint(packages)
    own = (
        table.words | table.entering
        for table in TABLES
        if (functional if table.functional else not table.packages.isdisjoint(packages))
    )
    return _ENTRY_WORDS.union(*own)


@lru_cache(maxsize=4096)
def canonical(name: str) -> str:
    """The name by which the tables know what a program may call by several."""
    for _ in range(_MAX_ALIASES):
        prefix, rest = name, ""
        while prefix not in _ALIASES:
            prefix, point, last = prefix.rpartition(".")
            if not point:
                return name
            rest = f".{last}{rest}"
        name = _ALIASES[prefix] + rest
    return name


def method_meaning(role: Role | None, name: str) -> Meaning | None:
    """What a method of an object in this role does, where a table says."""
    return _METHODS.get((role, name)) if role is not None else None


def value_method(name: str) -> Meaning | None:
    """What a method of this name does in a program that trains by values, whatever object has it."""
    return _VALUE_METHODS.get(name)


def unpacked(role: Role | None) -> tuple[str, ...]:
    """The names of what an object in this role is a tuple of; empty where it is none."""
    return _UNPACKED.get(role, ()) if role is not None else ()


def names_method(name: str) -> bool:
    """A table knows a method of this name, of an object in some role."""
    return name in _NAMES_OF_METHODS


def leading_parameters(class_name: str) -> tuple[str, ...]:
    """The first parameters of an optimizer's constructor."""
    return _LEADING.get(class_name, ("params", "lr"))


def argument_name(written: str) -> str:
    """The name by which the program model knows an argument."""
    return _ARGUMENT_NAMES.get(written, written)


def lists_parameters(attribute: str, model: str | None) -> bool:
    """An attribute of this name holds the parameters of its object; `model` is its class where it is one, "" out of sight."""
    if attribute in _PARAMETER_LISTS or model is None:
        return attribute in _PARAMETER_LISTS
    own = table_of(model) if attribute in _PARAMETER_LISTS_OF_MODELS else None
    return attribute in (own.parameter_lists_of_models if own is not None else _PARAMETER_LISTS_OF_MODELS)


@lru_cache(maxsize=1024)
def role_of_base(class_name: str) -> Role | None:
    """What the heirs of a class are to training; None where no table says."""
    return _longest(_BASES, class_name)[1]


@lru_cache(maxsize=1024)
def is_layer(class_name: str) -> bool:
    """Calling an object of this class computes the operation that the class is named after."""
    return _longest(_LAYERED, class_name)[1] is not None


def is_sequence(class_name: str) -> bool:
    """An object of this class is a chain of layers."""
    return class_name in _SEQUENCES


@lru_cache(maxsize=1024)
def is_fitted(class_name: str) -> bool:
    """The library of this class trains its models."""
    table = table_of(class_name)
    return table is not None and Meaning.FIT in table.methods.values()


def is_module_base(class_name: str) -> bool:
    """A class out of sight whose heirs are models that are called."""
    return _longest(_MODULE_BASES, class_name)[1] is not None


def forward_methods(bases: Iterable[str]) -> tuple[str, ...]:
    """The methods that are run when an object of a class with these bases out of sight is called."""
    return FORWARD_METHODS if any(is_module_base(base) or maker(base) is Role.LOSS_FUNCTION for base in bases) else ()


def table_of(class_name: str) -> Framework | None:
    """The table that knows a class by its qualified name."""
    for table in TABLES:
        if class_name in table.makes or class_name.partition(".")[0] in table.packages:
            return table
    return None


def sets_rates(class_name: str) -> bool:
    """Objects of this class set learning rates while a library trains."""
    return class_name in _SETTING_RATES


def runs_functions(class_name: str) -> bool:
    """Objects of this class run the functions that they are given, and do nothing else."""
    return class_name in _RUNNING


def is_callback_base(class_name: str) -> bool:
    """A class of callbacks that set no rate but where their heirs say so."""
    return _longest(_CALLBACK_BASES, class_name)[1] is not None and not sets_rates(class_name)


def is_wired(class_name: str) -> bool:
    """Objects of this class are models that are given what goes into them and what comes out."""
    return class_name in _WIRED


def activation_place(class_name: str) -> tuple[bool, int | None]:
    """Whether a layer applies an activation that an argument names, and the place of that argument."""
    short = class_name.rpartition(".")[2]
    return short in _ACTIVATED, _ACTIVATED.get(short)


@lru_cache(maxsize=4096)
def maker(name: str) -> Role | None:
    """The role of what calling `name` creates. Only classes create: the last part starts with a capital."""
    depth, role = _longest(_MAKES, name)
    if role is None:
        return None
    call_depth, _ = _longest(_CALLS, name)
    last = name.rpartition(".")[2]
    if call_depth > depth or (name not in _MAKES and not last[:1].isupper() and not name.startswith("torchvision.models")):
        return None
    return role


@lru_cache(maxsize=4096)
def meaning(name: str) -> Meaning | None:
    """What calling `name` does, where a table says."""
    return _longest(_CALLS, name)[1]


def is_called(name: str) -> bool:
    """A table names this very function."""
    return name in _CALLS


@lru_cache(maxsize=1024)
def layer_operation(class_name: str) -> str:
    """The operation that calling an object of a library's class computes, by the class's qualified name."""
    short = class_name.rpartition(".")[2]
    return _LAYERS.get(short) or _CAPITAL.sub("_", short).lower()


@lru_cache(maxsize=256)
def layer_class(operation: str) -> str:
    """The name of the class whose objects compute `operation`."""
    named = [name for name, computed in _LAYERS.items() if computed == operation]
    return min(named, key=len) if named else "".join(part.capitalize() for part in operation.split("_"))


def may_bind(module: str, name: str) -> bool:
    """Whether a star import of a module of a library may bind this name; yes where its names are not listed."""
    listed = _MEMBERS.get(canonical(module))
    return listed is None or name in listed


def mutates(function: str) -> bool:
    """A function by qualified name lets those that it runs change what they are given."""
    return function.rpartition(".")[0] in _MUTATING


def operation_name(function: str) -> str:
    """The operation that a function computes, by its qualified name."""
    return _OPERATIONS.get(function) or function.rpartition(".")[2]


def schedule_peak(schedule: str) -> tuple[str, int] | None:
    """The argument of a schedule that is its highest rate, by the short name of its function, or its class."""
    return _PEAKS.get(schedule)


def not_for_all(transformation: str) -> bool:
    """It lets what it holds work on some of the parameters, perhaps to leave them as they are."""
    return transformation in _SELECTING


def spelling(operation: str) -> str | None:
    """How a library writes the statement that computes `operation`."""
    return next((table.spellings[operation] for table in TABLES if operation in table.spellings), None)


def functions_that(meaning: Meaning) -> tuple[str, ...]:
    """The qualified names of the functions with a meaning, those of later tables first."""
    return tuple(name for name, known in reversed(_CALLS.items()) if known is meaning)


def rate_scaling(schedule: str) -> RateScaling | None:
    """How a schedule, by its qualified class name, multiplies rates; None where it does anything else."""
    return _SCALING.get(schedule.rpartition(".")[2])


def signature(operation: str) -> tuple[str, ...]:
    """The parameter names of an operation; empty where no table says."""
    return _SIGNATURES.get(operation, ())


_INNER_MODULE = re.compile(r"^(torch\.nn)\.modules\.(?:\w+\.)?(\w+)$")


@lru_cache(maxsize=1024)
def layer_contents(class_name: str) -> LayerContents | None:
    """What an object of a library's class holds; None where no table says."""
    return _longest(_CONTENTS, _INNER_MODULE.sub(r"\1.\2", class_name))[1]


@cache
def names_of_drawn() -> frozenset[str]:
    """The short names of layers whose first weights are drawn at random."""
    return frozenset(
        name.rpartition(".")[2] for name, contents in _CONTENTS.items() if contents.drawn and name.rpartition(".")[2][0].isupper()
    )


def holds_what_it_is_given(class_name: str) -> bool:
    return _INNER_MODULE.sub(r"\1.\2", class_name) in _CONTAINERS


def holds_modules(class_name: str) -> bool:
    """What an object of the class was given are modules, and so are its members."""
    return holds_what_it_is_given(class_name) and "Parameter" not in class_name


def is_empty_base(class_name: str) -> bool:
    """A class of modules that brings its heirs no part."""
    return class_name in _EMPTY_BASES


def registering(bases: Iterable[str], kind: str) -> str | None:
    """The qualified name of what makes an heir of `bases` know its parts."""
    found = (table.registering.get(kind) for table in TABLES if not table.empty_bases.isdisjoint(bases))
    return next(found, None)


def keeps_state(class_name: str) -> Switch | bool:
    """Whether an optimizer learns from one step for the next; a switch where an argument decides."""
    return _STATELESS.get(class_name, True)


def rate_range(class_name: str) -> RateRange | None:
    return _RATES.get(class_name) or _RATES.get(class_name.rpartition(".")[2])


def has_given_rate(class_name: str) -> bool:
    """The rate of its objects is what they are built with, whoever holds them."""
    table = table_of(class_name)
    return table is not None and table.given_rates


def closure_runs(class_name: str) -> Switch | None:
    """Where it is written how often an optimizer runs its closure; None for those that need none."""
    return _CLOSURES.get(class_name)


def decoupled(class_name: str) -> str | None:
    """The class that decays weights apart from the gradient, where an optimizer mixes the two; by their short names."""
    return _PENALISING.get(class_name.rpartition(".")[2])


def hidden_loop(bases: Iterable[str]) -> HiddenLoop | None:
    """The loop out of sight that runs the methods of a class with these bases out of sight."""
    return next((_LOOPS[base] for base in bases if base in _LOOPS), None)


def schedule_length(schedule: str) -> tuple[str, int] | None:
    """The argument that says for how many steps a schedule, by its qualified name, is made: its name and its place."""
    return _LENGTHS.get(schedule.rpartition(".")[2])


def steps_every_batch(schedule: str) -> bool:
    """A schedule of this qualified name is made to be stepped with every batch."""
    return schedule.rpartition(".")[2] in _EVERY_BATCH


def ticks(class_name: str) -> Ticks | None:
    """How many steps at once an accelerator of this class lets a schedule take."""
    return _TICKS.get(class_name)


def splits(given: str) -> bool:
    """An accelerator that is given this, by its word or the name of its class, splits parameters over processes."""
    return given in _SPLITTING


def normalises(class_name: str) -> bool:
    """The steps of such an optimizer are the same when all gradients are a multiple of what they were."""
    return class_name in _NORMALISING


__all__ = [
    "FORWARD_METHODS",
    "FUNCTIONAL",
    "GROWING",
    "HANDED_OUT",
    "LINKS",
    "LOOK_ALIKES",
    "LOSS_OPERATIONS",
    "ON_TORCH",
    "PACKAGES",
    "READING_METHODS",
    "TABLES",
    "TENSOR_ATTRIBUTES",
    "TENSOR_CLASSES",
    "TENSOR_METHODS",
    "TENSOR_TESTS",
    "TOGGLING",
    "TRAINING_STEPS",
    "Framework",
    "HiddenLoop",
    "LayerContents",
    "Meaning",
    "RateRange",
    "Role",
    "Switch",
    "Ticks",
    "activation_place",
    "argument_name",
    "canonical",
    "closure_runs",
    "decoupled",
    "forward_methods",
    "functions_that",
    "has_given_rate",
    "hidden_loop",
    "holds_what_it_is_given",
    "is_called",
    "is_empty_base",
    "is_fitted",
    "is_layer",
    "is_module_base",
    "is_sequence",
    "is_wired",
    "keeps_state",
    "layer_class",
    "layer_contents",
    "layer_operation",
    "leading_parameters",
    "lists_parameters",
    "maker",
    "meaning",
    "method_meaning",
    "mutates",
    "names_method",
    "names_of_drawn",
    "normalises",
    "not_for_all",
    "operation_name",
    "rate_range",
    "registering",
    "role_of_base",
    "schedule_length",
    "schedule_peak",
    "sets_rates",
    "signature",
    "spelling",
    "splits",
    "steps_every_batch",
    "table_of",
    "ticks",
    "unpacked",
    "value_method",
]
