"""DeepSpeed: an engine that differentiates, steps and clears by itself."""

from .vocabulary import Framework, Meaning

DEEPSPEED = Framework(
    name="deepspeed",
    packages=frozenset({"deepspeed"}),
    calls={
        "deepspeed.initialize": Meaning.ENGINE,
        **{f"deepspeed.utils.safe_get_{part}_grad": Meaning.GRADIENTS for part in ("full", "local")},
    },
)
