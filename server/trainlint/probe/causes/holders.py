"""Who holds which parameters: all frozen, in no optimizer, in two, replaced, and switched off in vain."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from ...finding import Confidence
from ..facts import Evidence, Fact, verb
from ..observation import ParameterSeen
from ..status import Status


def all_frozen(evidence: Evidence, index: int) -> Fact:
    """No parameter of an optimizer requires a gradient."""
    optimizer, held = evidence.seen.optimizers[index], evidence.held_by(index)
    place = next((each for at in held if (each := evidence.judged[at].seen.frozen_at) is not None), None)
    return Fact(
        "TRN303",
        f"all parameters of `{optimizer.name}` are frozen (`requires_grad` is False): its steps change nothing; hand it "
        "parameters that train, or unfreeze these",
        optimizer.built,
        (optimizer.kind,),
        ((place, ("requires_grad_",), "they are frozen here"),) if place else (),
        about=frozenset(held),
    )


def in_no_optimizer(evidence: Evidence) -> Iterator[Fact]:
    """Whole parts of models that get gradients and that nobody trains. Where parts of the same part learn, as
    adapters do beside the weights they adapt, the rest is left out on purpose."""
    trained = {_part(each.seen) for each in evidence.judged if each.seen.model and each.status is Status.LEARNED}
    parts: dict[str, list[int]] = {}
    for at, each in enumerate(evidence.judged):
        seen = each.seen
        if each.status is Status.IN_NO_OPTIMIZER and seen.received and not seen.loaded and seen.model:
            parts.setdefault(_part(seen), []).append(at)
    for part, about in parts.items():
        if part in trained or not trained:
            continue
        first = next((each for _, each in evidence.optimizers if each.built is not None), None)
        built = evidence.judged[about[0]].seen.built
        place = (built[0] if part == evidence.judged[about[0]].seen.model else built[-1]) if built else None
        lacks = (
            ((first.built, (first.kind,), f"`{first.name}` lacks {verb(len(about), 'it', 'them')}"),)
            if first and first.built
            else ()
        )
        yield Fact(
            "TRN304",
            f"{evidence.names(about)} {verb(len(about), 'gets', 'get')} gradients and "
            f"{verb(len(about), 'is', 'are')} in no optimizer: "
            f"{verb(len(about), 'it stays', 'they stay')} as initialised; hand {verb(len(about), 'it', 'them')} to an optimizer",
            place or (first.built if first else None),
            () if place or not first else (first.kind,),
            lacks if place else (),
            confidence=Confidence.LIKELY,
            about=frozenset(about),
        )


def _part(seen: ParameterSeen) -> str:
    """The child of the model that a parameter lies in; the model itself for one of its own."""
    model = seen.model or ""
    inside = seen.name.removeprefix(f"{model}.").split(".")
    return f"{model}.{inside[0]}" if len(inside) > 2 else model


def in_two_optimizers(evidence: Evidence) -> Iterator[Fact]:
    """Optimizers that step a parameter from the same gradients. Where each has a backward pass of its own, as two
    objectives in turn have, both steps are meant.
    """
    backwards = {index: {step.backwards for _, step in evidence.steps_of(index)} for index, _ in evidence.optimizers}
    pairs: dict[tuple[int, int], list[int]] = {}
    for at, each in enumerate(evidence.judged):
        for first, second in itertools.combinations(sorted(set(each.seen.optimizers) & set(backwards)), 2):
            if backwards[first] & backwards[second]:
                pairs.setdefault((first, second), []).append(at)
    for (one, other), about in pairs.items():
        first_seen, second_seen = evidence.seen.optimizers[one], evidence.seen.optimizers[other]
        yield Fact(
            "TRN319",
            f"`{first_seen.name}` and `{second_seen.name}` both step {evidence.names(about)} from the same gradients; keep one",
            second_seen.built,
            (second_seen.kind,),
        )


def outside(evidence: Evidence) -> Iterator[Fact]:
    """Layers that replaced others after the optimizer had been built: it holds tensors of no model."""
    for index, optimizer in evidence.optimizers:
        orphans = [
            at
            for at in evidence.held_by(index)
            if evidence.judged[at].seen.model is None and evidence.judged[at].status in (Status.UNUSED, Status.NO_GRADIENT)
        ]
        learned = any(evidence.judged[at].status is Status.LEARNED for at in evidence.held_by(index))
        strangers = [
            at
            for at, each in enumerate(evidence.judged)
            if each.status is Status.IN_NO_OPTIMIZER and each.seen.received and not each.seen.loaded and each.seen.built
        ]
        if orphans and strangers and learned:
            yield Fact(
                "TRN301",
                f"{evidence.names(strangers)} came into the model after `{optimizer.name}` was built, which holds what was "
                f"there before: build `{optimizer.name}` when the model is complete",
                evidence.judged[strangers[0]].seen.built[-1],
                (),
                ((optimizer.built, (optimizer.kind,), f"`{optimizer.name}` is built here"),) if optimizer.built else (),
                about=frozenset((*orphans, *strangers)),
            )
            return


def switches(evidence: Evidence) -> Iterator[Fact]:
    """Attributes that nothing looks at."""
    told: set[tuple[str, bool]] = set()
    for each in evidence.seen.switches:
        if each.attribute in ("train", "eval", "training"):
            if each.attribute != "training":
                text = f"`{each.of}.{each.attribute}` is a method, and a value replaces it: the mode stays; call it"
                yield Fact("TRN109", text, None, (), assigned=each.attribute)
            continue
        verb_, method = ("freezes", "False") if not each.value else ("unfreezes", "True")
        if each.module:
            learned = [one for one in evidence.judged if one.seen.name.startswith(f"{each.of}.") and one.seen.trainable]
            if bool(learned) is each.value or (each.attribute, True) in told:
                continue
            told.add((each.attribute, True))
            text = f"`{each.of}` is a module: its `{each.attribute}` {verb_} nothing; call `{each.of}.requires_grad_({method})`"
            yield Fact("TRN306" if each.attribute == "requires_grad" else "TRN307", text, None, (), assigned=each.attribute)
        elif (each.attribute, False) not in told:
            told.add((each.attribute, False))
            text = f"nothing looks at `{each.attribute}` of `{each.of}`: the switch is called `requires_grad`"
            yield Fact("TRN307", text, None, (), assigned=each.attribute)
