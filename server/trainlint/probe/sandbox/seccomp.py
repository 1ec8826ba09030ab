"""The filter of level 2: system calls that Landlock does not judge are put to the supervisor, or refused.

Put to the supervisor (see `notify`): what changes modes, owners, times and attributes, what addresses
another socket, and with an old Landlock what truncates by path or signals. Refused outright: io_uring (its
requests pass no filter), inode flags, btrfs subvolumes, address families other than local and internet
ones.
"""

from __future__ import annotations

import ctypes
import errno
import struct
from dataclasses import dataclass

from . import kernel

_SET_MODE_FILTER = 1
_NEW_LISTENER = 1 << 3
_WAIT_KILLABLE = 1 << 5

_LOAD, _JUMP_EQUAL, _JUMP_AT_LEAST, _AND, _RETURN = 0x20, 0x15, 0x35, 0x54, 0x06
_ALLOW, _NOTIFY, _ERRNO = 0x7FFF0000, 0x7FC00000, 0x00050000
_NUMBER_OFFSET, _ARCH_OFFSET, _ARGUMENTS_OFFSET = 0, 4, 16

_FS_IOC_SETFLAGS, _FS_IOC_FSSETXATTR = 0x40086602, 0x401C5820
_FICLONE, _FICLONERANGE = 0x40049409, 0x4020940D
_BTRFS_TYPE = 0x9400
_FAMILIES = (1, 2, 10, 16)  # unix, inet, inet6, netlink

_X86_64: dict[str, int] = {
    "open": 2, "sendto": 44, "sendmsg": 46, "connect": 42, "socket": 41, "ioctl": 16, "kill": 62,
    "truncate": 76, "chmod": 90, "fchmod": 91, "chown": 92, "fchown": 93, "lchown": 94, "utime": 132,
    "setxattr": 188, "lsetxattr": 189, "fsetxattr": 190, "removexattr": 197, "lremovexattr": 198,
    "fremovexattr": 199, "tkill": 200, "tgkill": 234, "utimes": 235, "openat": 257, "fchownat": 260,
    "futimesat": 261, "fchmodat": 268, "utimensat": 280, "rt_sigqueueinfo": 129, "rt_tgsigqueueinfo": 297,
    "sendmmsg": 307,
}  # fmt: skip
_GENERIC: dict[str, int] = {
    "setxattr": 5, "lsetxattr": 6, "fsetxattr": 7, "removexattr": 14, "lremovexattr": 15,
    "fremovexattr": 16, "ioctl": 29, "truncate": 45, "fchmod": 52, "fchmodat": 53, "fchownat": 54,
    "fchown": 55, "openat": 56, "utimensat": 88, "kill": 129, "tkill": 130, "tgkill": 131,
    "rt_sigqueueinfo": 138, "socket": 198, "connect": 203, "sendto": 206, "sendmsg": 211,
    "rt_tgsigqueueinfo": 240, "sendmmsg": 269,
}  # fmt: skip
_EVERYWHERE: dict[str, int] = {
    "pidfd_send_signal": 424, "io_uring_setup": 425, "openat2": 437, "fchmodat2": 452, "setxattrat": 463,
    "removexattrat": 466, "file_setattr": 469,
}  # fmt: skip

_ARCHITECTURES = {
    "x86_64": (0xC000003E, _X86_64 | _EVERYWHERE),
    "aarch64": (0xC00000B7, _GENERIC | _EVERYWHERE),
    "riscv64": (0xC00000F3, _GENERIC | _EVERYWHERE),
}

METADATA = (
    "chmod", "fchmod", "fchmodat", "fchmodat2", "chown", "fchown", "lchown", "fchownat", "utime",
    "utimes", "futimesat", "utimensat", "setxattr", "lsetxattr", "fsetxattr", "setxattrat", "removexattr",
    "lremovexattr", "fremovexattr", "removexattrat", "file_setattr",
)  # fmt: skip
ADDRESSING = ("connect", "sendmsg", "sendmmsg")
SIGNALLING = ("kill", "tkill", "tgkill", "rt_sigqueueinfo", "rt_tgsigqueueinfo", "pidfd_send_signal")


@dataclass(frozen=True)
class Wish:
    """What the machine's Landlock leaves to the filter."""

    truncation: bool
    signals: bool


def is_known_machine() -> bool:
    return kernel.machine() in _ARCHITECTURES


def numbers() -> dict[str, int]:
    """System call numbers of this machine by name; a call that it does not have is missing."""
    return _ARCHITECTURES[kernel.machine()][1]


def install(wish: Wish) -> int:
    """Bind this thread and all it starts from now on. Needs no_new_privs.

    Returns a descriptor on which the calls that were put to the supervisor arrive; while nobody reads it
    they hang, and once it is closed they fail.
    """
    code = b"".join(_program(wish))
    buffer = ctypes.create_string_buffer(code, len(code))
    program = struct.pack("HxxxxxxP", len(code) // 8, ctypes.addressof(buffer))
    for flags in (_NEW_LISTENER | _WAIT_KILLABLE, _NEW_LISTENER):
        try:
            return kernel.syscall("seccomp", _seccomp_number(), _SET_MODE_FILTER, flags, program)
        except OSError as error:
            if error.errno != errno.EINVAL or flags == _NEW_LISTENER:
                raise
    raise AssertionError


def _seccomp_number() -> int:
    return 317 if kernel.machine() == "x86_64" else 277


def _program(wish: Wish) -> list[bytes]:
    architecture, known = _ARCHITECTURES[kernel.machine()]
    code = [_load(_ARCH_OFFSET), *_unless_equal(architecture, _refuse(errno.EPERM)), _load(_NUMBER_OFFSET)]
    if kernel.machine() == "x86_64":
        # The x32 calls have numbers of their own, from here on.
        code += [_jump(_JUMP_AT_LEAST, 0x40000000, 0, 1), _return(_refuse(errno.EPERM))]
    asked = [*METADATA, *ADDRESSING]
    asked += SIGNALLING if wish.signals else ()
    asked += ("truncate",) if wish.truncation else ()
    for name in asked:
        if name in known:
            code += _when_equal(known[name], [_return(_NOTIFY)])
    code += _when_equal(known["io_uring_setup"], [_return(_refuse(errno.ENOSYS))])
    code += _when_equal(known["ioctl"], _inode_flags())
    code += _when_equal(known["socket"], _families())
    code += _when_equal(known["sendto"], _addressed(argument=4))
    if wish.truncation:
        code += _when_equal(known["openat2"], [_return(_refuse(errno.ENOSYS))])
        code += _when_equal(known["openat"], _truncating_read(argument=2))
        if "open" in known:
            code += _when_equal(known["open"], _truncating_read(argument=1))
    return [*code, _return(_ALLOW)]


def _inode_flags() -> list[bytes]:
    code = [_load(_low(1))]
    for command in (_FS_IOC_SETFLAGS, _FS_IOC_FSSETXATTR):
        code += _when_equal(command, [_return(_refuse(errno.EPERM))])
    for command in (_FICLONE, _FICLONERANGE):
        code += _when_equal(command, [_return(_ALLOW)])
    code += [_instruction(_AND, 0, 0, 0xFF00), *_when_equal(_BTRFS_TYPE, [_return(_refuse(errno.EPERM))])]
    return [*code, _return(_ALLOW)]


def _families() -> list[bytes]:
    code = [_load(_low(0))]
    for family in _FAMILIES:
        code += _when_equal(family, [_return(_ALLOW)])
    return [*code, _return(_refuse(errno.EAFNOSUPPORT))]


def _addressed(argument: int) -> list[bytes]:
    code = []
    for half in (_low(argument), _low(argument) + 4):
        code += [_load(half), *_unless_equal(0, _NOTIFY)]
    return [*code, _return(_ALLOW)]


def _truncating_read(argument: int) -> list[bytes]:
    """An open for reading that truncates passes a Landlock that does not know truncation."""
    access_and_truncate, truncate = 0o3 | 0o1000, 0o1000
    code = [_load(_low(argument)), _instruction(_AND, 0, 0, access_and_truncate)]
    return [*code, *_when_equal(truncate, [_return(_refuse(errno.EPERM))]), _return(_ALLOW)]


def _low(argument: int) -> int:
    """Offset of the lower half of an argument (the machines above are little-endian)."""
    return _ARGUMENTS_OFFSET + 8 * argument


def _refuse(number: int) -> int:
    return _ERRNO | number


def _load(offset: int) -> bytes:
    return _instruction(_LOAD, 0, 0, offset)


def _return(action: int) -> bytes:
    return _instruction(_RETURN, 0, 0, action)


def _jump(kind: int, value: int, yes: int, no: int) -> bytes:
    return _instruction(kind, yes, no, value)


def _when_equal(value: int, body: list[bytes]) -> list[bytes]:
    return [_jump(_JUMP_EQUAL, value, 0, len(body)), *body]


def _unless_equal(value: int, action: int) -> list[bytes]:
    return [_jump(_JUMP_EQUAL, value, 1, 0), _return(action)]


def _instruction(code: int, yes: int, no: int, value: int) -> bytes:
    return struct.pack("=HBBI", code, yes, no, value)
