"""What names suggest. Evidence only where nothing better is in sight, and never certain."""

from __future__ import annotations

import re
from functools import lru_cache

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")

OPTIMIZER = frozenset(
    {"opt", "opts", "optim", "optims", "optimizer", "optimizers", "optimiser", "optimisers", "optm", "optimzer"}
)
SCHEDULER = frozenset({"sched", "schedule", "scheduler", "schedulers", "schedular", "warmup", "lr"})
LOGITS = frozenset({"logit", "logits"})
TAPE = frozenset({"tape", "tapes"})
SCALER = frozenset({"scaler", "scalers", "gradscaler"})
LOSS = frozenset(
    {"loss", "losses", "criterion", "criterions", "crit", "objective", "bce", "mse", "mae", "ce", "nll", "kl", "kld", "err",
     "error", "cost", "elbo", "penalty", "distance", "perceptual", "metric", "metrics", "accuracy", "acc", "reg"}
)  # fmt: skip
MODEL = frozenset(
    {"model", "models", "net", "nets", "network", "networks", "module", "backbone", "generator", "discriminator", "encoder",
     "decoder", "actor", "critic", "policy", "agent", "classifier", "learner", "student", "teacher", "trainer", "self"}
)  # fmt: skip
# What is said of a thing, and is not the thing: `model_name`, `tokenizer.model_max_length`, `critic_lr`.
DESCRIBING = frozenset(
    {"name", "names", "path", "paths", "id", "type", "kind", "version", "config", "cfg", "args", "kwargs", "length", "size",
     "dim", "dir", "file", "files", "lr", "lrs", "rate", "rates", "decay", "wd", "eps", "momentum", "betas", "tau", "freq",
     "steps", "epochs", "iters"}
)  # fmt: skip
ACCELERATOR = frozenset({"accelerator", "fabric"})
# What a program was told from outside: its attributes are numbers, texts and switches.
OPTIONS = frozenset(
    {"arg", "args", "options", "cfg", "cfgs", "config", "configs", "conf", "hparams", "hps", "hparam", "hyperparams", "flags",
     "settings"}
)  # fmt: skip

READING_VERBS = frozenset(
    {"print", "log", "logs", "logger", "logging", "info", "debug", "warn", "warning", "save", "dump", "write", "display",
     "show", "plot", "draw", "summary", "summarize", "report", "record", "track", "count", "num", "len", "repr", "str",
     "format", "add", "watch", "checkpoint", "ckpt", "load", "restore", "resume", "eval", "evaluate", "evaluation", "validate",
     "validation", "valid", "val", "test", "predict", "sample", "generate", "visualize", "visualise", "seed", "init",
     "initialize", "reset", "get", "set", "freeze", "unfreeze", "lr", "adjust", "stopping", "ema", "swa", "monitor", "assert",
     "check", "isinstance", "hasattr", "id", "type", "backup", "export",
     "upload", "push", "publish", "time", "progress", "accuracy", "metric", "metrics"}
)  # fmt: skip

READING_RECEIVERS = frozenset(
    {"ema", "swa", "meter", "meters", "logger", "log", "writer", "wandb", "tb", "tensorboard", "board", "pbar", "progress", "bar",
     "timer", "profiler", "prof", "profile", "history", "stats", "tracker", "monitor", "mlflow", "neptune", "console", "plt",
     "tqdm", "metric", "metrics", "recorder", "visualizer", "vis", "saver", "checkpointer", "stopping", "stopper", "sw",
     "summary", "results", "averager", "shadow", "np", "os", "sys", "time", "math", "random", "json",
     "shutil", "pathlib", "glob", "pickle", "csv", "warnings", "datetime", "queue", "list"}
)  # fmt: skip

ACTING = frozenset(
    {"train", "training", "trainer", "step", "update", "optimize", "backward", "backprop", "fit", "learn", "run", "minimize",
     "closure", "apply"}
)  # fmt: skip

# Of what is told in front of a loss, these say which one: `training_losses`.
QUALIFYING = frozenset({"train", "training", "step"})

CLIPPING = frozenset({"clip", "clipping", "clipper"})
GRADIENT = frozenset({"grad", "grads", "gradient", "gradients"})

# Functions that measure, and train nothing.
MEASURING = frozenset(
    {"eval", "evaluate", "evaluation", "valid", "validate", "validation", "val", "test", "metric", "metrics", "measure",
     "sharpness", "saliency", "attribution", "sensitivity", "norm", "norms", "analyze", "analyse", "benchmark", "compute",
     "check", "profile"}
)  # fmt: skip

# Functions that give back what a model computes, or what they build of one, and leave training to their caller.
GIVING = frozenset(
    {"forward", "encode", "decode", "embed", "pretrained", "features", "logits", "hidden", "latents", "embeddings"}
)  # fmt: skip

# Functions that use a model as it is.
INFERRING = frozenset(
    {"eval", "evaluate", "evaluation", "validate", "validation", "sample", "generate", "visualize", "visualise", "inference",
     "infer", "predict", "preview"}
)  # fmt: skip

DRAWING = frozenset(
    {"log", "logs", "logger", "logging", "histogram", "histograms", "histo", "scalar", "scalars", "summary", "writer", "wandb",
     "tb", "tensorboard", "board", "mlflow", "neptune", "comet", "aim", "isnan", "isinf", "isfinite"}
)  # fmt: skip

_PAIRS = (
    ("g", "generator"), ("g", "netg"), ("d", "discriminator"), ("d", "netd"), ("d", "dis"), ("d", "disc"), ("d", "critic"),
    ("g", "gen"), ("c", "critic"), ("q", "critic"), ("a", "actor"), ("pi", "policy"), ("pi", "actor"), ("v", "value"),
    ("enc", "encoder"), ("dec", "decoder"), ("alpha", "entropy"),
)  # fmt: skip


@lru_cache(maxsize=4096)
def words(name: str) -> frozenset[str]:
    """The lower-case words of an identifier or dotted name: ``self.optimizerD`` is {self, optimizer, d}."""
    return frozenset(word.lower() for word in _WORD.findall(name))


@lru_cache(maxsize=16384)
def suggests(name: str, vocabulary: frozenset[str]) -> bool:
    return not vocabulary.isdisjoint(words(name))


@lru_cache(maxsize=4096)
def names_optimizer(name: str) -> bool:
    """`opt_d`, `optimizerG`, `self.actor_optim`; not `opt.lr` of parsed options, whose last part decides."""
    last = words(name.rsplit(".", 1)[-1])
    return not OPTIMIZER.isdisjoint(last) and SCHEDULER.isdisjoint(last)


@lru_cache(maxsize=4096)
def does_beside(name: str, doing: frozenset[str], vocabulary: frozenset[str]) -> bool:
    """A name of two things that are done one after the other, of which one is in `doing` alone: `step_and_update_lr`."""
    said: list[set[str]] = [set()]
    for word in _WORD.findall(name):
        if word.lower() == "and":
            said.append(set())
        else:
            said[-1].add(word.lower())
    return len(said) > 1 and any(part & doing and not part & vocabulary for part in said)


def names_scheduler(name: str) -> bool:
    """`scheduler`, `self.lr_scheduler`; not `scheduled_optimizer`."""
    last = words(name.rsplit(".", 1)[-1])
    return not SCHEDULER.isdisjoint(last) and OPTIMIZER.isdisjoint(last)


def affinity(optimizer: str, model: str) -> int:
    """How much the names of an optimizer and of a model (or its loss) point at each other; 0 where they do not."""
    own = words(optimizer) - OPTIMIZER - {"self"}
    other = words(model) - LOSS - {"self", "net", "model", "total"}
    if own & other:
        return 1 + len(own & other)
    pairs = {pair for one in own for two in other for pair in ((one, two), (two, one))}
    alike = any(pair in pairs for pair in _PAIRS) or any(
        min(len(one), len(two)) >= 3 and (one.startswith(two) or two.startswith(one)) for one in own for two in other
    )
    return 1 if alike else 0
