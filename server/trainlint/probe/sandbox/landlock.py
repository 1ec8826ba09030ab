"""Landlock, the kernel's write fence (see landlock(7)): nothing is created, changed or removed outside the
allowed.

It says nothing about modes, owners and times, nor about sockets in the file system; `seccomp` and `notify`
complete it.
"""

from __future__ import annotations

import os
import stat
import struct
from collections.abc import Iterable
from dataclasses import dataclass

from . import kernel

REFER, TRUNCATES, SCOPES = 2, 3, 6
"""The versions of the kernel's interface from which moving between directories, truncating and scopes are
known.
"""

_WRITE_FILE = 1 << 1
_REMOVE = 1 << 4 | 1 << 5
_MAKE = sum(1 << bit for bit in range(6, 13))
_REFER = 1 << 13
_TRUNCATE = 1 << 14
_SCOPE_ABSTRACT_SOCKETS = 1 << 0
_SCOPE_SIGNALS = 1 << 1

_RULE_PATH_BENEATH = 1
_ONLY_VERSION = 1


@dataclass(frozen=True)
class Rules:
    """Rights are bits of `handled`; each path in `allowed` gets all of them that fit its kind."""

    handled: int
    scoped: int
    allowed: tuple[str, ...]


def abi() -> int:
    """Version of the kernel's interface, 0 where there is none."""
    try:
        return kernel.syscall("landlock", kernel.SYS_LANDLOCK_CREATE_RULESET, None, 0, _ONLY_VERSION)
    except OSError:
        return 0


def write_fence(allowed: Iterable[str]) -> Rules:
    version = abi()
    handled = _WRITE_FILE | _REMOVE | _MAKE
    if version >= REFER:
        handled |= _REFER
    if version >= TRUNCATES:
        handled |= _TRUNCATE
    scoped = _SCOPE_ABSTRACT_SOCKETS | _SCOPE_SIGNALS if version >= SCOPES else 0
    return Rules(handled, scoped, tuple(path for path in allowed if os.path.exists(path)))


def scopes_only() -> Rules:
    """No connection to an abstract socket made outside; files are left alone. Needs `SCOPES`."""
    return Rules(0, _SCOPE_ABSTRACT_SOCKETS, ())


def restrict(rules: Rules) -> None:
    """Bind this thread and all it starts from now on. Needs no_new_privs."""
    attributes = struct.pack("=QQQ", rules.handled, 0, rules.scoped)
    # Older kernels refuse a longer structure than they know, unless the rest of it is zero.
    ruleset = kernel.syscall("landlock_create_ruleset", kernel.SYS_LANDLOCK_CREATE_RULESET, attributes, len(attributes), 0)
    try:
        for path in rules.allowed:
            _allow(ruleset, path, rules.handled)
        kernel.syscall("landlock_restrict_self", kernel.SYS_LANDLOCK_RESTRICT_SELF, ruleset, 0)
    finally:
        os.close(ruleset)


def _allow(ruleset: int, path: str, handled: int) -> None:
    beneath = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        is_directory = stat.S_ISDIR(os.fstat(beneath).st_mode)
        rights = handled if is_directory else handled & (_WRITE_FILE | _TRUNCATE)
        rule = struct.pack("=Qi", rights, beneath)
        kernel.syscall("landlock_add_rule", kernel.SYS_LANDLOCK_ADD_RULE, ruleset, _RULE_PATH_BENEATH, rule, 0)
    finally:
        os.close(beneath)
