"""What star imports of the modules of Keras 2 and 3 bind. `keras.layers` is not listed: any name with a capital is a layer."""

MEMBERS = {
    f"keras.{module}": frozenset(names.split())
    for module, names in {
        "optimizers": (
            "Adadelta Adafactor Adagrad Adam AdamW Adamax Ftrl Lamb Lion LossScaleOptimizer Muon Nadam Optimizer RMSprop SGD "
            "deserialize get legacy schedules serialize"
        ),
        "models": ("Model Sequential clone_model load_model model_from_config model_from_json model_from_yaml save_model"),
        "callbacks": (
            "BackupAndRestore BaseLogger CSVLogger Callback CallbackList EarlyStopping History LambdaCallback "
            "LearningRateScheduler ModelCheckpoint ProgbarLogger ReduceLROnPlateau RemoteMonitor SwapEMAWeights TensorBoard "
            "TerminateOnNaN"
        ),
        "regularizers": (
            "L1 L1L2 L2 OrthogonalRegularizer Regularizer deserialize get l1 l1_l2 l2 orthogonal_regularizer serialize"
        ),
        "constraints": (
            "Constraint MaxNorm MinMaxNorm NonNeg UnitNorm deserialize get max_norm min_max_norm non_neg serialize unit_norm"
        ),
        "initializers": (
            "Constant GlorotNormal GlorotUniform HeNormal HeUniform Identity Initializer LecunNormal LecunUniform Ones "
            "Orthogonal RandomNormal RandomUniform TruncatedNormal VarianceScaling Zeros constant deserialize get "
            "glorot_normal glorot_uniform he_normal he_uniform identity lecun_normal lecun_uniform normal ones orthogonal "
            "random_normal random_uniform serialize truncated_normal uniform variance_scaling zeros"
        ),
        "activations": (
            "celu deserialize elu exponential gelu get glu hard_sigmoid hard_silu hard_swish leaky_relu linear log_sigmoid "
            "log_softmax mish relu relu6 selu serialize sigmoid silu softmax softplus softsign swish tanh"
        ),
        "losses": (
            "BinaryCrossentropy BinaryFocalCrossentropy CTC CategoricalCrossentropy CategoricalFocalCrossentropy "
            "CategoricalHinge CosineSimilarity Dice Hinge Huber KLD KLDivergence LogCosh Loss MAE MAPE MSE MSLE "
            "MeanAbsoluteError MeanAbsolutePercentageError MeanSquaredError MeanSquaredLogarithmicError Poisson "
            "SparseCategoricalCrossentropy SquaredHinge Tversky binary_crossentropy binary_focal_crossentropy "
            "categorical_crossentropy categorical_focal_crossentropy categorical_hinge cosine cosine_proximity "
            "cosine_similarity deserialize get hinge huber kl_divergence kld kullback_leibler_divergence log_cosh logcosh mae "
            "mape mean_absolute_error mean_absolute_percentage_error mean_squared_error mean_squared_logarithmic_error mse "
            "msle poisson serialize sparse_categorical_crossentropy squared_hinge"
        ),
    }.items()
}
