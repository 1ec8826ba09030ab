"""Optax: gradient transformations, whose state and updates are values."""

from ..things import Role
from .vocabulary import Framework, Meaning, RateRange, Switch

_RATED = (
    "sgd", "noisy_sgd", "adam", "adamw", "adamax", "adamaxw", "nadam", "nadamw", "radam", "amsgrad", "adabelief", "yogi",
    "rmsprop", "adagrad", "adadelta", "adafactor", "lion", "lamb", "lars", "novograd", "fromage", "sm3", "adan", "rprop",
    "sign_sgd", "optimistic_gradient_descent", "optimistic_adam", "polyak_sgd", "lbfgs",
)  # fmt: skip
_MADE_OF_OTHERS = (
    "chain", "named_chain", "MultiSteps", "multi_transform", "partition", "masked", "apply_if_finite", "apply_every",
    "lookahead", "flatten", "maybe_update", "conditionally_transform", "conditionally_mask", "with_extra_args_support",
    "GradientTransformation", "GradientTransformationExtraArgs",
)  # fmt: skip
_PIECES = (
    "clip", "clip_by_global_norm", "adaptive_grad_clip", "clip_by_block_rms", "scale", "scale_by_learning_rate",
    "scale_by_schedule", "scale_by_adam", "scale_by_rms", "scale_by_stddev", "scale_by_belief", "scale_by_yogi",
    "scale_by_trust_ratio", "scale_by_radam", "scale_by_lion", "trace", "ema", "identity", "set_to_zero", "centralize",
    "add_decayed_weights", "add_noise", "zero_nans", "keep_params_nonnegative", "normalize_by_update_norm",
)  # fmt: skip

OPTAX = Framework(
    name="optax",
    packages=frozenset({"optax"}),
    functional=True,
    words=frozenset({"optax", "apply_updates"}),
    entering=frozenset({"update"}),
    makes={f"optax.{name}": Role.TRANSFORMATION for name in (*_RATED, *_MADE_OF_OTHERS, *_PIECES)},
    calls={
        "optax.*": Meaning.PURE,
        "optax.contrib.*": Meaning.UNSEEN,
        "optax.inject_hyperparams": Meaning.UNSEEN,
        "optax.apply_updates": Meaning.APPLY_UPDATES,
        "optax.incremental_update": Meaning.READ,
        "optax.periodic_update": Meaning.READ,
        "optax.losses.*": Meaning.PURE,
        "optax.global_norm": Meaning.PURE,
    },
    operations={
        f"optax.{folder}{name}": operation
        for folder in ("", "losses.")
        for name, operation in (
            ("softmax_cross_entropy", "softmax_cross_entropy"),
            ("softmax_cross_entropy_with_integer_labels", "softmax_cross_entropy"),
            ("safe_softmax_cross_entropy", "softmax_cross_entropy"),
            ("sigmoid_binary_cross_entropy", "sigmoid_cross_entropy"),
        )
    },
    signatures={"softmax_cross_entropy": ("logits", "labels"), "sigmoid_cross_entropy": ("logits", "labels")},
    peaks={
        "constant_schedule": ("value", 0),
        "cosine_decay_schedule": ("init_value", 0),
        "exponential_decay": ("init_value", 0),
        "warmup_cosine_decay_schedule": ("peak_value", 1),
        "warmup_exponential_decay_schedule": ("peak_value", 1),
        "warmup_constant_schedule": ("peak_value", 1),
        "cosine_onecycle_schedule": ("peak_value", 1),
        "linear_onecycle_schedule": ("peak_value", 1),
    },
    value_methods={"init": Meaning.FIRST_STATE, "update": Meaning.UPDATE},
    unpacked={Role.TRANSFORMATION: ("init", "update")},
    selecting=frozenset(f"optax.{name}" for name in ("multi_transform", "partition", "masked", "conditionally_transform")),
    stateless={"optax.sgd": Switch("momentum", 1, 0.0)},
    rates={
        "optax.sgd": RateRange(1.0, 1e-2),
        "optax.noisy_sgd": RateRange(1.0, 1e-2),
        "optax.adam": RateRange(1e-2, 1e-3),
        "optax.adamw": RateRange(1e-2, 1e-3),
        "optax.adamax": RateRange(2e-2, 2e-3),
        "optax.adamaxw": RateRange(2e-2, 2e-3),
        "optax.nadam": RateRange(2e-2, 2e-3),
        "optax.nadamw": RateRange(2e-2, 2e-3),
        "optax.radam": RateRange(1e-2, 1e-3),
        "optax.amsgrad": RateRange(1e-2, 1e-3),
        "optax.adabelief": RateRange(1e-2, 1e-3),
        "optax.yogi": RateRange(1e-1, 1e-2),
        "optax.rmsprop": RateRange(1e-1, 1e-3),
        "optax.adagrad": RateRange(1.0, 1e-2),
        "optax.adadelta": RateRange(10.0, 1.0),
        "optax.adafactor": RateRange(1.0, 1e-2),
        "optax.lion": RateRange(1e-2, 1e-4),
        "optax.lamb": RateRange(1e-1, 1e-3),
        "optax.lars": RateRange(10.0, 1e-1),
        "optax.novograd": RateRange(1e-1, 1e-2),
        "optax.fromage": RateRange(1.0, 1e-2),
        "optax.sm3": RateRange(1.0, 1e-1),
        "optax.optimistic_gradient_descent": RateRange(1.0, 1e-2),
        "optax.optimistic_adam": RateRange(1e-2, 1e-3),
        "optax.rprop": RateRange(1.0, 1e-2),
        "optax.sign_sgd": RateRange(1e-1, 1e-3),
        "optax.adan": RateRange(1e-1, 1e-3),
    },
)
