"""Names of methods that mean something to training, or are known to mean nothing to it."""

from __future__ import annotations

from .frameworks.table import GROWING, HANDED_OUT, READING_METHODS

# What a tensor leaves behind: the rest of its methods and attributes keep the graph.
CUTTING = frozenset(
    {"detach", "detach_", "item", "numpy", "tolist", "data", "argmax", "argmin", "long", "int", "bool", "shape", "size", "dtype",
     "device", "requires_grad", "is_leaf", "dim", "ndim", "numel", "nelement", "eq", "ne", "gt", "lt", "ge", "le"}
)  # fmt: skip

# What returns values together with their indices.
WITH_INDICES = frozenset({"max", "min", "topk", "sort", "median", "nanmedian", "mode", "kthvalue", "cummax", "cummin"})
# They give packed sequences, or may: these have attributes of the same names as tensors, and are none.
PACKING = frozenset({"lstm", "gru", "rnn", "pack_padded_sequence", "pack_sequence", "PackedSequence"})
# What a tensor says of itself: no graph leads through it.
DESCRIPTIONS = frozenset({"shape", "device", "dtype", "ndim", "layout", "is_cuda"})

# What they are given says how large the result is and what kind, never what is in it.
MADE_ANEW = frozenset(
    {"zeros", "ones", "rand", "randn", "randint", "randperm", "empty", "arange", "linspace", "eye", "zeros_like", "ones_like",
     "full", "full_like", "rand_like", "randn_like", "randint_like", "empty_like", "new", "new_zeros", "new_ones", "new_empty"}
)  # fmt: skip
# They take the shape or kind of what they are given.
SHAPED_LIKE = frozenset({"resize_as_", "view_as", "reshape_as", "expand_as", "type_as"})

PARAMETER_LISTS = frozenset({"parameters", "named_parameters", "trainable_parameters", "get_parameters"})
# Of these, the ones that hand out an iterator.
ITERATORS = frozenset({"parameters", "named_parameters"})
# They hand out the modules in a module.
PARTS = frozenset({"modules", "children", "named_modules", "named_children"})
SAME_OBJECT = frozenset(
    {"to", "cuda", "cpu", "double", "half", "float", "type", "bfloat16", "train", "eval", "requires_grad_", "apply",
     "share_memory", "to_empty", "compile", "copy", "clone", "contiguous"}
)  # fmt: skip
# Of these, a tensor gives back another one, or may.
NEW_TENSOR = frozenset({"to", "cuda", "cpu", "double", "half", "float", "type", "bfloat16", "clone", "contiguous"})
# They return their object with the fields changed that they are given.
COPYING = frozenset({"replace", "_replace"})
REGISTERING = frozenset({"add_module", "register_module", "register_parameter"})
TRANSPARENT = frozenset({"list", "tuple", "zip", "enumerate", "reversed", "sorted", "append", "extend"})
# They give parameters new first values.
INITIALISING = frozenset(
    {"reset_parameters", "xavier_uniform_", "xavier_normal_", "kaiming_uniform_", "kaiming_normal_", "trunc_normal_",
     "orthogonal_", "init_weights", "_init_weights", "reset_weights"}
)  # fmt: skip
# They return what a program was told on its command line.
OPTIONS = frozenset({"parse_args", "parse_known_args"})
LIST_GROWTH = frozenset({"append", "add", "insert", "extend"})
WRAPPING_METHODS = frozenset(
    {"prepare", "prepare_model", "prepare_optimizer", "prepare_data_loader", "prepare_scheduler", "setup", "setup_module",
     "setup_optimizers", "setup_dataloaders", "to_device"}
)  # fmt: skip
# Only a tensor has these; other methods of tensors are names of layers and helpers too.
UNMISTAKABLE = frozenset(
    {"softmax", "log_softmax", "sigmoid", "view", "reshape", "squeeze", "unsqueeze", "flatten", "permute", "transpose", "mean",
     "sum", "square", "sqrt", "rsqrt", "exp", "pow", "abs", "clamp", "logsumexp", "cumsum", "masked_fill", "masked_select",
     "index_select", "expand_as", "view_as", "type_as", "contiguous", "matmul", "bmm", "unbind", "copy_", "fill_", "normal_",
     "uniform_", "clamp_", "mul_", "add_", "sub_", "div_"}
)  # fmt: skip
# A use of an object: code out of sight is given it for good.
RETURNED = "returned"
TRAINING_METHODS = frozenset({"zero_grad", "step", "backward"})
MODE_METHODS = frozenset({"train", "eval"})
# What is done to modules beside the call; no tensor and no function has these.
MODULE_USES = ITERATORS | MODE_METHODS | {"state_dict", "load_state_dict"}
# What lets a function see the gradients that pass through a module.
BACKWARD_HOOKS = frozenset({"register_backward_hook", "register_full_backward_hook", "register_full_backward_pre_hook"})
_HOOKS = frozenset({"register_post_accumulate_grad_hook", "enable_hooks", "disable_hooks"})
KNOWN_METHODS = (
    READING_METHODS
    | HANDED_OUT
    | _HOOKS
    | PARAMETER_LISTS
    | SAME_OBJECT
    | CUTTING
    | LIST_GROWTH
    | TRAINING_METHODS
    | WRAPPING_METHODS
    | OPTIONS
    | GROWING.keys()
    | frozenset(
        {"reset_parameters", "reset_weights",
         "manual_backward", "add_param_group", "clip_grad_norm_", "clip_gradients", "clip_grad_value_",
         "accumulate", "autocast"}
    )
)  # fmt: skip

_NOT_GRADIENTS = frozenset({"requires", "retain", "retains", "fn", "hook", "zero"})


def holds_gradients(attribute: str) -> bool:
    """What a parameter has under this name is made of its gradients: `grad`, `grad_sample`, `main_grad`."""
    parts = attribute.split("_")
    return "grad" in parts and _NOT_GRADIENTS.isdisjoint(parts)


def runs_on_gradients(method: str) -> bool:
    """Calling it means that hooks work on the object's gradients as they arrive."""
    return method in _HOOKS


CLEARING_BEHIND = frozenset({"transformers", "accelerate"})
"""Libraries in whose loops gradients are cleared behind the step, where the rate has been scheduled."""
