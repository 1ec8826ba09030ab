"""Linux calls that Python's `os` lacks, by ctypes. Every one raises `OSError` with the call's name on
failure.
"""

from __future__ import annotations

import ctypes
import os
import platform
import resource

CLONE_NEWNS = 0x00020000
CLONE_NEWIPC = 0x08000000
CLONE_NEWUSER = 0x10000000
CLONE_NEWPID = 0x20000000
CLONE_NEWNET = 0x40000000

MS_RDONLY = 1
MS_NOSUID = 2
MS_NODEV = 4
MS_NOEXEC = 8
MS_BIND = 4096
MS_REC = 16384
MS_PRIVATE = 1 << 18
MNT_DETACH = 2

PR_SET_PDEATHSIG = 1
PR_SET_DUMPABLE = 4
PR_CAPBSET_DROP = 24
PR_SET_CHILD_SUBREAPER = 36
PR_SET_NO_NEW_PRIVS = 38
PR_CAP_AMBIENT = 47
PR_CAP_AMBIENT_CLEAR_ALL = 4

# These numbers are the same on every architecture (the kernel unified them from 424 on).
SYS_MOUNT_SETATTR = 442
SYS_LANDLOCK_CREATE_RULESET = 444
SYS_LANDLOCK_ADD_RULE = 445
SYS_LANDLOCK_RESTRICT_SELF = 446

AT_FDCWD = -100
AT_RECURSIVE = 0x8000
MOUNT_ATTR_RDONLY = 1

# What a root script keeps: to own, read and signal its files and processes. Not SYS_ADMIN (it could take a
# mount off), not DAC_READ_SEARCH (it opens files by handle, past every mount), not SYS_PTRACE (pid 1).
KEPT_CAPABILITIES = (0, 1, 3, 4, 5, 6, 7, 10, 14, 23)

_libc = ctypes.CDLL(None, use_errno=True)


def machine() -> str:
    return platform.machine()


def _check(result: int, what: str) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return result


def syscall(what: str, number: int, *args: int | bytes | ctypes.Array[ctypes.c_char] | None) -> int:
    """Integers are passed as 64-bit words, bytes and buffers as pointers."""
    words = [ctypes.c_long(arg) if isinstance(arg, int) else arg for arg in args]
    return _check(int(_libc.syscall(ctypes.c_long(number), *words)), what)


def unshare(flags: int) -> None:
    _check(_libc.unshare(ctypes.c_int(flags)), "unshare")


def mount(source: str | None, target: str, kind: str | None, flags: int = 0, data: str | None = None) -> None:
    encoded = [None if part is None else os.fsencode(part) for part in (source, target, kind, data)]
    result = _libc.mount(encoded[0], encoded[1], encoded[2], ctypes.c_ulong(flags), encoded[3])
    _check(result, f"mount of {kind or 'a bind'} on {target}")


def make_read_only(path: str) -> None:
    """Turn the mount at `path` and all mounts below it read-only. Needs Linux 5.12."""
    attributes = MOUNT_ATTR_RDONLY.to_bytes(8, "little") + bytes(24)
    syscall("mount_setattr", SYS_MOUNT_SETATTR, AT_FDCWD, os.fsencode(path), AT_RECURSIVE, attributes, 32)


def bind_read_only(source: str, target: str) -> None:
    mount(source, target, None, MS_BIND | MS_REC)
    make_read_only(target)


def change_root(path: str) -> None:
    """Make the mount at `path` the root of this mount namespace and let go of the old one."""
    os.chdir(path)
    _check(_libc.pivot_root(b".", b"."), "pivot_root")
    _check(_libc.umount2(b".", ctypes.c_int(MNT_DETACH)), "umount of the old root")
    os.chdir("/")


def prctl(option: int, argument: int, what: str) -> None:
    zero = ctypes.c_ulong(0)
    _check(_libc.prctl(ctypes.c_int(option), ctypes.c_ulong(argument), zero, zero, zero), what)


def die_with_parent(signal_number: int) -> None:
    """The signal comes when the thread that forked this process ends. A change of credentials undoes it."""
    prctl(PR_SET_PDEATHSIG, signal_number, "prctl(PDEATHSIG)")


def become_subreaper() -> None:
    """Orphans below this process become its children, whatever sessions and groups they made."""
    prctl(PR_SET_CHILD_SUBREAPER, 1, "prctl(CHILD_SUBREAPER)")


def drop_capabilities() -> None:
    """Leave no capability outside `KEPT_CAPABILITIES`, now or through a later exec."""
    prctl(PR_SET_NO_NEW_PRIVS, 1, "prctl(NO_NEW_PRIVS)")
    for capability in range(_last_capability() + 1):
        if capability not in KEPT_CAPABILITIES:
            try:
                prctl(PR_CAPBSET_DROP, capability, "prctl(CAPBSET_DROP)")
            except PermissionError:
                break  # without SETPCAP there is nothing to drop, and no_new_privs keeps it so
    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, "prctl(CAP_AMBIENT)")
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)
    sets = (ctypes.c_uint32 * 6)()
    _check(_libc.capget(header, sets), "capget")
    kept = sum(1 << capability for capability in KEPT_CAPABILITIES)
    for word, mask in ((0, kept & 0xFFFFFFFF), (3, kept >> 32)):
        sets[word] &= mask
        sets[word + 1] &= mask
        sets[word + 2] = 0
    _check(_libc.capset(header, sets), "capset")


def forbid_core_dumps() -> None:
    """A limit of 1, not 0: only that value keeps the kernel from starting a piped core handler outside."""
    _, hard = resource.getrlimit(resource.RLIMIT_CORE)
    if hard != 0:
        resource.setrlimit(resource.RLIMIT_CORE, (1, 1))


def _last_capability() -> int:
    try:
        with open("/proc/sys/kernel/cap_last_cap") as file:
            return int(file.read())
    except (OSError, ValueError):
        return 40
