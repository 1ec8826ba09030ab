"""Images that come to a model as they were stored: integers up to 255, or numbers between 0 and 1."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from ...program import effects as fx
from ...program.program import Program
from ...program.things import External, Operation, Role, Sequence, Thing
from ..flow.graph import Node
from ..flow.values import REARRANGING, Values
from ..models.modules import Content, Modules
from .loading import trained_loaders

_BYTES = (External("torch.uint8"), External("numpy.uint8"))
_THROUGH = REARRANGING | {"from_numpy"}
_CHAIN, _LAST, _NORMALIZING = "transforms.Compose", "transforms.ToTensor", "Normalize"


@dataclass(frozen=True, slots=True)
class RawInput:
    """`forward` gives `model` the integers of 8 bits that `source` made, as numbers up to 255."""

    forward: Operation
    model: Thing
    source: Operation

    @property
    def given(self) -> ast.expr | None:
        """What the model is given, where a division may follow it as it is written."""
        call = self.forward.site.node
        given = call.args[0] if isinstance(call, ast.Call) and call.args else None
        return given if isinstance(given, (ast.Name, ast.Attribute, ast.Call, ast.Subscript)) else None


@dataclass(frozen=True, slots=True)
class PlainPipeline:
    """The images that `step` trains on end their way at numbers between 0 and 1: `chain` does no more than that."""

    chain: Thing
    step: fx.Step


def raw_inputs(program: Program, values: Values, modules: Modules) -> Iterator[RawInput]:
    told: set[Thing] = set()
    steps = [one for entry in program.entries for one in entry.effects if isinstance(one, fx.Step)]
    trained = {part: owner for step in steps for owner in _owners(step) for part in (owner, *owner.holds)}
    for operation in program.operations:
        model = trained.get(operation.callee) if operation.callee is not None else None
        if model is None or model in told or not operation.inputs or not operation.recorded:
            continue
        if modules.contains(model, Content.BATCH_NORM) is not False:
            continue
        heads = [head.operation for head in values.heads(Node(operation.inputs[0]), _THROUGH)]
        if heads and all(head is not None and _makes_bytes(head) for head in heads) and heads[0] is not None:
            told.add(model)
            yield RawInput(operation, model, heads[0])


def _owners(step: fx.Step) -> Iterator[Thing]:
    for optimizer in step.optimizers:
        if optimizer.parameters is not None:
            yield from optimizer.parameters.owners


def _makes_bytes(operation: Operation) -> bool:
    return operation.name == "byte" or operation.arguments.get("dtype") in _BYTES


def plain_pipelines(program: Program) -> Iterator[PlainPipeline]:
    told: set[Thing] = set()
    for entry in program.entries:
        for loader, step in trained_loaders(entry.body):
            dataset = loader.arguments.get("dataset", loader.positional[0] if loader.positional else None)
            held = dataset.holds | {dataset} if isinstance(dataset, Thing) else frozenset[Thing]()
            for chain in held:
                if chain not in told and (chain.created_by or "").endswith(_CHAIN) and _ends_plain(chain):
                    told.add(chain)
                    yield PlainPipeline(chain, step)


def _ends_plain(chain: Thing) -> bool:
    """All its parts are known, none normalizes, and the last makes a tensor."""
    given = chain.positional[0] if chain.positional else chain.arguments.get("transforms")
    parts = given.items if isinstance(given, Sequence) else ()
    made = [part.created_by or "" if isinstance(part, Thing) and part.role is Role.OTHER else "" for part in parts]
    return bool(made) and all(made) and made[-1].endswith(_LAST) and not any(one.endswith(_NORMALIZING) for one in made)
