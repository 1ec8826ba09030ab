"""Environment of the command, by which the redirection of Python's own writes (`inside/`) gets into its
interpreters.
"""

from __future__ import annotations

import contextlib
import os
import re
from dataclasses import replace

from .level import Level
from .order import Order
from .scratch import MARK

INSIDE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "inside")

_SHARED_MEMORY = "/dev/shm"
_NAMES = "shared-memory"
_PROCESSES = "processes"
_TORCH_SEGMENT = re.compile(r"torch_(\d+)_")


def prepare(order: Order, scratch: str) -> Order:
    """The order with the environment of its level. Makes what that environment names in `scratch`."""
    env = {**order.env, MARK: scratch, f"{MARK}_LEVEL": order.level.value}
    if order.level is not Level.NONE:
        env["PYTHONPATH"] = os.pathsep.join(filter(None, (INSIDE, env.get("PYTHONPATH"))))
        env[f"{MARK}_NETWORK"] = "1" if order.network else "0"
        env[f"{MARK}_BYTES"] = str(order.limits.scratch_mb << 20)
    if order.level in (Level.FENCE, Level.REDIRECT):
        for name in ("files", "gone", "tmp", _PROCESSES):
            os.mkdir(os.path.join(scratch, name), 0o700)
        temporary = os.path.join(scratch, "tmp")
        # Native code writes its caches itself, where no redirection sees it.
        for name in ("TMPDIR", "TMP", "TEMP"):
            env[name] = temporary
        for name in (
            "CUDA_CACHE_PATH",
            "TRITON_CACHE_DIR",
            "TORCHINDUCTOR_CACHE_DIR",
            "TORCH_EXTENSIONS_DIR",
        ):
            env[name] = os.path.join(temporary, name.lower())
        env["PYTHONDONTWRITEBYTECODE"] = "1"
    return replace(order, env=env)


def remove_shared_memory(scratch: str) -> None:
    """Unlink the segments that the command's own processes named and left in /dev/shm (levels without a
    /dev/shm of their own).
    """
    names: set[str] = set()
    with contextlib.suppress(OSError), open(os.path.join(scratch, _NAMES)) as file:
        names.update(line.strip("/\n") for line in file)
    with contextlib.suppress(OSError):
        ours = set(os.listdir(os.path.join(scratch, _PROCESSES)))
        for name in os.listdir(_SHARED_MEMORY):
            segment = _TORCH_SEGMENT.match(name)
            if segment and segment.group(1) in ours:
                names.add(name)
    for name in filter(None, names):
        if "/" not in name:
            with contextlib.suppress(OSError):
                os.unlink(os.path.join(_SHARED_MEMORY, name))
