"""What the agent saw of a run: optimizers, parameters, steps, passes, and everything else that findings are made of.

The agent runs this file under the user's interpreter, so it keeps to Python 3.8 and the standard library.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Place:
    """A line of the user's code: absolute path, 1-based line."""

    path: str
    line: int
    function: str = ""


@dataclass
class Frame:
    path: str
    line: int
    function: str
    user: bool


@dataclass
class ErrorSeen:
    """What ended the script. `kind` is the name of the exception's class, `detail` what its message leaves
    out.
    """

    kind: str
    message: str
    frames: list[Frame]
    during: str = "run"
    exit_code: int | None = None
    detail: str = ""


@dataclass
class StepOfParameter:
    """What one optimizer step did to one parameter; counts are elements.

    `gradient`: "none", "zero", "finite" or "non-finite", as the step found it.
    `learned`: elements that end where the same step with a zero gradient would not have left them.
    `rounded`: elements with a gradient that end as with a zero gradient, though in double precision they
    would not.
    `ignored`: elements with a gradient that the step leaves alone in double precision too.
    `moved`: elements that the step changed although their gradient had no part in it; `moved_by` is "decay",
    "momentum" or "" where nothing moved.
    `broken`: elements of the weight or of its gradient that are not finite.
    `weight_norm`: of the weights that it found.
    `fresh`: its gradient was clear when a backward pass began after the step before.
    `passes`: backward passes that gave it a gradient since the step before, `wasted`: those whose gradients were cleared
    before this step.
    """

    step: int
    rate: float | None
    gradient: str
    trainable: bool
    nonzero: int = 0
    learned: int = 0
    rounded: int = 0
    ignored: int = 0
    moved: int = 0
    moved_by: str = ""
    broken: int = 0
    gradient_norm: float | None = None
    update_norm: float | None = None
    weight_norm: float | None = None
    stale: bool = False
    cleared: bool = False
    clipped: bool = False
    fresh: bool = False
    passes: int = 0
    wasted: int = 0


@dataclass
class ParameterSeen:
    """One tensor that could learn.

    `model` is None for a tensor that belongs to no module. `used`: whether an operation took it, None
    where that could not be seen. `received`: whether a backward pass ever gave it a gradient that is not
    zero. `moved_outside`: elements changed outside every step. `learned`: elements that learned in any
    observed step. `loaded`: its values came from a state dict. The norms are those of the last update
    that was seen. `cut`: index into `Observation.cuts`. `cancelled`: a bias on which the loss does not depend,
    because a normalisation or a difference of outputs subtracts it again. `built`: where its model and its
    module were constructed. `frozen_at`: where it was told to require no gradient. `vanished`: index into
    `Observation.vanishings`, the operation on the way from the loss that made its gradient zero. `overwritten`: the lines,
    innermost first, that changed it between two steps of its optimizer.
    """

    name: str
    model: str | None
    shape: list[int]
    dtype: str
    elements: int
    trainable: bool
    optimizers: list[int] = field(default_factory=list)
    steps: list[StepOfParameter] = field(default_factory=list)
    learned: int = 0
    used: bool | None = None
    received: bool = False
    gradients: int = 0
    moved_outside: int = 0
    moved_at: Place | None = None
    moved_by: str = ""
    loaded: bool = False
    gradient_norm: float | None = None
    update_norm: float | None = None
    weight_norm: float | None = None
    cut: int | None = None
    cancelled: bool = False
    built: list[Place] = field(default_factory=list)
    frozen_at: Place | None = None
    vanished: int | None = None
    overwritten: list[Place] = field(default_factory=list)


@dataclass
class BufferSeen:
    name: str
    model: str | None
    shape: list[int]
    changed: bool


@dataclass
class OptimizerSeen:
    """One optimizer. `completed` counts its finished steps, `skipped` those that a gradient scaler left out.

    `inner`: it is stepped by another optimizer that holds the same parameters. `clears`: calls of its
    `zero_grad`, `cleared_at` their places. `wasted`: how often `zero_grad` threw gradients away that no
    step had applied. `scale`: what its gradient scaler multiplied the loss by, last. `options`: the numbers in its groups,
    by their name, as the first step found them. `strays`: attributes set on it that it never looks at. `maximizes`: it was
    told to ascend. `wraps`: it keeps another optimizer.
    """

    name: str
    kind: str
    rates: list[float]
    weight_decay: bool
    scheduled: bool
    completed: int
    skipped: int
    skipped_at: Place | None = None
    mid_step: bool = False
    closure_calls: int = 0
    clears: int = 0
    built: Place | None = None
    alive: bool = True
    inner: bool = False
    cleared_at: list[Place] = field(default_factory=list)
    wasted: int = 0
    scale: float | None = None
    options: dict[str, list[float]] = field(default_factory=dict)
    strays: list[str] = field(default_factory=list)
    maximizes: bool = False
    wraps: bool = False


@dataclass
class SchedulerSeen:
    """One schedule of learning rates. `optimizer` is the index of the one it was made for. `early`: it was
    stepped before that optimizer. `before` and `after`: the first group's rate around the step that changed it
    most.
    """

    kind: str
    optimizer: int | None
    built: Place | None = None
    at: Place | None = None
    steps: int = 0
    early: bool = False
    before: float | None = None
    after: float | None = None


@dataclass
class StepSeen:
    """One observed step of an optimizer.

    `forward_since_backward`: a model ran after the last backward pass, so a loss was computed and not
    differentiated.
    `descent`: the first-order change of the loss, sum of gradient times update; negative where the loss
    falls.
    `scaled`: its gradients still carried the scaler's factor.
    `uncleared_closure`: its closure, called again, added to the gradients of the call before.
    """

    optimizer: int
    at: Place | None
    complete: bool
    backwards: int
    forward_since_backward: bool
    descent: float | None = None
    scaled: bool = False
    uncleared_closure: bool = False


@dataclass
class BackwardSeen:
    """One backward pass. `reached`: parameters that the graph of the loss holds, None where it was not
    walked.

    `leaf`: the loss itself is a leaf that requires a gradient, so nothing lies behind it. `finished`: it
    raised nothing. `alone`: gradients were on, and nothing that the loss was computed from ever had a graph.
    `made_by`: the operation that made the loss, as autograd names it. `function`: the loss function whose value it is, and
    `turned`: with the other sign.
    """

    at: Place | None
    loss: float | None
    reached: int | None
    leaf: bool
    finished: bool = False
    alone: bool = False
    made_by: str = ""
    function: str = ""
    turned: bool = False


@dataclass
class ClipSeen:
    """A call that clips gradients: their norm before it, and the share of it that was left, of the parameter that
    was cut down most.
    """

    at: Place | None
    limit: float
    norm: float | None
    scaled: bool
    before_backward: bool
    after_step: bool
    left: float | None = None


@dataclass
class CutSeen:
    """A place where a value that depends on parameters left the graph and went on into a loss."""

    at: Place
    operation: str
    scalar: bool = False


@dataclass
class VanishingSeen:
    """An operation that turned a gradient into exactly zero, or into NaN, on its way back through the graph."""

    at: Place | None
    operation: str
    broken: bool = False


@dataclass
class LossSeen:
    """A call of a loss function and whether it was given what it expects: `fits` and `misfits` are codes of
    rules that its arguments refute and prove, with what was seen.
    """

    at: Place
    name: str
    fits: list[str] = field(default_factory=list)
    misfits: list[list[str]] = field(default_factory=list)


@dataclass
class ModelSeen:
    """A model that ran with gradients on. `training`: the mode of its layers that have one, "train", "eval",
    "mixed", or "" where none has. `switched_at`: where its mode was set last.
    """

    name: str
    training: str
    at: Place | None = None
    switched_at: Place | None = None


@dataclass
class ModeSeen:
    """A model in evaluation mode while it was trained; `affected` names its dropout
    and normalisation layers.
    """

    model: str
    affected: list[str]
    at: Place | None
    switched_at: Place | None = None


@dataclass
class SwitchSeen:
    """`requires_grad` set on a module, where nothing looks at it, or a misspelled one on a tensor."""

    attribute: str
    value: bool
    of: str
    at: Place | None
    module: bool


@dataclass
class BatchSeen:
    """A fact about the data of the first batches; `kind` is a word that `codes.py` explains."""

    kind: str
    text: str
    at: Place | None
    certain: bool = True


@dataclass
class ClaimSeen:
    """What a run saw of what a rule claims at a line: that it `holds` there, whenever the run came by, or that it never does.
    `text` ends the sentence "a run ...".
    """

    code: str
    at: Place
    holds: bool
    text: str


@dataclass
class Observation:
    """Everything that the agent saw. `ended` is "verdict", "script", "exit", "error",
    "limit" or "stopped". `unharmful`: places where values leave the graph, and every parameter behind them
    still gets its gradient by another way.
    """

    reached: str
    ended: str
    seconds: float
    limit: str | None = None
    torch: str | None = None
    counterfactual: bool = True
    optimizers: list[OptimizerSeen] = field(default_factory=list)
    parameters: list[ParameterSeen] = field(default_factory=list)
    buffers: list[BufferSeen] = field(default_factory=list)
    steps: list[StepSeen] = field(default_factory=list)
    backwards: list[BackwardSeen] = field(default_factory=list)
    backward_count: int = 0
    manual_updates: int = 0
    clips: list[ClipSeen] = field(default_factory=list)
    cuts: list[CutSeen] = field(default_factory=list)
    modes: list[ModeSeen] = field(default_factory=list)
    batch: list[BatchSeen] = field(default_factory=list)
    schedulers: list[SchedulerSeen] = field(default_factory=list)
    losses: list[LossSeen] = field(default_factory=list)
    models: list[ModelSeen] = field(default_factory=list)
    vanishings: list[VanishingSeen] = field(default_factory=list)
    unharmful: list[Place] = field(default_factory=list)
    switches: list[SwitchSeen] = field(default_factory=list)
    claims: list[ClaimSeen] = field(default_factory=list)
    children: int = 0
    error: ErrorSeen | None = None
