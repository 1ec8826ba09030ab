"""Answers the system calls that the filter of level 2 puts to the supervisor (see seccomp_unotify(2)).

The arguments are read from the caller's memory, so a program that rewrites them at the right moment from
another thread is not held. The fence is made for scripts that do harm by accident.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import ipaddress
import os
import select
import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass

from . import seccomp

_RECEIVE, _SEND, _STILL_VALID = 0xC0502100, 0xC0182101, 0x40082102
_CONTINUE = 1
_AT_FDCWD, _AT_NOFOLLOW = -100, 0x100
_UNIX, _INET, _INET6, _NETLINK = 1, 2, 10, 16
_WRITABLE_OUTSIDE = ("/dev/shm/", "/dev/pts/")


@dataclass(frozen=True)
class _File:
    """Where a call's file is named: by path (in `path`, relative to `directory`) or by descriptor."""

    path: int | None = None
    directory: int | None = None
    descriptor: int | None = None
    flags: int | None = None
    follow: bool = True


_FILES: dict[str, _File] = {
    "chmod": _File(path=0),
    "chown": _File(path=0),
    "lchown": _File(path=0, follow=False),
    "utime": _File(path=0),
    "utimes": _File(path=0),
    "truncate": _File(path=0),
    "setxattr": _File(path=0),
    "lsetxattr": _File(path=0, follow=False),
    "removexattr": _File(path=0),
    "lremovexattr": _File(path=0, follow=False),
    "fchmod": _File(descriptor=0),
    "fchown": _File(descriptor=0),
    "fsetxattr": _File(descriptor=0),
    "fremovexattr": _File(descriptor=0),
    "fchmodat": _File(path=1, directory=0),
    "futimesat": _File(path=1, directory=0),
    "fchmodat2": _File(path=1, directory=0, flags=3),
    "utimensat": _File(path=1, directory=0, flags=3),
    "fchownat": _File(path=1, directory=0, flags=4),
    "setxattrat": _File(path=1, directory=0, flags=2),
    "removexattrat": _File(path=1, directory=0, flags=2),
    "file_setattr": _File(path=1, directory=0, flags=4),
}


@dataclass(frozen=True)
class _Call:
    id: int
    thread: int
    name: str
    arguments: tuple[int, ...]

    def memory(self, address: int, length: int) -> bytes:
        descriptor = os.open(f"/proc/{self.thread}/mem", os.O_RDONLY | os.O_CLOEXEC)
        try:
            return os.pread(descriptor, length, address)
        finally:
            os.close(descriptor)

    def text(self, address: int) -> str:
        """A zero-terminated string; read page by page, since what follows it may not be mapped."""
        found = bytearray()
        while b"\0" not in found and len(found) < 4096:
            step = 4096 - (address + len(found)) % 4096
            found += self.memory(address + len(found), step)
        return os.fsdecode(bytes(found).split(b"\0", 1)[0])


class Judge:
    """`scratch` is where files may be changed; `network` allows addresses beyond loopback; `is_ours` tells
    whether a process id belongs to the sandbox.
    """

    def __init__(self, *, scratch: str, network: bool, abstract_sockets: bool, is_ours: Callable[[int], bool]) -> None:
        self._scratch = os.path.realpath(scratch) + "/"
        self._network = network
        self._abstract_sockets = abstract_sockets
        self._is_ours = is_ours
        self._names = {number: name for name, number in seccomp.numbers().items()}

    def serve(self, listener: int) -> None:
        """Answer until no process is left that could ask."""
        poll = select.poll()
        poll.register(listener, select.POLLIN)
        while True:
            events = poll.poll()
            if any(event & (select.POLLHUP | select.POLLERR) for _, event in events):
                return
            with contextlib.suppress(OSError):  # the caller may be killed at any moment
                self._answer(listener)

    def _answer(self, listener: int) -> None:
        notice = bytearray(80)
        fcntl.ioctl(listener, _RECEIVE, notice, True)
        identity, thread, _, number, _, _, *arguments = struct.unpack("=QIIiIQ6Q", notice)
        call = _Call(identity, thread, self._names.get(number, ""), tuple(arguments))
        try:
            verdict = self._judge(call)
        except OSError:
            verdict = errno.EACCES
        # Without this check the memory read could be that of another process that got the number meanwhile.
        fcntl.ioctl(listener, _STILL_VALID, struct.pack("=Q", identity))
        answer = struct.pack("=QqiI", identity, 0, -verdict, 0 if verdict else _CONTINUE)
        fcntl.ioctl(listener, _SEND, answer)

    def _judge(self, call: _Call) -> int:
        """0 to let the call pass, else the error number it gets."""
        if call.name in _FILES:
            return 0 if self._may_change(call, _FILES[call.name]) else errno.EPERM
        if call.name in seccomp.SIGNALLING:
            return self._judge_signal(call)
        if call.name == "connect":
            return self._judge_address(call, call.arguments[1], call.arguments[2])
        if call.name == "sendto":
            return self._judge_address(call, call.arguments[4], call.arguments[5])
        if call.name in ("sendmsg", "sendmmsg"):
            count = min(call.arguments[2], 1024) if call.name == "sendmmsg" else 1
            headers = call.memory(call.arguments[1], 64 * count)
            for index in range(count):
                name, length = struct.unpack_from("=QI", headers, 64 * index)
                verdict = self._judge_address(call, name, length) if name else 0
                if verdict:
                    return verdict
            return 0
        return errno.EPERM

    def _may_change(self, call: _Call, file: _File) -> bool:
        path = self._path(call, file)
        if not path.startswith("/"):
            return True  # a pipe, a socket, memory
        return path.startswith((self._scratch, *_WRITABLE_OUTSIDE))

    def _path(self, call: _Call, file: _File) -> str:
        """Absolute and without symbolic links, except in a last component that the call does not follow."""
        if file.descriptor is not None:
            return os.readlink(f"/proc/{call.thread}/fd/{_signed(call.arguments[file.descriptor])}")
        assert file.path is not None
        start = _AT_FDCWD if file.directory is None else _signed(call.arguments[file.directory])
        base = os.readlink(f"/proc/{call.thread}/" + ("cwd" if start == _AT_FDCWD else f"fd/{start}"))
        name = call.text(call.arguments[file.path]) if call.arguments[file.path] else ""
        if not name:
            return base
        full = os.path.join(base, name)
        follow = file.follow
        if file.flags is not None and call.arguments[file.flags] & _AT_NOFOLLOW:
            follow = False
        if full.startswith("/proc/self/"):
            full = f"/proc/{call.thread}/" + full[len("/proc/self/") :]
        if follow:
            return os.path.realpath(full)
        return os.path.join(os.path.realpath(os.path.dirname(full)), os.path.basename(full))

    def _judge_address(self, call: _Call, address: int, length: int) -> int:
        data = call.memory(address, min(length, 128)) if address else b""
        if len(data) < 2:
            return 0  # the kernel refuses it
        (family,) = struct.unpack_from("=H", data)
        if family == _UNIX:
            return self._judge_local(call, data[2:])
        if family in (_INET, _INET6):
            return 0 if self._network or _is_this_machine(family, data) else errno.ENETUNREACH
        return 0 if family in (0, _NETLINK) else errno.EACCES

    def _judge_local(self, call: _Call, name: bytes) -> int:
        if not name:
            return 0
        if name.startswith(b"\0"):
            return 0 if self._abstract_sockets else errno.ECONNREFUSED
        base = os.readlink(f"/proc/{call.thread}/cwd")
        path = os.path.realpath(os.path.join(base, os.fsdecode(name.split(b"\0", 1)[0])))
        return 0 if path.startswith(self._scratch) else errno.EACCES

    def _judge_signal(self, call: _Call) -> int:
        if call.name == "pidfd_send_signal":
            with open(f"/proc/{call.thread}/fdinfo/{_signed(call.arguments[0])}") as file:
                pids = [int(line.split()[1]) for line in file if line.startswith("Pid:")]
            target = pids[0] if pids else -1
        else:
            target = _signed(call.arguments[0])
        if target == 0:
            return 0  # its own group, which was made inside
        if target == -1:
            return errno.EPERM
        return 0 if self._is_ours(abs(target)) else errno.EPERM


def _is_this_machine(family: int, data: bytes) -> bool:
    """Loopback, or an address of one of this machine's own interfaces: the packets never leave."""
    if len(data) < (8 if family == _INET else 24):
        return False
    address = ipaddress.ip_address(data[4:8] if family == _INET else data[8:24])
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    if address.is_loopback or address.is_unspecified:
        return True
    kind = socket.AF_INET if address.version == 4 else socket.AF_INET6
    with socket.socket(kind, socket.SOCK_STREAM) as trial:
        try:
            trial.bind((str(address), 0))
        except OSError:
            return False
    return True


def _signed(word: int) -> int:
    """A C int out of a 64-bit register."""
    word &= 0xFFFFFFFF
    return word - (1 << 32) if word & 0x80000000 else word
