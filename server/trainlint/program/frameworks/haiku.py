"""Haiku: models are pairs of functions, their parameters values."""

from .vocabulary import Framework, Meaning

HAIKU = Framework(
    name="haiku",
    packages=frozenset({"haiku"}),
    functional=True,
    calls={
        "haiku.grad": Meaning.GRADIENT_OF,
        "haiku.value_and_grad": Meaning.VALUE_AND_GRADIENT_OF,
        "haiku.jit": Meaning.LIFT,
        "haiku.remat": Meaning.LIFT,
        "haiku.vmap": Meaning.LIFT,
    },
    value_methods={"apply": Meaning.RUN},
    module_bases=frozenset({"haiku.Module"}),
)
