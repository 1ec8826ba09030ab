"""Hugging Face Accelerate: an object that prepares, differentiates and clips."""

from ..things import Role
from .vocabulary import Framework

ACCELERATE = Framework(
    name="accelerate",
    packages=frozenset({"accelerate"}),
    makes={
        "accelerate.Accelerator": Role.ACCELERATOR,
        "accelerate.accelerator.Accelerator": Role.ACCELERATOR,
        "accelerate.FullyShardedDataParallelPlugin": Role.OTHER,
        "accelerate.utils.FullyShardedDataParallelPlugin": Role.OTHER,
    },
    splitting=frozenset({"accelerate.FullyShardedDataParallelPlugin", "accelerate.utils.FullyShardedDataParallelPlugin"}),
    reading_methods=frozenset(
        {"wait_for_everyone", "gather", "gather_for_metrics", "reduce", "unwrap_model", "save_state", "load_state", "accumulate",
         "autocast", "pad_across_processes", "end_training", "free_memory", "join_uneven_inputs", "split_between_processes"}
    ),
)  # fmt: skip
