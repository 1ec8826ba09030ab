"""What each level promises, in the words of the consent text and of `--show-sandbox`. Tests hold each
sentence.
"""

from __future__ import annotations

import sys

from .level import Level

_ENDED = "When the run ends, however it ends, every process it started is killed and what it wrote is deleted."
_ENDED_BY_MARK = (
    "When the run ends, what it wrote to scratch is deleted and every process that still carries its mark is"
    " killed; a program that clears its environment and leaves its session can stay."
)
_NO_SERVICES = "It cannot reach services through sockets in the file system (docker, dbus, X11)."
_OPEN_NETWORK = "The network is open, that of this machine included."
_SHARED_MEMORY = (
    "Shared memory in /dev/shm is real; segments that Python code names are removed at the end, what other"
    " programs leave there stays."
)


def promise(level: Level, *, network: bool) -> str:
    texts = {
        Level.NAMESPACES: _namespaces,
        Level.FENCE: _fence,
        Level.REDIRECT: _redirect,
        Level.NONE: _none,
    }
    return " ".join(texts[level](network))


def _namespaces(network: bool) -> list[str]:
    return [
        "The script and everything it starts see your files but write to a scratch copy: no file, mode,"
        " owner or time outside scratch changes, whatever the language of the program that writes.",
        "Other processes are out of sight, /dev has only computing devices, /proc/sys and /sys cannot be written.",
        _NO_SERVICES,
        _OPEN_NETWORK if network else "There is no network beyond loopback.",
        _ENDED,
        "Not covered: what is written to a device or through a descriptor that trainlint itself hands over.",
    ]


def _fence(network: bool) -> list[str]:
    return [
        "What Python code writes goes to a scratch copy; a write outside scratch by any other code or"
        " program is refused by the kernel with a permission error: contents, names, modes, owners and times"
        " stay as they are.",
        _NO_SERVICES,
        _OPEN_NETWORK if network else "There is no network beyond this machine.",
        _ENDED_BY_MARK if sys.platform == "darwin" else _ENDED,
        "Not covered: programs other than Python, and a Python started with -I, -E or -S, see the originals"
        " and not the scratch copies; a program that rewrites its arguments on purpose while the fence reads"
        " them is not held.",
        *([] if sys.platform == "darwin" else [_SHARED_MEMORY]),
    ]


def _redirect(network: bool) -> list[str]:
    return [
        "What Python code writes with Python's own functions, and with torch, h5py, sqlite3 and safetensors,"
        " goes to a scratch copy.",
        "NOT covered: other native libraries, programs that are not Python, and a Python started with -I, -E"
        " or -S write to your files as always, and services of this machine can be reached.",
        "The network is open." if network else "Python's sockets refuse addresses beyond this machine; other code is free.",
        _ENDED if sys.platform in ("linux", "win32") else _ENDED_BY_MARK,
        *([_SHARED_MEMORY] if sys.platform == "linux" else []),
    ]


def _none(network: bool) -> list[str]:
    return [
        "There is no sandbox: the script runs as if you had started it, and what it writes, it writes.",
        "When the run ends, every process it started is killed.",
    ]
