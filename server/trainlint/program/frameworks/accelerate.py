"""Hugging Face Accelerate and Lightning Fabric: an object that prepares, differentiates and clips."""

from ..things import Role
from .vocabulary import Framework

ACCELERATE = Framework(
    name="accelerate",
    packages=frozenset({"accelerate", "lightning", "lightning_fabric", "pytorch_lightning"}),
    makes={
        "accelerate.Accelerator": Role.ACCELERATOR,
        "accelerate.accelerator.Accelerator": Role.ACCELERATOR,
        "lightning.Fabric": Role.ACCELERATOR,
        "lightning.fabric.Fabric": Role.ACCELERATOR,
        "lightning.pytorch.*": Role.OTHER,
        "lightning_fabric.Fabric": Role.ACCELERATOR,
    },
    calls={},
    reading_methods=frozenset(
        {"wait_for_everyone", "gather", "gather_for_metrics", "reduce", "unwrap_model", "save_state", "load_state", "accumulate",
         "autocast", "pad_across_processes", "end_training", "free_memory", "join_uneven_inputs", "split_between_processes",
         "no_backward_sync"}
    ),
)  # fmt: skip
