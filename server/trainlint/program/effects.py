"""What a program does to gradients, parameters and the objects that hold them: leaves and their regions."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from typing import Union

from ..immutable import record_class
from ..source.parse import Site
from .guards import Guard
from .things import UNKNOWN, Generator, Operation, Parameters, Tensor, Thing, Value


@record_class
class Effect:
    """Something that happens at one place of the text. Identity is the object itself."""

    site: Site


@record_class
class ContextManager:
    """What a `with` statement enters: by its qualified name, or the operation that the tables make of it.

    `tape` records what is computed inside, or stops doing so where `paused`.
    """

    name: str
    node: ast.AST
    arguments: dict[str, Value] = field(default_factory=dict)
    tape: Thing | None = None
    paused: bool = False


@record_class
class Backward(Effect):
    """Gradients of `loss` are added to the `.grad` of what it reaches. `text` is the loss as the user wrote it.

    `options` are its keyword arguments; `contexts` the context managers around it. `scaler` is the gradient scaler
    that multiplied the loss, as the user wrote it, and `scaled_by` the object. `by` is who does it, where no code in sight does;
    `through` is the accelerator or engine that is called with the loss. Of all that optimizers hold, only the parameters of
    `only` get gradients, where it has any.
    """

    loss: Tensor
    text: str
    scaler: str | None = None
    options: dict[str, Value] = field(default_factory=dict)
    contexts: tuple[ContextManager, ...] = ()
    scaled_by: Thing | None = None
    by: str | None = None
    through: Thing | None = None
    only: tuple[Thing, ...] = ()


@record_class
class Step(Effect):
    """One of `optimizers` applies its gradients, `through` a gradient scaler; it clears them as well where `clears`.

    `closure` is the function it runs to compute them, where it is given one in sight; `by` as for a backward. `given`: its
    gradients were read before, and handed to it.
    """

    optimizers: tuple[Thing, ...]
    text: str
    clears: bool = False
    scaler: str | None = None
    through: Thing | None = None
    closure: Closure | None = None
    by: str | None = None
    given: bool = False


@record_class
class Differentiate(Effect):
    """`operation` computes gradients as values."""

    operation: Operation


@record_class
class Compile(Effect):
    """`model` is told how it is to be trained: `options` name the optimizer and the loss.

    `losses` are those, each with what the model computes for it.
    """

    model: Thing
    options: dict[str, Value]
    losses: tuple[tuple[Value, Tensor], ...]


@record_class
class Fit(Effect):
    """The library of `model` trains it, as it was compiled."""

    model: Thing
    options: dict[str, Value]


@record_class
class Apply(Effect):
    """One of `optimizers` moves `parameters` by `gradients`, which are values: nothing else holds them.

    `text` is the optimizer as the user wrote it.
    """

    optimizers: tuple[Thing, ...]
    gradients: Value
    parameters: Parameters
    text: str


@record_class
class Misstep(Effect):
    """One of `optimizers` is to step and is given a tensor, which is no function."""

    optimizers: tuple[Thing, ...]
    text: str


@record_class
class Clear(Effect):
    """Gradients held through one of `holders` (an optimizer or a module) or of `parameters` are cleared."""

    holders: tuple[Thing, ...]
    parameters: Parameters | None
    text: str


@record_class
class Write(Effect):
    """The program stores gradients of its own in `.grad`."""

    parameters: Parameters


@record_class
class Read(Effect):
    """The program looks at `.grad`: the gradients are put to use without a step."""

    parameters: Parameters


@record_class
class Adjust(Effect):
    """Gradients that are there are changed in place, as averaging and clipping by hand do: something is to apply them."""

    parameters: Parameters


@record_class
class Clip(Effect):
    """Gradients of `parameters` are bounded by `limit`. `used`: the program looks at the norm that this returns."""

    parameters: Parameters
    limit: Value = UNKNOWN
    used: bool = False


@record_class
class Unscale(Effect):
    """The gradients of `optimizers` are divided by the scale of `scaler`."""

    optimizers: tuple[Thing, ...]
    scaler: str
    through: Thing | None = None


@record_class
class Rescale(Effect):
    """`scaler` chooses its scale for the next step."""

    scaler: str
    through: Thing | None = None


@record_class
class Schedule(Effect):
    """One of `schedulers` sets the next learning rate, from `argument` where it is given one; `by` as for a backward."""

    schedulers: tuple[Thing, ...]
    argument: Value | None
    text: str
    by: str | None = None


@record_class
class Mode(Effect):
    """One of `things` goes into training or evaluation mode; `training` is None where that is out of sight."""

    things: tuple[Thing, ...]
    training: bool | None


@record_class
class Freeze(Effect):
    """`parameters` stop (`trainable` false) or start to require gradients; None where that is out of sight."""

    parameters: Parameters
    trainable: bool | None


@record_class
class Assign(Effect):
    """An attribute of an object is set from outside its constructor. `before` is what it held, if that is known."""

    thing: Thing
    attribute: str
    value: Value
    before: Value | None


@record_class
class Attach(Effect):
    """The constructor of an object gives it an attribute."""

    thing: Thing
    attribute: str
    value: Value


@record_class
class Mark(Effect):
    """An attribute of parameters, or of a tensor, is set."""

    holder: Value
    attribute: str
    value: Value


@record_class
class Exhaust(Effect):
    """An iterator is gone through; perhaps only where not `sure`."""

    generator: Generator
    sure: bool


@record_class
class Extend(Effect):
    """`optimizers` are given more parameters to hold."""

    optimizers: tuple[Thing, ...]
    parameters: Parameters


@record_class
class Overwrite(Effect):
    """The values of all parameters of `things` are set: to those in `state`, or to new first values where that is None."""

    things: tuple[Thing, ...]
    state: Value | None


@record_class
class Renew(Effect):
    """All parameters of `things` are replaced by new ones."""

    things: tuple[Thing, ...]


@record_class
class Grow(Effect):
    """`things` get parameters beside those they have, or in place of some; `frozen`: those they have stop to train."""

    things: tuple[Thing, ...]
    frozen: bool


@record_class
class GradMode(Effect):
    """Autograd is turned on or off for all that follows; None where that is out of sight."""

    enabled: bool | None


@record_class
class Create(Effect):
    """An object is built: its gradients, if it has any, are empty."""

    thing: Thing


@record_class
class Rebind(Effect):
    """A symbol stands for another object from here on."""

    thing: Thing


@record_class
class Unseen(Effect):
    """A call whose body is out of sight, and all that it may touch.

    `loss` is what it could differentiate. A call whose result is used computes something and is trusted not to
    clear gradients on the way (`may_clear` false).
    """

    touches: frozenset[Thing]
    loss: Tensor
    may_clear: bool
    text: str


@record_class
class Hook(Effect):
    """Code of the program acts on every gradient of `parameters` as soon as it arrives."""

    parameters: Parameters


@record_class
class Forward(Effect):
    """A model computes something; `operation` is what, where its result is a value of the graph."""

    thing: Thing
    operation: Operation | None = None


@record_class
class Distribute(Effect):
    """One of `things` is wrapped: its gradients are averaged over processes, where the wrapper is called."""

    things: tuple[Thing, ...]


@record_class
class Prepare(Effect):
    """An accelerator takes charge of `things`: it wraps them, and from then on differentiates, clips and clears for them."""

    accelerator: Thing
    things: tuple[Thing, ...]


@record_class
class SetRate(Effect):
    """The learning rate of one of `optimizers` is set, or will be by a scheduler; multiplied by `factor` where that is all."""

    optimizers: tuple[Thing, ...]
    factor: Value | None = None


@record_class
class Uncalled(Effect):
    """A training method is named as a statement and not called."""

    thing: Thing | None
    method: str


@record_class
class Fill(Effect):
    """Every number of `target`, a parameter or some parameters, is set: to `value`, or where that is None to various ones."""

    target: Value
    value: Value | None


@record_class
class Count(Effect):
    """A counter is set to `value` (None: out of sight) or advanced by `by`."""

    counter: str
    value: int | None = None
    by: int = 0


@record_class
class Forget(Effect):
    """A variable is assigned: what conditions said of it no longer holds."""

    variable: str


@dataclass(slots=True, eq=False)
class Block:
    items: list[Region] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class Loop:
    """`skippable`: may run no time. `repeats`: may run more than once. `endless`: left by a jump only.

    `over` is what it iterates over, `runs` how often it does, where that is known. A loop out of sight `calls` this function.
    `origin` is the loop of the program, where this is one of a view of it.
    """

    node: ast.AST
    body: Block
    orelse: Block
    skippable: bool = True
    repeats: bool = True
    endless: bool = False
    guard: Guard | None = None
    over: Value = UNKNOWN
    runs: int | None = None
    calls: str = ""
    origin: Loop | None = None


@dataclass(slots=True, eq=False)
class Branch:
    """`node` is the statement that it is, where it is one."""

    guard: Guard
    body: Block
    orelse: Block
    node: ast.If | None = None


@dataclass(slots=True, eq=False)
class Try:
    body: Block
    handlers: list[Block]
    orelse: Block
    final: Block


@dataclass(slots=True, eq=False)
class Call:
    """The body of a called function, in place."""

    node: ast.AST
    name: str
    body: Block


@dataclass(slots=True, eq=False)
class Jump:
    """`break`, `continue`, `return` or `raise`."""

    kind: str


@record_class
class Closure:
    """A function that a step runs by itself: what happens in it, and what it returns."""

    node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
    body: Block
    returned: Value


Region = Union[Block, Loop, Branch, Try, Call, Jump, Effect]


def blocks_of(region: Region) -> list[Block]:
    """The blocks directly below a region, in the order of the text."""
    kind = region.__class__
    if kind is Loop or kind is Branch:
        return [region.body, region.orelse]  # type: ignore[union-attr]
    if kind is Call:
        return [region.body]  # type: ignore[union-attr]
    if isinstance(region, Try):
        return [region.body, *region.handlers, region.orelse, region.final]
    return [region] if isinstance(region, Block) else []


def leaves(block: Block) -> list[Effect]:
    """Every effect below a block, in the order of the text."""
    found: list[Effect] = []
    _gather(block, found)
    return found


def _gather(block: Block, found: list[Effect]) -> None:
    for item in block.items:
        kind = item.__class__
        if kind is Call:
            _gather(item.body, found)  # type: ignore[union-attr]
        elif kind is Branch or kind is Loop:
            _gather(item.body, found)  # type: ignore[union-attr]
            _gather(item.orelse, found)  # type: ignore[union-attr]
        elif isinstance(item, Effect):
            found.append(item)
        else:
            for part in blocks_of(item):
                _gather(part, found)
