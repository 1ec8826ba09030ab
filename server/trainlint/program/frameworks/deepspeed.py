"""DeepSpeed: an engine that differentiates, steps and clears by itself."""

from .vocabulary import Framework, Meaning

DEEPSPEED = Framework(
    name="deepspeed",
    packages=frozenset({"deepspeed"}),
    calls={"deepspeed.initialize": Meaning.ENGINE},
)
