"""JAX: functions that are transformed, arrays that nothing changes, gradients that are values."""

from .vocabulary import Framework, Meaning

_CUTTING = (
    "argmax", "argmin", "argsort", "round", "rint", "floor", "ceil", "sign", "equal", "not_equal", "greater", "greater_equal",
    "less", "less_equal", "isnan", "isfinite", "isinf", "isclose", "allclose", "arange", "linspace", "shape", "size", "ndim",
    "zeros", "ones", "full", "eye", "zeros_like", "ones_like", "full_like", "empty", "empty_like", "logical_and", "logical_or",
    "logical_not", "nanargmax", "nanargmin", "searchsorted", "digitize", "nonzero", "count_nonzero", "any", "all",
)  # fmt: skip
_LIFTED = ("jit", "pmap", "vmap", "checkpoint", "remat", "named_call", "custom_jvp", "ad_checkpoint.checkpoint")

JAX = Framework(
    name="jax",
    packages=frozenset({"jax"}),
    functional=True,
    calls={
        "jax.numpy.*": Meaning.PURE,
        "jax.scipy.*": Meaning.PURE,
        "jax.lax.*": Meaning.PURE,
        "jax.nn.*": Meaning.PURE,
        "jax.nn.initializers.*": Meaning.READ,
        "jax.random.*": Meaning.PURE,
        "jax.image.*": Meaning.PURE,
        "jax.ops.*": Meaning.PURE,
        "jax.debug.*": Meaning.READ,
        "jax.config.*": Meaning.READ,
        "jax.profiler.*": Meaning.READ,
        "jax.devices": Meaning.READ,
        "jax.device_put": Meaning.WRAP_FIRST,
        "jax.device_get": Meaning.WRAP_FIRST,
        "jax.block_until_ready": Meaning.WRAP_FIRST,
        "jax.device_put_replicated": Meaning.WRAP_FIRST,
        "jax.device_put_sharded": Meaning.WRAP_FIRST,
        "jax.lax.stop_gradient": Meaning.CUT,
        "jax.nn.one_hot": Meaning.CUT,
        **{f"jax.numpy.{name}": Meaning.CUT for name in _CUTTING},
        **{f"jax.lax.{name}": Meaning.CUT for name in ("argmax", "argmin", "round", "floor", "ceil", "sign", "iota")},
        **{f"jax.{name}": Meaning.LIFT for name in _LIFTED},
        "jax.experimental.pjit.pjit": Meaning.LIFT,
        "jax.experimental.maps.xmap": Meaning.LIFT,
        "jax.experimental.shard_map.shard_map": Meaning.LIFT,
        "jax.shard_map": Meaning.LIFT,
        "jax.grad": Meaning.GRADIENT_OF,
        "jax.value_and_grad": Meaning.VALUE_AND_GRADIENT_OF,
        "jax.tree_util.tree_map": Meaning.EACH,
        "jax.tree_map": Meaning.EACH,
        "jax.tree_multimap": Meaning.EACH,
        "jax.tree_util.tree_multimap": Meaning.EACH,
        "jax.tree.map": Meaning.EACH,
        "tree.map_structure": Meaning.EACH,
        "jax.lax.scan": Meaning.SCAN,
        "jax.lax.fori_loop": Meaning.REPEAT,
        "jax.lax.while_loop": Meaning.WHILE,
        "jax.lax.cond": Meaning.CONDITION,
        "chex.assert_tree_all_finite": Meaning.READ,
    },
)  # fmt: skip
