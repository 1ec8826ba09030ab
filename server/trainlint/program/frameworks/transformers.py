"""Hugging Face Transformers and TRL: trainers whose heirs compute a loss, and the optimizers that transformers once had."""

from ..things import Role
from .vocabulary import Framework, HiddenLoop, Part, Phase

_TRL = ("SFTTrainer", "DPOTrainer", "GRPOTrainer", "RewardTrainer", "KTOTrainer", "ORPOTrainer", "CPOTrainer", "PRMTrainer")

_TRAINER = HiddenLoop(
    bases=frozenset(
        {"transformers.Trainer", "transformers.trainer.Trainer", "transformers.Seq2SeqTrainer",
         "transformers.trainer_seq2seq.Seq2SeqTrainer", *(f"trl.{name}" for name in _TRL)}
    ),
    caller="the Trainer",
    computes="compute_loss",
    turn=(
        Phase("training_step", parts=(Phase("compute_loss"), Phase(part=Part.BACKWARD))),
    ),
    first=True,
    model="model",
)  # fmt: skip

_SCHEDULES = {
    "get_scheduler": 3,
    "get_linear_schedule_with_warmup": 2,
    "get_cosine_schedule_with_warmup": 2,
    "get_cosine_with_hard_restarts_schedule_with_warmup": 2,
    "get_polynomial_decay_schedule_with_warmup": 2,
}
_HOMES = ("transformers", "transformers.optimization", "diffusers.optimization")

TRANSFORMERS = Framework(
    name="transformers",
    packages=frozenset({"transformers", "trl"}),
    makes={
        "transformers.AdamW": Role.OPTIMIZER,
        "transformers.Adafactor": Role.OPTIMIZER,
        "transformers.optimization.AdamW": Role.OPTIMIZER,
        "transformers.optimization.Adafactor": Role.OPTIMIZER,
        **{f"{home}.{name}": Role.SCHEDULER for home in _HOMES for name in _SCHEDULES},
    },
    lengths={name: ("num_training_steps", place) for name, place in _SCHEDULES.items()},
    every_batch=frozenset(_SCHEDULES),
    loops=(_TRAINER,),
)
