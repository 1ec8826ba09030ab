"""Classes whose methods are run by a loop out of sight: that loop, lowered with what it does itself around the methods."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field

from ..source.parse import Site
from . import access, activation, calls
from .effects import Backward, Block, Clear, Count, Loop, Schedule, Step, leaves
from .frameworks.table import hidden_loop
from .frameworks.vocabulary import HiddenLoop, Part, Phase
from .handed_to_loops import Alternatives, loss_of, optimizers_in, schedulers_in, side_by_side, where_returned
from .index import FunctionNode
from .machine import Machine
from .scope import ClassInfo, Frame
from .things import NONE, UNKNOWN, Choice, Constant, Counter, Function, Sequence, Thing, Value
from .values import as_tensor, join


@dataclass(eq=False)
class Training:
    """An object of a class that a loop out of sight trains.

    `automatic`: the loop clears, differentiates and steps; None where that is out of sight, as where `closed` is false: a base
    is out of sight that is none of the loop's own. `optimizers` are what it steps, each one of several; None: out of sight.
    `computes` and `builds` are the methods in sight that the loop asks for the loss and for the optimizers, with what they
    return. `turn` is what happens in the turns, `setup` what happened before them, `by_hand` what `computes`
    differentiates and steps itself.
    """

    loop: HiddenLoop
    info: ClassInfo
    thing: Thing
    closed: bool
    automatic: bool | None = None
    computes: FunctionNode | None = None
    computed: Value | None = None
    builds: FunctionNode | None = None
    built: Value | None = None
    optimizers: list[Alternatives] | None = None
    schedulers: list[tuple[Thing, bool]] = field(default_factory=list)
    setup: Block = field(default_factory=Block)
    turn: Block = field(default_factory=Block)
    by_hand: list[Backward | Step] = field(default_factory=list)

    @property
    def drives(self) -> bool:
        """The methods may train by themselves: they step, or call what the loop has for those that do. A backward of another
        kind is for something else, such as the gradient of an image."""
        method = self.loop.differentiate.rpartition(".")[2]
        return any(isinstance(effect, Step) or calls_method(effect, method) for effect in self.by_hand)

    @property
    def knows_optimizers(self) -> bool:
        """What happens to the optimizers that were built is in sight: the loop steps them, or the methods do."""
        return bool(self.optimizers) or (self.optimizers is not None and self.automatic is False)


def calls_method(effect: Backward, method: str) -> bool:
    func = getattr(effect.site.node, "func", None)
    return isinstance(func, ast.Attribute) and func.attr == method


def trained_classes(m: Machine, tree: ast.Module) -> Iterator[tuple[ClassInfo, HiddenLoop]]:
    """The classes of a file that a loop out of sight trains, by methods of their own."""
    for info in dict.fromkeys(info for info, _ in m.methods.values()):
        loop = hidden_loop(info.outside) if info.frame.module.node is tree else None
        if loop is not None and not info.methods.keys().isdisjoint((loop.builds, *_methods(loop.turn), *_methods(loop.by_hand))):
            yield info, loop


def _methods(phases: tuple[Phase, ...]) -> Iterator[str]:
    for phase in phases:
        yield phase.method
        yield from _methods(phase.parts)


def lower(m: Machine, loop: HiddenLoop, info: ClassInfo, thing: Thing) -> Training:
    """Lower the loop over `thing`, an object of `info`, into the current block."""
    known = is_closed(info)
    training = m.training = Training(loop, info, thing, known)
    training.automatic = _automatic(m, training)
    outer = m.block
    m.block = training.setup
    training.builds = _method(training, loop.builds)
    if training.builds is not None:
        training.built = _call(m, training, loop.builds, [], {})
        training.optimizers = optimizers_in(training.built)
        if training.optimizers is None and training.automatic is False:
            training.optimizers = side_by_side(training.built)
        training.schedulers = list(schedulers_in(training.built))
        _hand_out(m, training)
    for name in loop.before:
        _call(m, training, name, [], {})
    m.block = training.turn
    _turn(m, training)
    m.block = outer
    _emit(m, training)
    m.training = None
    return training


def is_closed(info: ClassInfo) -> bool:
    """Every base out of sight is one of a hidden loop, or brings nothing."""
    return all(hidden_loop((name,)) is not None or name.startswith(("builtins.", "abc.", "typing.")) for name in info.outside)


def is_whole(m: Machine, info: ClassInfo, frame: Frame) -> bool:
    """An object of this class is all that its methods speak of: nothing of it is left to heirs, and no method goes to an
    object that the file builds of it."""
    if not is_closed(info) or any(info in other.lineage() for other, _ in m.methods.values() if other is not info):
        return False
    methods = {method for one in info.lineage() for method in one.methods.values()}
    words = {word for method in methods for word in m.index.functions[method].words}
    named = (m.store.get((frame, word)) for word in words)
    if any(isinstance(value, Thing) and value.cls is not None and info in value.cls.lineage() for value in named):
        return False
    found = (info.find(method.name) for method in methods)
    return not any(one is not None and calls.is_abstract(one[1]) and one[1].name in words for one in found)


def _emit(m: Machine, training: Training) -> None:
    """The loop over the turns, inside the loop over epochs."""
    node = training.computes or training.builds or training.info.node
    name = training.loop.computes
    site = Site(node, m.statement, node)
    counter = _counter(training)
    body = [Count(site, counter, None, 1), *training.turn.items, *_scheduled(training, node, every_turn=True)]
    inner = Loop(node, Block(body), Block(), skippable=False, calls=name)
    outer, m.block = m.block, Block([Count(site, counter, -1), inner])
    for method in training.loop.each_epoch:
        _call(m, training, method, [], {})
    epoch = Block([*m.block.items, *_scheduled(training, node, every_turn=False)])
    m.block = outer
    if training.knows_optimizers:
        m.block.items += training.setup.items
    m.emit(Loop(node, epoch, Block(), skippable=False, calls=name))


def _counter(training: Training) -> str:
    return f"#{id(training.info.node)}"


def _scheduled(training: Training, node: FunctionNode | ast.ClassDef, *, every_turn: bool) -> Iterator[Schedule]:
    if training.automatic is False:
        return
    for scheduler, turnwise in training.schedulers:
        if turnwise is every_turn:
            site = Site(scheduler.node or node, node, training.builds or node)
            yield Schedule(site, (scheduler,), UNKNOWN, scheduler.name, training.loop.caller)


def _automatic(m: Machine, training: Training) -> bool | None:
    """Whether the loop does its part itself; None where the program does not show it."""
    loop, thing = training.loop, training.thing
    if not loop.switch:
        return True
    if training.info.find(loop.switch) is not None:
        value = access.attribute(m, ast.Constant(None), thing, loop.switch)
        return bool(value.value) if isinstance(value, Constant) else None
    given = [binding for binding in m.bindings.get(thing, []) if binding.attribute == loop.switch]
    if given:
        last = given[-1]
        plain = last.site.statement in getattr(last.site.function, "body", ())
        return bool(last.value.value) if isinstance(last.value, Constant) and plain else None
    for one in training.info.lineage():
        if loop.switch in one.constants:
            constant = one.constants[loop.switch]
            return bool(constant.value) if isinstance(constant, ast.Constant) else None
    return None if not training.closed or any(_may_switch(m, training, node) for node in m.index.functions) else True


def _may_switch(m: Machine, training: Training, node: ast.AST) -> bool:
    """A function that names the switch, and is no method of a class that has nothing to do with this one, or of an heir that
    computes its loss in another way."""
    if not isinstance(node, FunctionNode) or training.loop.switch not in m.index.functions[node].words:
        return False
    owner, _ = m.methods.get(node, (None, None))
    if owner is None or owner in training.info.lineage():
        return True
    return training.info in owner.lineage() and owner.find(training.loop.computes) == training.info.find(training.loop.computes)


def _method(training: Training, name: str) -> FunctionNode | None:
    """The method in sight that the loop calls under this name."""
    found = training.info.find(name) if name else None
    return found[1] if found is not None and not calls.is_abstract(found[1]) else None


def _call(m: Machine, training: Training, name: str, args: list[Value], keywords: dict[str, Value]) -> Value | None:
    """Run a method of the heir as the loop does; None where it has none in sight."""
    node = _method(training, name)
    if node is None or m.index.functions[node].yields:
        return None
    owner = training.info.find(name)
    assert owner is not None
    m.stack, m.loops, m.calls, m.grad_context, m.contexts = (training.info.node,), [], [], None, ()
    m.set_grad_mode(node, None)
    taken = {argument.arg for argument in (*node.args.args, *node.args.kwonlyargs)}
    given = {key: value for key, value in keywords.items() if key in taken}
    function = Function(node, owner[0].frame, training.thing)
    return activation.inline(m, function, node, args, given)


def _turn(m: Machine, training: Training) -> None:
    loop = training.loop
    many = training.optimizers is not None and len(training.optimizers) > 1
    method = _method(training, loop.computes)
    indexed = bool(loop.index) and method is not None and loop.index in {argument.arg for argument in method.args.args}
    if training.automatic is False:
        _phases(m, training, loop.by_hand, _all(training), None)
    elif indexed and many and training.optimizers is not None:
        for number, optimizer in enumerate(training.optimizers):
            _phases(m, training, loop.turn, [optimizer], number)
    else:
        _phases(m, training, loop.turn, _all(training), None)


def _all(training: Training) -> list[Alternatives]:
    return training.optimizers or []


def _phases(m: Machine, training: Training, phases: tuple[Phase, ...], optimizers: list[Alternatives], index: int | None) -> None:
    for phase in phases:
        node = _method(training, phase.method)
        if node is not None and phase.method == training.loop.computes:
            _compute(m, training, node, index)
        elif node is not None and (phase.part is None or training.optimizers is not None):
            keywords: dict[str, Value] = {name: NONE for name in ("closure", "optimizer_closure")}
            if optimizers:
                keywords["optimizer"] = _one_of(optimizers[0])
            if training.computed is not None:
                keywords["loss"] = loss_of(training.loop, training.computed)
            m.parts = phase, optimizers
            _call(m, training, phase.method, [], keywords)
            m.parts = None
        elif phase.parts:
            _phases(m, training, phase.parts, optimizers, index)
        elif phase.part is not None:
            _part(m, training, phase.part, optimizers)


def _one_of(things: Alternatives) -> Value:
    return things[0] if len(things) == 1 else Choice(things)


def inherited(m: Machine, cls: ClassInfo, name: str) -> bool:
    """`super().name()` leads to the library: where that is the part that the loop asked for, it is done here."""
    if hidden_loop(cls.outside) is None or name in ("__init__", "forward", "__call__"):
        return False
    if m.training is not None and m.parts is not None:
        phase, optimizers = m.parts
        if phase.method == name and phase.part is not None:
            _part(m, m.training, phase.part, optimizers)
        elif phase.method == name and m.training.computed is None:
            around = m.block, m.stack, m.loops, m.calls, m.grad_context, m.contexts, m.parts
            m.parts = None
            _phases(m, m.training, phase.parts, optimizers, None)
            m.block, m.stack, m.loops, m.calls, m.grad_context, m.contexts, m.parts = around
    return True


def _compute(m: Machine, training: Training, node: FunctionNode, index: int | None) -> None:
    """Ask the heir for its loss."""
    loop = training.loop
    names = [argument for argument in node.args.args if argument.arg != loop.index][1:]
    args: list[Value] = []
    m.stack = (training.info.node,)
    if loop.model and names:
        args.append(m.thing(names.pop(0), "model", name=loop.model))
    for number, argument in enumerate(names[: 1 if loop.model else 2]):
        symbol = activation.parameter(m, argument)
        symbol.data = symbol.data or symbol.role is None
        args.append(Counter(_counter(training)) if number == 1 else symbol)
    keywords: dict[str, Value] = {"return_outputs": Constant(False)}
    if index is not None:
        keywords[loop.index] = Constant(index)
    m.block = Block()
    computed = _call(m, training, loop.computes, args, keywords)
    if _method(training, loop.finishes) is not None:
        computed = _call(m, training, loop.finishes, [computed or UNKNOWN], {})
    done = leaves(m.block)
    training.by_hand += [effect for effect in done if isinstance(effect, (Backward, Step)) and effect.by is None]
    training.turn.items += m.block.items
    m.block = training.turn
    training.computes = node
    training.computed = computed if training.computed is None or computed is None else join(training.computed, computed)
    if index is not None and computed is not None and computed != NONE:
        training.computed = computed


def _part(m: Machine, training: Training, part: Part, optimizers: list[Alternatives]) -> None:
    """What the loop does itself, at the place of the heir that it does it for."""
    if training.drives or training.computed is None or training.computed == NONE:
        return
    by = training.loop.caller
    site = where_returned(training.loop, training.computes) if training.computes is not None else None
    if site is None:
        return
    if part is Part.BACKWARD:
        loss = loss_of(training.loop, training.computed)
        text = ast.unparse(site.node)
        m.emit(Backward(site, as_tensor(loss), text, None, {}, (), None, by))
        return
    for things in optimizers:
        node = things[0].node if isinstance(things[0].node, ast.expr) else site.node
        place = Site(node, site.statement, site.function)
        for thing in things:
            thing.uses |= {"step", "zero_grad"}
        if part is Part.CLEAR:
            m.emit(Clear(place, things, None, things[0].name))
        else:
            m.emit(Step(place, things, things[0].name, by=by))


def _hand_out(m: Machine, training: Training) -> None:
    """What the heir gets when it asks for the optimizers and schedulers that it has built."""
    loop, thing = training.loop, training.thing
    forms = training.built.options if isinstance(training.built, Choice) else (training.built,)
    known = [found for found in map(optimizers_in, forms) if found]
    if training.optimizers and len(known) == len(forms):
        lists = (tuple(map(_one_of, found)) for found in known)
        given = dict.fromkeys(one[0] if len(one) == 1 else Sequence(one) for one in lists)
        m.store.set((thing, f"{loop.hands_out}()"), next(iter(given)) if len(given) == 1 else Choice(tuple(given)))
    if training.schedulers:
        schedulers = [scheduler for scheduler, _ in training.schedulers]
        m.store.set((thing, f"{loop.schedules}()"), schedulers[0] if len(schedulers) == 1 else Sequence(tuple(schedulers)))
