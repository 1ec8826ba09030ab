"""Flax: linen, whose parameters are values in a train state, and nnx, whose models and optimizers are objects."""

from ..things import Role
from .vocabulary import Framework, Meaning

_LIFTED = ("jit", "vmap", "pmap", "remat", "checkpoint", "shard_map")

FLAX = Framework(
    name="flax",
    packages=frozenset({"flax"}),
    functional=True,
    words=frozenset({"apply_gradients"}),
    makes={
        "flax.training.train_state.TrainState": Role.TRAIN_STATE,
        "flax.training.train_state.TrainState.create": Role.TRAIN_STATE,
        "flax.nnx.Optimizer": Role.TRAIN_STATE,
        "flax.nnx.ModelAndOptimizer": Role.TRAIN_STATE,
        "flax.nnx.TrainState.create": Role.TRAIN_STATE,
    },
    calls={
        "flax.linen.*": Meaning.PURE,
        **{f"flax.linen.{name}": Meaning.LIFT for name in ("jit", "vmap", "remat", "checkpoint", "compact", "nowrap")},
        "flax.nnx.*": Meaning.PURE,
        **{f"flax.nnx.{name}": Meaning.LIFT for name in _LIFTED},
        "flax.nnx.grad": Meaning.GRADIENT_OF,
        "flax.nnx.value_and_grad": Meaning.VALUE_AND_GRADIENT_OF,
        **{
            f"flax.nnx.{name}": Meaning.UNSEEN
            for name in (
                "split", "merge", "state", "update", "scan", "cond", "Rngs", "MultiMetric", "metrics.*", "Variable", "Param",
                "cached_partial", "custom_vjp", "eval_shape", "clone", "pop", "graphdef", "while_loop", "fori_loop",
            )
        },
        "flax.jax_utils.replicate": Meaning.WRAP_FIRST,
        "flax.jax_utils.unreplicate": Meaning.WRAP_FIRST,
        "flax.training.*": Meaning.UNSEEN,
        "flax.core.freeze": Meaning.WRAP_FIRST,
        "flax.core.unfreeze": Meaning.WRAP_FIRST,
        "flax.core.frozen_dict.freeze": Meaning.WRAP_FIRST,
        "flax.core.frozen_dict.unfreeze": Meaning.WRAP_FIRST,
    },
    value_methods={"apply_gradients": Meaning.MOVE_STATE, "apply": Meaning.RUN, "create": Meaning.UNSEEN},
    spellings={
        "next_train_state": "{holder} = {holder}.apply_gradients(grads={gradients})",
        "applied_in_place": "{holder}.update({parameters}, {gradients})",
    },
    mutating=frozenset({"flax.nnx"}),
    module_bases=frozenset({"flax.linen.Module", "flax.nnx.Module"}),
)  # fmt: skip
