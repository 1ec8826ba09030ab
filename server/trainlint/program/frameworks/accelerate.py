"""Hugging Face Accelerate: an object that prepares, differentiates and clips."""

from ..things import Role
from .vocabulary import Framework, Ticks

_TICKS = Ticks(
    "num_processes",
    {"step_scheduler_with_optimizer": (True,), "split_batches": (False,), "dataloader_config": (None,),
     "deepspeed_plugin": (None,), "megatron_lm_plugin": (None,)},
)  # fmt: skip

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
    ticks={"accelerate.Accelerator": _TICKS, "accelerate.accelerator.Accelerator": _TICKS},
    reading_methods=frozenset(
        {"wait_for_everyone", "gather", "gather_for_metrics", "reduce", "unwrap_model", "save_state", "load_state", "accumulate",
         "autocast", "pad_across_processes", "end_training", "free_memory", "join_uneven_inputs", "split_between_processes"}
    ),
)  # fmt: skip
