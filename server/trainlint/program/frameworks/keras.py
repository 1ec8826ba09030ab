"""Keras 2 and 3: models that are compiled and fitted, layers, losses, and optimizers that are given gradients."""

from ..things import Role
from .keras_members import MEMBERS
from .vocabulary import Framework, LayerContents, Meaning, RateRange, Switch

_OPTIMIZERS = {
    "SGD": (1.0, 1e-2),
    "Adam": (1e-2, 1e-3),
    "AdamW": (1e-2, 1e-3),
    "Adamax": (2e-2, 1e-3),
    "Nadam": (2e-2, 1e-3),
    "RMSprop": (1e-1, 1e-3),
    "Adagrad": (1.0, 1e-3),
    "Adadelta": (10.0, 1e-3),
    "Adafactor": (1.0, 1e-3),
    "Ftrl": (1.0, 1e-3),
    "Lion": (1e-2, 1e-3),
}

_SHORT_LOSSES = ("MSE", "MAE", "MAPE", "MSLE", "KLD")
_MERGING = ("concatenate", "add", "subtract", "multiply", "average", "maximum", "minimum", "dot")

# Files that import either library may train with both.
WORDS = frozenset({"GradientTape", "apply_gradients", "from_logits", "train_on_batch", "trainable"})
ENTERING = frozenset({"minimize", "compile", "fit"})

KERAS = Framework(
    name="keras",
    packages=frozenset({"keras", "keras_core", "tf_keras"}),
    on_torch=True,
    words=WORDS,
    entering=ENTERING,
    loss_words=frozenset({"sparse_categorical_crossentropy", "categorical_crossentropy", "binary_crossentropy"}),
    aliases={
        "tensorflow.keras": "keras",
        "tensorflow.python.keras": "keras",
        "tensorflow.compat.v2.keras": "keras",
        "tensorflow.compat.v1.keras": "keras",
        "tensorflow.contrib.keras": "keras",
        "tf_keras": "keras",
        "keras_core": "keras",
        "keras.src": "keras",
        "keras.api": "keras",
        "keras.optimizers.legacy": "keras.optimizers",
        "keras.optimizers.experimental": "keras.optimizers",
        "keras.optimizer_v2": "keras.optimizers",
        "keras.mixed_precision.LossScaleOptimizer": "keras.optimizers.LossScaleOptimizer",
        "keras.mixed_precision.experimental.LossScaleOptimizer": "keras.optimizers.LossScaleOptimizer",
        "keras.layers.core": "keras.layers",
        "keras.layers.convolutional": "keras.layers",
        "keras.layers.pooling": "keras.layers",
        "keras.layers.normalization": "keras.layers",
        "keras.layers.recurrent": "keras.layers",
        "keras.layers.embeddings": "keras.layers",
        "keras.layers.advanced_activations": "keras.layers",
        "keras.layers.merge": "keras.layers",
        "keras.layers.Input": "keras.Input",
        "keras.engine.input_layer.Input": "keras.Input",
        "keras.models.Sequential": "keras.Sequential",
        "keras.models.Model": "keras.Model",
        "keras.engine.Model": "keras.Model",
        "keras.engine.training.Model": "keras.Model",
    },
    makes={
        "keras.optimizers.*": Role.OPTIMIZER,
        "keras.optimizers.schedules.*": Role.OTHER,
        "keras.layers.*": Role.MODULE,
        "keras.losses.*": Role.LOSS_FUNCTION,
        "keras.metrics.*": Role.OTHER,
        "keras.callbacks.*": Role.OTHER,
        "keras.initializers.*": Role.OTHER,
        "keras.regularizers.*": Role.OTHER,
        "keras.applications.*": Role.MODULE,
        "keras.Sequential": Role.MODULE,
        "keras.Model": Role.MODULE,
        "keras.Input": Role.INPUT,
        "keras.Variable": Role.LEAF,
    },
    calls={
        "keras.optimizers.LossScaleOptimizer": Meaning.WRAP_FIRST,
        "keras.__internal__.optimizers.convert_to_legacy_optimizer": Meaning.WRAP_FIRST,
        "keras.losses.*": Meaning.PURE,
        **{f"keras.{home}.{name}": Meaning.PURE for home in ("losses", "metrics") for name in _SHORT_LOSSES},
        "keras.metrics.*": Meaning.PURE,
        "keras.ops.*": Meaning.PURE,
        "keras.ops.stop_gradient": Meaning.CUT,
        "keras.ops.cast": Meaning.CAST,
        "keras.backend.cast": Meaning.CAST,
        "keras.ops.argmax": Meaning.CUT,
        "keras.ops.round": Meaning.CUT,
        "keras.backend.*": Meaning.PURE,
        "keras.backend.stop_gradient": Meaning.CUT,
        "keras.backend.argmax": Meaning.CUT,
        "keras.backend.round": Meaning.CUT,
        "keras.backend.gradients": Meaning.UNSEEN,
        "keras.backend.function": Meaning.UNSEEN,
        "keras.backend.set_value": Meaning.UNSEEN,
        "keras.activations.*": Meaning.PURE,
        **{f"keras.layers.{name}": Meaning.PURE for name in _MERGING},
    },
    methods={
        (Role.OPTIMIZER, "apply_gradients"): Meaning.APPLY_PAIRS,
        (Role.OPTIMIZER, "apply"): Meaning.APPLY,
        (Role.OPTIMIZER, "minimize"): Meaning.MINIMIZE,
        (Role.OPTIMIZER, "build"): Meaning.READ,
        (Role.OPTIMIZER, "get_scaled_loss"): Meaning.WRAP_FIRST,
        (Role.OPTIMIZER, "scale_loss"): Meaning.WRAP_FIRST,
        (Role.OPTIMIZER, "get_unscaled_gradients"): Meaning.WRAP_FIRST,
        **{
            (Role.MODULE, name): Meaning.READ
            for name in (
                "build", "summary", "evaluate", "predict", "get_weights", "set_weights", "save", "save_weights", "load_weights",
                "count_params", "get_layer", "get_config", "export",
            )
        },
        (Role.MODULE, "compile"): Meaning.COMPILE,
        (Role.MODULE, "fit"): Meaning.FIT,
        (Role.MODULE, "fit_generator"): Meaning.FIT,
        (Role.MODULE, "train_on_batch"): Meaning.FIT,
    },
    value_methods={"stateless_apply": Meaning.MOVE, "stateless_call": Meaning.RUN_WITH_STATE},
    signatures={"stateless_apply": ("optimizer_variables", "grads", "trainable_variables")},
    rates={f"keras.optimizers.{name}": RateRange(upper, default) for name, (upper, default) in _OPTIMIZERS.items()},
    leading={f"keras.optimizers.{name}": ("lr",) for name in _OPTIMIZERS},
    given_rates=True,
    peaks={
        f"keras.optimizers.schedules.{name}": ("initial_learning_rate", 0)
        for name in ("ExponentialDecay", "InverseTimeDecay", "CosineDecay", "CosineDecayRestarts")
    },
    argument_names={"learning_rate": "lr"},
    parameter_lists=frozenset({"trainable_variables", "trainable_weights"}),
    parameter_lists_of_models=frozenset({"variables", "weights"}),
    module_bases=frozenset({"keras.Model", "keras.Sequential", "keras.layers.Layer", "keras.Layer", "keras.layers.*"}),
    forward_methods=frozenset({"call"}),
    setting_rates=frozenset({"keras.callbacks.LearningRateScheduler", "keras.callbacks.LambdaCallback"}),
    callback_bases=frozenset({"keras.callbacks.*"}),
    running=frozenset({"keras.callbacks.LambdaCallback"}),
    links={
        **dict.fromkeys(
            ("SparseCategoricalCrossentropy", "CategoricalCrossentropy", "CategoricalFocalCrossentropy",
             "sparse_categorical_crossentropy", "categorical_crossentropy", "softmax_cross_entropy_with_logits",
             "sparse_softmax_cross_entropy_with_logits"),
            "softmax",
        ),
        **dict.fromkeys(
            ("BinaryCrossentropy", "BinaryFocalCrossentropy", "binary_crossentropy", "sigmoid_cross_entropy_with_logits"),
            "sigmoid",
        ),
    },
    members=MEMBERS,
    wired=frozenset({"keras.Model"}),
    training_steps=frozenset({"train_step"}),
    spellings={"apply": "{optimizer}.apply_gradients(zip({gradients}, {parameters}))"},
    containers=frozenset({"keras.Sequential"}),
    layered=frozenset({"keras.layers.*", "keras.Sequential"}),
    sequences=frozenset({"keras.Sequential"}),
    contents={
        **{
            f"keras.layers.{name}": LayerContents(False, Switch("rate", 0, 0.5), False)
            for name in ("Dropout", "SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D", "GaussianDropout", "AlphaDropout")
        },
        "keras.layers.BatchNormalization": LayerContents(True, False, True),
    },
    activated={
        "Activation": 0,
        **dict.fromkeys(("Dense", "EinsumDense"), 1),
        **dict.fromkeys(
            ("Conv1D", "Conv2D", "Conv3D", "Conv1DTranspose", "Conv2DTranspose", "Conv3DTranspose", "SeparableConv1D",
             "SeparableConv2D", "DepthwiseConv2D", "LocallyConnected1D", "LocallyConnected2D"),
            None,
        ),
    },
)  # fmt: skip
