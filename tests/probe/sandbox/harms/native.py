"""What native code writes that no redirection knows of."""

from __future__ import annotations

import ctypes
import os

from .registry import NATIVE, attack

_libc = ctypes.CDLL(None, use_errno=True)


def call(name: str, *arguments: object) -> None:
    converted = [os.fsencode(argument) if isinstance(argument, str) else argument for argument in arguments]
    if getattr(_libc, name)(*converted) < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), name)


@attack(NATIVE)
def native_open_to_write() -> None:
    call("open", "file.txt", os.O_WRONLY | os.O_APPEND)


@attack(NATIVE)
def native_create() -> None:
    call("open", "new.txt", os.O_WRONLY | os.O_CREAT, 0o644)


@attack(NATIVE)
def native_truncating_read() -> None:
    call("open", "file.txt", os.O_RDONLY | os.O_TRUNC)


@attack(NATIVE)
def native_truncate() -> None:
    call("truncate", "file.txt", ctypes.c_long(2))


@attack(NATIVE)
def native_unlink() -> None:
    call("unlink", "file.txt")


@attack(NATIVE)
def native_rename() -> None:
    call("rename", "tree/leaf.txt", "file.txt")


@attack(NATIVE)
def native_exchange() -> None:
    call("renameat2", -100, "tree/leaf.txt", -100, "file.txt", 2)


@attack(NATIVE)
def native_mkdir() -> None:
    call("mkdir", "new", 0o755)


@attack(NATIVE)
def native_links() -> None:
    call("link", "file.txt", "second.txt")


@attack(NATIVE)
def native_symlink() -> None:
    call("symlink", "file.txt", "third.txt")


@attack(NATIVE)
def native_chmod() -> None:
    call("chmod", "file.txt", 0o600)


@attack(NATIVE)
def native_chmod_link() -> None:
    call("chmod", "link.txt", 0o600)


@attack(NATIVE)
def native_fchmod() -> None:
    descriptor = _libc.open(b"file.txt", os.O_RDONLY)
    call("fchmod", descriptor, 0o600)


@attack(NATIVE)
def native_chown() -> None:
    call("chown", "file.txt", os.getuid(), os.getgid())


@attack(NATIVE)
def native_times() -> None:
    call("utimensat", -100, "file.txt", None, 0)


@attack(NATIVE)
def native_descriptor_times() -> None:
    descriptor = _libc.open(b"file.txt", os.O_RDONLY)
    call("futimens", descriptor, None)


@attack(NATIVE)
def native_attributes() -> None:
    call("setxattr", "file.txt", "user.trainlint", "new", ctypes.c_size_t(3), 0)


@attack(NATIVE)
def native_inode_flags() -> None:
    descriptor = _libc.open(b"file.txt", os.O_RDONLY)
    call("ioctl", descriptor, ctypes.c_ulong(0x40086602), ctypes.byref(ctypes.c_long(0x40)))
