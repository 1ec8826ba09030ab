"""Equinox: models are trees of arrays, and functions of them are transformed."""

from .vocabulary import Framework, Meaning

EQUINOX = Framework(
    name="equinox",
    packages=frozenset({"equinox"}),
    functional=True,
    words=frozenset({"filter_value_and_grad", "filter_grad"}),
    calls={
        "equinox.filter_grad": Meaning.GRADIENT_OF,
        "equinox.filter_value_and_grad": Meaning.VALUE_AND_GRADIENT_OF,
        "equinox.filter_jit": Meaning.LIFT,
        "equinox.filter_vmap": Meaning.LIFT,
        "equinox.filter_pmap": Meaning.LIFT,
        "equinox.filter_checkpoint": Meaning.LIFT,
        "equinox.apply_updates": Meaning.APPLY_UPDATES,
        "equinox.filter": Meaning.WRAP_FIRST,
        "equinox.filter_shard": Meaning.WRAP_FIRST,
        "equinox.nn.inference_mode": Meaning.WRAP_FIRST,
        "equinox.tree_inference": Meaning.WRAP_FIRST,
    },
    module_bases=frozenset({"equinox.Module"}),
)
