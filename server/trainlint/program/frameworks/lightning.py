"""Lightning, under its three names: classes that its trainer runs, and Fabric, which prepares and differentiates."""

from ..things import Role
from .vocabulary import Framework, HiddenLoop, Part, Phase

_HOOKS_BEFORE = (Phase("on_train_batch_start"),)
_HOOKS_AFTER = (Phase("on_train_batch_end"),)

_MODULE = HiddenLoop(
    bases=frozenset(
        {"lightning.LightningModule", "lightning.pytorch.LightningModule", "lightning.pytorch.core.LightningModule",
         "lightning.pytorch.core.module.LightningModule", "pytorch_lightning.LightningModule",
         "pytorch_lightning.core.LightningModule", "pytorch_lightning.core.module.LightningModule",
         "pytorch_lightning.core.lightning.LightningModule"}
    ),
    caller="the Trainer",
    computes="training_step",
    builds="configure_optimizers",
    hands_out="optimizers",
    schedules="lr_schedulers",
    switch="automatic_optimization",
    differentiate="self.manual_backward",
    toggle="toggle_optimizer",
    untoggle="untoggle_optimizer",
    index="optimizer_idx",
    finishes="training_step_end",
    with_schedule="[{optimizer}], [{scheduler}]",
    before=("on_fit_start", "on_train_start", "on_train_epoch_start"),
    turn=(
        *_HOOKS_BEFORE,
        Phase("training_step"),
        Phase("on_before_zero_grad"),
        Phase("optimizer_zero_grad", Part.CLEAR),
        Phase("on_before_backward"),
        Phase("backward", Part.BACKWARD),
        Phase("on_after_backward"),
        Phase("on_before_optimizer_step"),
        Phase("configure_gradient_clipping"),
        Phase("optimizer_step", Part.STEP),
        *_HOOKS_AFTER,
    ),
    by_hand=(*_HOOKS_BEFORE, Phase("training_step"), *_HOOKS_AFTER),
    each_epoch=("training_epoch_end", "on_train_epoch_end"),
)  # fmt: skip

LIGHTNING = Framework(
    name="lightning",
    packages=frozenset({"lightning", "lightning_fabric", "pytorch_lightning"}),
    words=frozenset({"manual_backward"}),
    model_words=frozenset({"LightningModule"}),
    makes={
        "lightning.Fabric": Role.ACCELERATOR,
        "lightning.fabric.Fabric": Role.ACCELERATOR,
        "lightning.pytorch.*": Role.OTHER,
        "lightning_fabric.Fabric": Role.ACCELERATOR,
        **{f"{package}.strategies.FSDPStrategy": Role.OTHER for package in ("lightning.fabric", "lightning_fabric")},
    },
    reading_methods=frozenset({"no_backward_sync", "toggle_optimizer", "untoggle_optimizer", "toggled_optimizer"}),
    loops=(_MODULE,),
    bases={"lightning.*": Role.MODULE, "pytorch_lightning.*": Role.MODULE},
    splitting=frozenset({"fsdp", "lightning.fabric.strategies.FSDPStrategy", "lightning_fabric.strategies.FSDPStrategy"}),
)
