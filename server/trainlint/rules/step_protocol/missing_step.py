"""Gradients are computed and no step ever applies them.

## What it does
Finds backwards whose gradients are never applied by a step nor read by any code, although an optimizer that holds
these parameters is in sight. Where gradients are values (`gradients = tape.gradient(loss, model.trainable_variables)`), those by
the parameters of a model that nothing reads, although an optimizer is there to be given them.

## Why it matters
The loss is computed, the gradients are computed, and the weights stay as they were initialised. Nothing warns:
the loss only looks noisy and flat.

## Example
```python
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
for x, y in loader:
    optimizer.zero_grad()
    loss = criterion(model(x), y)
    loss.backward()
```

## Use instead
```python
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
for x, y in loader:
    optimizer.zero_grad()
    loss = criterion(model(x), y)
    loss.backward()
    optimizer.step()
```

## When it stays silent
Where any set the backward reaches is stepped later, where code reads `.grad`, where the optimizer is handed to code
out of sight, and in a function whose caller may still step, unless each turn of its own loop throws the gradients
of the turn before away.

## Fix safety
Unsafe: training changes. The step goes after the backward and after any clipping that follows it.

## References
- [Optimization step](https://docs.pytorch.org/docs/stable/optim.html#taking-an-optimization-step)
"""

from __future__ import annotations

import ast
from collections.abc import Iterable

from ...analysis.facts import Facts
from ...analysis.paths.alternatives import Arm
from ...analysis.paths.unapplied import UnappliedBackward
from ...analysis.wiring.sets import ParameterSet
from ...finding import Severity
from ...program import effects as fx
from ..remedy import Compose, Insert, Remedy, StepAfter
from ..rule import Fixability, Observation, Rule, called, confidence


def check(facts: Facts) -> Iterable[Observation]:
    misled = {found.backward for found in facts.cut_off}
    for protocol in facts.protocols:
        for fact in protocol.unapplied:
            if fact.backward in misled:
                continue
            if fact.where is not None:
                yield _in_arm(facts, fact, fact.where)
                continue
            backward, optimizer = fact.backward, fact.target.engine or fact.target.optimizers[0]
            remedy = _remedy(facts, fact)
            holder = remedy.optimizer
            related = []
            if optimizer.in_sight and optimizer.node is not None:
                holds = f"`{optimizer.name}`" if optimizer.name else "this optimizer"
                related.append((optimizer.node, f"{holds} could apply them and never does"))
            if fact.clear is not None:
                related.append((fact.clear.site.node, "they are thrown away here"))
            yield Observation(
                backward.site,
                f"the gradients of `{backward.text}` are computed and "
                + (f"those for {_owners(fact)} " if fact.partly else "")
                + "never applied: "
                + (f"no `{holder}.step()` follows" if holder else "no step of their optimizer follows"),
                confidence(fact.target.certain),
                tuple(related),
                (remedy,),
            )

    for unapplied in facts.differentiations.unapplied():
        taken = unapplied.taken
        applying = unapplied.step.partition("(")[0]
        site = taken.operation.site
        built = unapplied.optimizer.node if unapplied.optimizer is not None and unapplied.optimizer.in_sight else None
        remedies: tuple[Remedy, ...] = ()
        if unapplied.name is not None:
            remedies = (Insert(unapplied.last, unapplied.step, "after the gradients"),)
        tape = f"`{taken.tape.name}`" if taken.tape is not None and taken.tape.name else f"`{taken.written[0]}`"
        yield Observation(
            site,
            f"`{applying}` is never called here: the gradients of {tape} are computed and thrown away",
            confidence(unapplied.alone),
            ((built, "this optimizer could apply them"),) if built is not None else (),
            remedies,
        )
    yield from _by_value(facts)


def _remedy(facts: Facts, fact: UnappliedBackward) -> StepAfter:
    backward, target = fact.backward, fact.target
    clear = facts.wrappers.called(fact.clear, backward.site.function).site if fact.clear is not None else None
    others = tuple(_holder(facts, fact, *one) for one in fact.also)
    holder, engine = _holder(facts, fact, target, fact.clear), target.engine is not None
    return StepAfter(holder, backward.scaler, backward.site, clear, target.needs_closure, others, engine, fact.where)


def _holder(facts: Facts, fact: UnappliedBackward, target: ParameterSet, clear: fx.Clear | None) -> str:
    """The optimizer of a set, as the function of the backward writes it where it clears."""
    optimizer, function = target.optimizers[0], fact.backward.site.function
    if target.engine is not None:
        return target.engine.name
    if clear is not None and optimizer in clear.holders:
        return facts.wrappers.called(clear, function).spelled("step")
    return facts.wrappers.holder(optimizer, "step", function)


def _in_arm(facts: Facts, fact: UnappliedBackward, arm: Arm) -> Observation:
    message = f"the gradients of `{fact.backward.text}` are computed and never applied {arm.described}: no step follows there"
    other = arm.counterparts[0].site.node
    related = ((other, "the other branch applies them here"),)
    return Observation(fact.backward.site, message, confidence(False), related, (_remedy(facts, fact),))


def _by_value(facts: Facts) -> Iterable[Observation]:
    """Gradients and updates that are values, and that nothing reads."""
    swapped = {wrong.taken.site.node for wrong in facts.differentiable.no_gradients()}
    for unused in facts.unused_gradients:
        if unused.taken.site.node in swapped:
            continue
        taken_at = unused.taken.site
        read = "only measures are taken of" if unused.measured else "nothing reads"
        mended: tuple[Remedy, ...] = ()
        if len(unused.statements) == 1:
            mended = (Insert(unused.last, unused.statements[0], "after the gradients"),)
        yield Observation(
            taken_at,
            f"the gradients that `{called(unused.taken)}` computes are never applied: {read} `{unused.name}`",
            confidence(False),
            (),
            mended,
        )
    for idle in facts.updates.unapplied:
        mend: tuple[Remedy, ...] = ()
        if idle.apply is not None and idle.parameters is not None:
            text = f"{idle.parameters} = {idle.apply}({idle.parameters}, {idle.name})"
            mend = (Insert(idle.operation.site, text, "after the update"),)
        if idle.instead is not None:
            mend = (Compose(idle.instead, (idle.name,), f"Apply `{idle.name}`"),)
        moved = f"`{idle.parameters}`" if idle.parameters is not None else "the parameters"
        why = f"nothing adds `{idle.name}` to {moved}"
        if idle.instead is not None:
            why = f"`{idle.apply}` is given `{ast.unparse(idle.instead)}` in place of `{idle.name}`"
        yield Observation(
            idle.operation.site,
            f"the updates that `{called(idle.operation)}` computes are never applied: {why}",
            confidence(True),
            ((idle.instead, "these are the gradients"),) if idle.instead is not None else (),
            mend,
        )


def _owners(fact: UnappliedBackward) -> str:
    names = sorted(owner.name for owner in fact.target.owners if owner.name)
    return ", ".join(f"`{name}`" for name in names) or "one optimizer"


RULE = Rule("TRN104", "missing-step", Severity.WARNING, Fixability.SOMETIMES, "0.1.0", check)
