"""The words that tables are written in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, auto

from ..things import Role


class Meaning(Enum):
    """What a call does, whatever library it belongs to."""

    BACKWARD = auto()  # differentiates its first argument
    STEP = auto()  # applies the gradients of its first argument, an optimizer
    CLEAR = auto()  # clears the gradients of its first argument
    CLIP = auto()  # clips the gradients of its first argument
    WRAP = auto()  # returns its arguments, perhaps wrapped
    WRAP_FIRST = auto()  # returns its first argument, perhaps wrapped
    COPY = auto()  # returns a new object like its first argument
    CUT = auto()  # returns values without a graph
    PURE = auto()  # computes on tensors
    COMPUTE_BY = auto()  # the same by its first argument, a model or a function that is run on the others
    DATA = auto()  # returns the tensor it is given; of all else, values without a graph
    FILL = auto()  # sets every number of its first argument
    READ = auto()  # looks at its arguments and changes nothing of them
    GRADIENTS = auto()  # returns the gradients of its first argument
    PLAIN = auto()  # the same, and returns a number, a text or a collection of such
    MEMBER = auto()  # returns any one member of its first argument
    NO_GRAD = auto()  # a context in which no graph is built
    INFERENCE = auto()  # one whose tensors can have no part in a graph later either
    GRAD = auto()  # a context in which graphs are built
    SET_GRAD = auto()  # turns the building of graphs on or off by its first argument, as a call or as a context
    ASK_GRAD = auto()  # says whether graphs are built
    DISTRIBUTE = auto()  # returns its first argument, whose gradients are averaged over processes where it is called
    ADAPT = auto()  # returns the model that it is given, frozen, with new parameters beside those it has
    SEPARATE = auto()  # gradients that never enter `.grad`
    PARTIAL = auto()  # a callable with arguments filled in
    ENGINE = auto()  # wraps a model in an object that differentiates, steps and clears
    UNION = auto()  # one iterable made of its arguments
    UNSEEN = auto()  # nobody knows, although the tables know what lies around it
    DIFFERENTIATE = auto()  # the gradients of its first argument by its second, as values
    PAUSE = auto()  # a context in which a tape does not record
    APPLY = auto()  # an optimizer moves its second argument, or what it knows, by the first
    APPLY_PAIRS = auto()  # the same, with pairs of a gradient and what it moves
    COMPILE = auto()  # tells a model how its library is to train it
    FIT = auto()  # trains a model as it was compiled
    MINIMIZE = auto()  # computes a loss, differentiates it and applies the gradients
    LIFT = auto()  # returns its first argument, a function, to be run in another way
    GRADIENT_OF = auto()  # returns the function that gives the gradients of its first argument
    VALUE_AND_GRADIENT_OF = auto()  # the same, with what the first argument returns in front
    EACH = auto()  # runs its first argument on each leaf of the others
    AVERAGE = auto()  # returns its first argument, each leaf of it averaged over devices
    SCAN = auto()  # runs its first argument over and over, on what it returned before and an item
    REPEAT = auto()  # the same with its third argument, on a number and what it returned before
    WHILE = auto()  # the same with its second argument, on what it returned before
    CONDITION = auto()  # runs its second or its third argument on those behind them
    APPLY_UPDATES = auto()  # returns its first argument, moved by the second
    FIRST_STATE = auto()  # returns the state that its object, a transformation of gradients, begins with
    UPDATE = auto()  # transforms gradients and a state, or moves the parameters that its object holds
    MOVE_STATE = auto()  # returns its object, a train state, moved by gradients
    MOVE = auto()  # returns parameters and the state of its object, moved by gradients
    RUN = auto()  # returns what its object, a model that holds no parameters, computes of what it is given
    RUN_WITH_STATE = auto()  # the same, and a state along with it
    CAST = auto()  # returns what it is given in another type: whole numbers have no gradients
    REPLACE = auto()  # returns its object with the fields changed that it is given by name
    ITSELF = auto()  # returns its object, a function

    __hash__ = object.__hash__


@dataclass(frozen=True, slots=True)
class RateRange:
    """Learning rates an optimizer is used with: the upper end of the usual range, and the default (None: required)."""

    upper: float
    default: float | None


@dataclass(frozen=True, slots=True)
class RateScaling:
    """A schedule multiplies rates by `factor`, an argument (None: by something at most 1), and keeps them above `floor`.

    Both are given as name and position, 0 being the optimizer. Without them the factor is less than 1 and the floor 0.
    """

    factor: tuple[str, int] | None = None
    floor: tuple[str, int] | None = None


@dataclass(frozen=True, slots=True)
class Switch:
    """Whether a layer has something depends on an argument: on where it is neither zero nor false.

    `position` is its place among the positional arguments, None where it is given by name only.
    """

    argument: str
    position: int | None
    default: bool | float


@dataclass(frozen=True, slots=True)
class LayerContents:
    """Whether a layer has parameters, drops some of what it is given, tracks statistics of batches; None: it depends.

    `drawn`: its first weights are drawn at random.
    """

    parameters: bool | Switch | None
    dropout: bool | Switch | None
    batch_norm: bool | Switch | None
    drawn: bool = False


@dataclass(frozen=True, slots=True)
class Ticks:
    """A schedule that is handed to an accelerator takes as many steps at once as its attribute `count` says.

    Not where an argument in `usual` is given anything else than there.
    """

    count: str
    usual: Mapping[str, tuple[object, ...]]


class Part(Enum):
    """What a loop out of sight does itself in each turn."""

    CLEAR = auto()  # clears the gradients of the optimizers
    BACKWARD = auto()  # differentiates the loss that the turn has computed
    STEP = auto()  # lets the optimizers apply their gradients


@dataclass(frozen=True, slots=True)
class Phase:
    """One thing that happens in each turn: `method` of the heir, where it has one; else `part` is done, or `parts` are."""

    method: str = ""
    part: Part | None = None
    parts: tuple[Phase, ...] = ()


@dataclass(frozen=True)
class HiddenLoop:
    """A class whose heirs' methods are run by a loop out of sight, with effects of the loop's own around them.

    `bases` are its qualified names, `caller` what its users call the loop. `computes` is the method that returns the loss, or
    a dictionary that has it under `loss`, or where `first` a sequence that begins with it; it is given data, after the model
    where `model` names a parameter for that; `finishes` makes another loss of what it returns. `builds` returns the
    optimizers, which `hands_out` returns to the heir; `schedules` the schedulers. `before` are called once, `turn` in each
    turn, `by_hand` in each turn where the attribute `switch` is false, so that the heir clears, differentiates (by
    `differentiate`) and steps itself; `each_epoch` after some turns. `index` is a parameter of `computes` that says for which
    of several optimizers it is called. Between `toggle` and `untoggle` only the parameters of one optimizer get gradients.
    `with_schedule` is how an `{optimizer}` and its `{scheduler}` are returned.
    """

    bases: frozenset[str]
    caller: str
    computes: str
    turn: tuple[Phase, ...]
    builds: str = ""
    hands_out: str = ""
    schedules: str = ""
    switch: str = ""
    by_hand: tuple[Phase, ...] = ()
    before: tuple[str, ...] = ()
    each_epoch: tuple[str, ...] = ()
    differentiate: str = ""
    toggle: str = ""
    untoggle: str = ""
    loss: str = "loss"
    first: bool = False
    model: str = ""
    index: str = ""
    finishes: str = ""
    with_schedule: str = ""


@dataclass(frozen=True)
class Framework:
    """What the names of one library mean.

    `makes` and `calls` go by qualified name; a key that ends in ``.*`` covers the names below it, the longest
    matching key decides. `methods` go by method name on any object, `roles` by role and method name.
    `closures`: optimizers that need a closure, by qualified name, with the argument that says how often a step runs it.
    `rates` go by the class name of an optimizer; those in `stateless` keep
    nothing between steps unless they are told to. `layers` names the operation that calling an object of a class computes;
    where it is missing the class name says it. `signatures` are the parameter names of operations, the first for the tensor.
    `tensor_attributes` are others that tensors have, `tensor_classes` what they are instances of, and `tensor_tests` the
    functions that tell.
    `scaling` are schedules, by class name, that multiply the rate an optimizer was built with.
    `normalising` are optimizers, by class name, whose steps are the same when all gradients are a multiple of what they were.
    Texts without a word of `words`, `loss_words` or `model_words` have nothing to do with it. Functions with one of `words` or
    `entering` are looked at for their own sake and wherever they are called, those with one of `loss_words` where nothing calls
    them.
    `aliases` are other names of packages and classes, by what they begin with. `methods` go by the role of their object.
    `leading` are the first parameters of constructors, `argument_names` arguments that have another name in the program.
    `parameter_lists` are attributes that hold the parameters of an object, those `of_models` only where that is a model.
    `module_bases` make a class one of models, whose `forward_methods` are run when it is called, and whose
    `training_steps` by the library; `bases` say what heirs of a class are. Objects of `layered` classes are layers, those of
    `sequences` made of others. `activated` layers apply what an argument says, with the place of that argument.
    `penalising` are optimizers, by class name, that add the weight decay to the gradient and then divide both by its size, with
    the class that decays the weights themselves.
    `growing` are methods that give a model new parameters; true where those it has are frozen.
    `functional`: it trains by values, which nothing changes; `on_torch`: torch may be what it runs on. `operations` names what
    a function computes where its own name does not.
    `wired` models are given their inputs and outputs; `setting_rates` are callbacks,
    `callback_bases` those that set none by themselves, `running` those that only run functions.
    `links` are losses, by the name of class or function, that take probabilities or logits, with the activation between.
    `spellings` is how its calls are written.
    `peaks` are schedules, functions by short name, with the argument that is their highest rate; `selecting` transformations
    let those they hold work on some parameters.
    `given_rates`: its optimizers follow the rate or schedule that they are built with, and no object built over them changes it.
    `contents` says what layers hold; `containers` hold what they are given; `empty_bases` bring their heirs no part.
    `registering` names what makes an heir of those know its parts: a "list", a "dictionary" or a "tensor" of them.
    `loops` are classes whose heirs are trained by loops of the library.
    `value_methods` are methods, by name, of whatever a program that trains by values handles: roles are seldom known there.
    `unpacked` are the names of what an object in some role is a tuple of.
    `mutating` modules have functions that run others and let them change objects in place.
    `lengths` are schedules, by short name, with the argument that says for how many steps they are made and its place;
    `every_batch` are those made to be stepped with every batch. `ticks` go by the class of an accelerator.
    `members` are the names that star imports of modules bind, where all are listed.
    `splitting` is what an accelerator is given, by class name or as a word, that splits the parameters of models over processes.
    """

    name: str
    packages: frozenset[str]
    makes: Mapping[str, Role] = field(default_factory=dict)
    calls: Mapping[str, Meaning] = field(default_factory=dict)
    rates: Mapping[str, RateRange] = field(default_factory=dict)
    stateless: Mapping[str, Switch] = field(default_factory=dict)
    closures: Mapping[str, Switch] = field(default_factory=dict)
    scaling: Mapping[str, RateScaling] = field(default_factory=dict)
    normalising: frozenset[str] = frozenset()
    penalising: Mapping[str, str] = field(default_factory=dict)
    growing: Mapping[str, bool] = field(default_factory=dict)
    layers: Mapping[str, str] = field(default_factory=dict)
    signatures: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    tensor_methods: frozenset[str] = frozenset()
    tensor_attributes: frozenset[str] = frozenset()
    tensor_classes: frozenset[str] = frozenset()
    tensor_tests: frozenset[str] = frozenset()
    reading_methods: frozenset[str] = frozenset()
    contents: Mapping[str, LayerContents] = field(default_factory=dict)
    containers: frozenset[str] = frozenset()
    empty_bases: frozenset[str] = frozenset()
    aliases: Mapping[str, str] = field(default_factory=dict)
    methods: Mapping[tuple[Role, str], Meaning] = field(default_factory=dict)
    leading: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    argument_names: Mapping[str, str] = field(default_factory=dict)
    parameter_lists: frozenset[str] = frozenset()
    parameter_lists_of_models: frozenset[str] = frozenset()
    module_bases: frozenset[str] = frozenset()
    bases: Mapping[str, Role] = field(default_factory=dict)
    layered: frozenset[str] = frozenset()
    sequences: frozenset[str] = frozenset()
    forward_methods: frozenset[str] = frozenset()
    wired: frozenset[str] = frozenset()
    setting_rates: frozenset[str] = frozenset()
    callback_bases: frozenset[str] = frozenset()
    running: frozenset[str] = frozenset()
    links: Mapping[str, str] = field(default_factory=dict)
    training_steps: frozenset[str] = frozenset()
    activated: Mapping[str, int | None] = field(default_factory=dict)
    spellings: Mapping[str, str] = field(default_factory=dict)
    registering: Mapping[str, str] = field(default_factory=dict)
    functional: bool = False
    words: frozenset[str] = frozenset()
    entering: frozenset[str] = frozenset()
    loss_words: frozenset[str] = frozenset()
    model_words: frozenset[str] = frozenset()
    value_methods: Mapping[str, Meaning] = field(default_factory=dict)
    unpacked: Mapping[Role, tuple[str, ...]] = field(default_factory=dict)
    on_torch: bool = False
    operations: Mapping[str, str] = field(default_factory=dict)
    loops: tuple[HiddenLoop, ...] = ()
    splitting: frozenset[str] = frozenset()
    lengths: Mapping[str, tuple[str, int]] = field(default_factory=dict)
    every_batch: frozenset[str] = frozenset()
    ticks: Mapping[str, Ticks] = field(default_factory=dict)
    given_rates: bool = False
    peaks: Mapping[str, tuple[str, int]] = field(default_factory=dict)
    selecting: frozenset[str] = frozenset()
    members: Mapping[str, frozenset[str]] = field(default_factory=dict)
    mutating: frozenset[str] = frozenset()
