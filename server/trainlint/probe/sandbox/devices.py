"""The device nodes a training script may need. All others (disks, consoles, watchdogs, cameras) are left
out.
"""

from __future__ import annotations

import glob
import os
import stat

BASIC = ("null", "zero", "full", "random", "urandom", "tty")
COMPUTE = (
    "nvidia*",
    "nvidia-caps/*",
    "dri/*",
    "kfd",
    "dxg",
    "accel*",
    "accel/*",
    "apex_*",
    "davinci*",
    "hisi_hdc",
    "devmm_svm",
    "hl[0-9]*",
    "mali*",
    "kgsl-3d0",
    "nvhost-*",
    "nvmap",
    "nvgpu/*/*",
    "neuron[0-9]*",
)


def nodes() -> list[str]:
    """Paths of character devices that exist here."""
    found = [f"/dev/{name}" for name in BASIC]
    for pattern in COMPUTE:
        found.extend(sorted(glob.glob(f"/dev/{pattern}")))
    return [path for path in found if _is_character_device(path)]


def _is_character_device(path: str) -> bool:
    try:
        return stat.S_ISCHR(os.lstat(path).st_mode)
    except OSError:
        return False
