"""Small JAX programs: training by values in several forms, with every part of a step written rightly and wrongly."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator
from dataclasses import dataclass

HEAD = """\
import jax
import jax.numpy as jnp
import optax

tx = {optimizer}
x = jnp.arange(12.0).reshape(4, 3) / 10
y = x @ jnp.array([1.0, -2.0, 0.5]) + 1.0


def loss_fn(params, scale):
    return jnp.mean((x @ (params * scale) - y) ** 2)


"""
OPTIMIZERS = ("optax.sgd(0.1)", "optax.sgd(0.1, momentum=0.9)", "optax.adam(0.1)")
TAKE = (
    "loss, grads = jax.value_and_grad(loss_fn)(params, jnp.ones(3))",
    "grads, loss = jax.value_and_grad(loss_fn)(params, jnp.ones(3))",
    "loss, grads = jax.value_and_grad(loss_fn, argnums=1)(params, jnp.ones(3))",
    "loss, grads = jax.value_and_grad(lambda p: jax.lax.stop_gradient(loss_fn(p, jnp.ones(3))))(params)",
)
UPDATE = (
    "updates, opt_state = tx.update(grads, opt_state, params)",
    "updates, _ = tx.update(grads, opt_state, params)",
    "updates, opt_state = tx.update(grads, tx.init(params), params)",
    "params, opt_state = tx.update(grads, opt_state, params)",
)
APPLY = (
    "params = optax.apply_updates(params, updates)",
    "optax.apply_updates(params, updates)",
    "moved = optax.apply_updates(params, updates)",
    "pass",
    "params = optax.apply_updates(params, grads)",
)
CALL = (
    "params, opt_state, loss = step(params, opt_state)",
    "_, opt_state, loss = step(params, opt_state)",
    "params, _, loss = step(params, opt_state)",
    "moved, opt_state, loss = step(params, opt_state)",
    "loss = step(params, opt_state)[2]",
    "step(params, opt_state)",
)
_BODY = "    {take}\n    {update}\n    {apply}\n"
_START = "params = jnp.array([0.3, -0.1, 0.2])\nopt_state = tx.init(params)\n"
_TURNS = "for _ in range(4):\n    {call}\n"
_STEP = "def step(params, opt_state):\n" + _BODY + "    return params, opt_state, loss\n\n\n"
FORMS = {
    "script": _START + "for _ in range(4):\n" + _BODY,
    "function": (
        "def fit(params, opt_state):\n    for _ in range(4):\n        {take}\n        {update}\n        {apply}\n"
        "    return params, opt_state\n\n\n" + _START + "params, opt_state = fit(params, opt_state)\n"
    ),
    "jitted step": "@jax.jit\n" + _STEP + _START + _TURNS,
    "step jitted where it is called": _STEP.replace("def step", "def one_step") + "step = jax.jit(one_step)\n" + _START + _TURNS,
    "scan": (
        "def body(carry, turn):\n    params, opt_state = carry\n"
        + _BODY
        + "    return (params, opt_state), loss\n\n\n"
        + _START
        + "(params, opt_state), losses = jax.lax.scan(body, (params, opt_state), jnp.arange(4))\n"
    ),
}
SLOTS = {"take": TAKE, "update": UPDATE, "apply": APPLY, "call": CALL}


@dataclass(frozen=True)
class FunctionalProgram:
    form: str
    optimizer: str
    choices: tuple[tuple[str, int], ...]

    @property
    def text(self) -> str:
        chosen = {slot: SLOTS[slot][number] for slot, number in self.choices}
        return HEAD.format(optimizer=self.optimizer) + FORMS[self.form].format(**{"call": "", **chosen})

    @property
    def right(self) -> FunctionalProgram:
        return FunctionalProgram(self.form, self.optimizer, tuple((slot, 0) for slot, _ in self.choices))

    def __str__(self) -> str:
        wrong = ", ".join(SLOTS[slot][number] for slot, number in self.choices if number)
        return f"{self.form}; {self.optimizer}; {wrong or 'as it should be'}"


def programs(pairs: int) -> Iterator[FunctionalProgram]:
    """Every program with at most one part written wrongly, and of those with two a sample for each form."""
    rng = random.Random(8)
    for form, optimizer in itertools.product(FORMS, OPTIMIZERS):
        slots = [slot for slot in SLOTS if f"{{{slot}}}" in FORMS[form]]
        every = list(itertools.product(*(range(len(SLOTS[slot])) for slot in slots)))
        few = [numbers for numbers in every if sum(map(bool, numbers)) < 2]
        two = [numbers for numbers in every if sum(map(bool, numbers)) == 2]
        for numbers in [*few, *rng.sample(two, min(pairs, len(two)))]:
            yield FunctionalProgram(form, optimizer, tuple(zip(slots, numbers, strict=True)))
