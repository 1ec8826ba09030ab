"""What losses that are told whether they are given logits are given: the last step of a model, and what they take it for."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from ...program import effects as fx
from ...program.frameworks.table import LINKS, activation_place, layer_operation
from ...program.names import text_of
from ...program.naming import LOGITS, suggests
from ...program.program import Program
from ...program.things import Constant, External, Role, Sequence, Thing, Value
from ...source.nodes import walk
from ...source.parse import Site
from ..flow.graph import Node, Source
from ..flow.values import REARRANGING, Values
from .contradictions import ACTIVATIONS, Contradictions

_THROUGH = REARRANGING | frozenset(
    {"cast", "reshape", "squeeze", "expand_dims", "boolean_mask", "rescaling", "activation", "linear"}
)
_BOUNDED_OTHERWISE = frozenset({"relu", "tanh", "elu", "selu", "gelu"})
_PRODUCTS = frozenset({"matmul", "tensordot"})
_NORMALISING = frozenset({"l2_normalize", "normalize"})


class Misfit(Enum):
    """How a loss and what it is given do not go together."""

    TWICE = "it takes logits and is given probabilities"
    NEVER = "it takes probabilities and is given logits"
    OTHER = "it takes probabilities and is given what an activation of another range makes"
    SINGLE = "a distribution over one class"
    CONTRADICTED = "it takes probabilities and is given what is taken for logits elsewhere"
    NAMED = "it takes probabilities and is given what the program calls logits"


@dataclass(frozen=True, slots=True)
class MisfitLoss:
    """`loss` is the library's name of a loss that does not go together with `heads`, the last steps before it.

    `place` is where the loss is built, or called where that is in one; `argument` the call that says what it takes, with the
    place of that argument. `fits` is the activation that makes what it takes of logits. `elsewhere` is where the same value is
    taken for something else, `site` where it is called, unless a library does that.
    """

    misfit: Misfit
    loss: str
    fits: str
    place: ast.AST
    heads: tuple[Source, ...]
    argument: tuple[ast.AST, int] | None
    elsewhere: Site | None = None
    site: Site | None = None

    @property
    def at(self) -> ast.AST | Site:
        """The place, with the way there where it is called."""
        return self.site if self.site is not None and self.site.node is self.place else self.place

    @property
    def name(self) -> str:
        """The loss, as the user wrote it."""
        if isinstance(self.place, ast.Constant):
            return str(self.place.value)
        return ast.unparse(getattr(self.place, "func", self.place))

    @property
    def activation(self) -> ast.AST | None:
        """Where the activation before the loss is written, in the call that builds its layer."""
        operation = self.heads[0].operation
        layer = operation.callee.node if operation is not None and operation.callee is not None else None
        written = [one.value for one in getattr(layer, "keywords", ()) if one.arg == "activation"]
        return written[0] if written and isinstance(written[0], ast.Constant) else None

    @property
    def repaired(self) -> bool:
        """Some backends notice: they take back an activation of a layer of their own, and warn."""
        return self.misfit is Misfit.TWICE and all(_by_layer(head) for head in self.heads)


@dataclass(frozen=True, slots=True)
class _Use:
    loss: str
    logits: bool
    given: Node
    place: ast.AST
    argument: tuple[ast.AST, int] | None
    site: Site | None = None
    """Where it is called; None where a library calls it."""


def misfit_losses(program: Program, values: Values) -> Iterator[MisfitLoss]:
    """Every loss whose input is in sight and does not fit, each place once."""
    told: set[ast.AST] = set()
    uses = (*_compiled(program), *_called(program))
    taken = [(use.site, use.given) for use in uses if use.logits and use.site is not None]
    contradictions = Contradictions(program, values, taken) if uses else None
    for use in uses:
        heads = values.heads(use.given, _THROUGH)
        misfit, elsewhere = _misfit(use, heads, values), None
        plain = misfit is None and ACTIVATIONS.isdisjoint(head.name for head in heads if head.name is not None)
        if plain and contradictions is not None and not use.logits and use.site is not None:
            elsewhere = contradictions.taken_for_logits(use.given, use.site)
            misfit = (
                Misfit.CONTRADICTED
                if elsewhere is not None
                else Misfit.NAMED
                if _says_otherwise(use) and _is_called_logits(use.site)
                else None
            )
        if misfit is not None and use.place not in told:
            told.add(use.place)
            yield MisfitLoss(misfit, use.loss, LINKS[use.loss], use.place, heads, use.argument, elsewhere, use.site)


def _says_otherwise(use: _Use) -> bool:
    """It is written where the loss is that it takes probabilities, or nothing is, where it is called by its name."""
    call = use.place
    if not isinstance(call, ast.Call) or len(call.args) > (2 if use.site is not None and use.site.node is call else 0):
        return False
    written = [one.value for one in call.keywords if one.arg == "from_logits"]
    if not written:
        return use.site is not None and use.site.node is call
    return isinstance(written[0], ast.Constant)


def _is_called_logits(site: Site) -> bool:
    """The call of a loss is given numbers by a name that says what they are."""
    written = given_to_loss(site)
    while isinstance(written, ast.Subscript):
        written = written.value
    return isinstance(written, (ast.Name, ast.Attribute)) and suggests(text_of(written).rpartition(".")[2], LOGITS)


def given_to_loss(site: Site) -> ast.expr | None:
    """What stands where the call of a loss is given what a model computes."""
    call = site.node
    if not isinstance(call, ast.Call):
        return None
    named = [one.value for one in call.keywords if one.arg in ("y_pred", "output")]
    return named[0] if named else call.args[1] if len(call.args) > 1 else None


def _misfit(use: _Use, heads: tuple[Source, ...], values: Values) -> Misfit | None:
    names = {head.name for head in heads}
    if not heads or None in names:
        return None
    linear = all(_is_linear(head) for head in heads)
    if (LINKS[use.loss] == "softmax" or names == {"softmax"}) and all(_of_one_unit(head, values) for head in heads):
        return Misfit.SINGLE
    if use.logits:
        return Misfit.TWICE if names <= ACTIVATIONS else None
    if linear or all(_is_similarity(head, values) for head in heads):
        return Misfit.NEVER
    return Misfit.OTHER if names <= _BOUNDED_OTHERWISE and all(_by_layer(head) for head in heads) else None


def _is_linear(head: Source) -> bool:
    """A layer that could apply an activation and was given none."""
    operation = head.operation
    made = operation.callee.created_by if operation is not None and operation.callee is not None else None
    return made is not None and operation is not None and activation_place(made)[0] and operation.name == layer_operation(made)


def _is_similarity(head: Source, values: Values, depth: int = 6) -> bool:
    """A product of vectors of length one, perhaps divided by a temperature: it may be negative."""

    def within(value: Value) -> bool:
        found = values.heads(Node(value, head.environment), _THROUGH)
        return depth > 0 and bool(found) and all(_is_similarity(one, values, depth - 1) for one in found)

    operation = head.operation
    if operation is None or not operation.inputs:
        return False
    if operation.name == "div":
        return within(operation.inputs[0])
    if operation.name == "concat":
        parts = operation.inputs[0]
        return isinstance(parts, Sequence) and bool(parts.items) and all(map(within, parts.items))
    if operation.name not in _PRODUCTS or len(operation.inputs) < 2:
        return False
    return all(_of_length_one(Node(side, head.environment), values, depth) for side in operation.inputs[:2])


def _of_length_one(node: Node, values: Values, depth: int) -> bool:
    """Vectors that were normalised, perhaps several in a row."""
    heads = values.heads(node, _THROUGH)
    if depth == 0 or not heads:
        return False
    for head in heads:
        parts = head.operation.inputs[0] if head.name == "concat" and head.operation is not None else None
        row = parts.items if isinstance(parts, Sequence) else ()
        joined = bool(row) and all(_of_length_one(Node(part, head.environment), values, depth - 1) for part in row)
        if head.name not in _NORMALISING and not joined:
            return False
    return True


def _by_layer(head: Source) -> bool:
    return head.operation is not None and head.operation.callee is not None


def _of_one_unit(head: Source, values: Values) -> bool:
    """One number comes out of the last layer."""
    operation = head.operation
    if operation is None:
        return False
    layer = operation.callee
    if layer is None or not activation_place(layer.created_by or "")[0]:
        behind = values.heads(Node(operation.inputs[0], head.environment), _THROUGH) if operation.inputs else ()
        plain = operation.name == "softmax"
        return plain and bool(behind) and all(_is_linear(one) and _of_one_unit(one, values) for one in behind)
    units = layer.arguments.get("units", layer.positional[0] if layer.positional else None)
    return layer_operation(layer.created_by or "") == "dense" and units == Constant(1)


def _compiled(program: Program) -> Iterator[_Use]:
    for effect in (effect for entry in program.entries for effect in entry.effects):
        if not isinstance(effect, fx.Compile):
            continue
        for loss, output in effect.losses:
            given = Node(output)
            place = _written(effect.site.node, loss, alone=len(effect.losses) == 1)
            if isinstance(loss, Constant) and loss.value in LINKS:
                yield _Use(str(loss.value), False, given, place, None)
            elif isinstance(loss, External) and loss.name.rpartition(".")[2] in LINKS:
                yield _Use(loss.name.rpartition(".")[2], False, given, place, None)
            elif isinstance(loss, Thing):
                yield from _of_object(loss, given)


def _written(call: ast.AST, loss: Value, *, alone: bool) -> ast.AST:
    """A loss, where it is written in a call that compiles a model."""
    if not isinstance(call, ast.Call):
        return call
    named = [keyword.value for keyword in call.keywords if keyword.arg == "loss"]
    written = named[0] if named else call.args[1] if len(call.args) > 1 else call
    if alone or not isinstance(loss, Constant):
        return written
    return next((one for one in walk(written) if isinstance(one, ast.Constant) and one.value == loss.value), written)


def _called(program: Program) -> Iterator[_Use]:
    for operation in program.operations:
        called = operation.callee
        if operation.name not in LINKS if called is None else called.role is not Role.LOSS_FUNCTION:
            continue
        given = operation.arguments.get("1", operation.arguments.get("y_pred", operation.arguments.get("logits")))
        if given is None:
            continue
        if called is not None:
            yield from _of_object(called, Node(given), operation.site)
        else:
            always = operation.name.endswith("with_logits")
            logits = True if always else _flag(operation.arguments.get("2", operation.arguments.get("from_logits")))
            if logits is not None:
                node = operation.site.node
                yield _Use(operation.name, logits, Node(given), node, None if always else (node, 2), operation.site)


def _of_object(loss: Thing, given: Node, site: Site | None = None) -> Iterator[_Use]:
    name = (loss.created_by or "").rpartition(".")[2]
    first = loss.positional[0] if loss.positional else None
    logits = _flag(loss.arguments.get("from_logits", first))
    if name in LINKS and logits is not None and loss.node is not None and "**" not in loss.arguments:
        yield _Use(name, logits, given, loss.node, (loss.node, 0), site)


def _flag(value: Value | None) -> bool | None:
    if value is None:
        return False
    return bool(value.value) if isinstance(value, Constant) else None
