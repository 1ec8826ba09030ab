"""Level 1: user, mount, pid, ipc and network namespaces with overlays over everything writable.

Three processes: the supervisor (outside), the middle (holds the namespaces open and ties their life to the
supervisor's) and pid 1 of the new pid namespace, which builds the view, starts the command and reaps. The
kernel kills everything in a pid namespace when its pid 1 ends, whatever sessions, groups or daemons it
made.
"""

from __future__ import annotations

import array
import fcntl
import os
import select
import signal
import socket
import struct
import sys
from collections.abc import Callable

from . import kernel, landlock, mounts
from .order import Entered, Order
from .stage import SetupError, fork_guarded, hear, say, start, tie_to
from .view import View


def enter(order: Order, scratch: str) -> Entered:
    news, tell = os.pipe()
    mapped, map_done = os.pipe()
    supervisor = os.getpid()
    middle = fork_guarded(lambda: _middle(order, scratch, supervisor, mapped, map_done, tell), tell)
    os.close(tell)
    os.close(mapped)
    try:
        hear(news, until="unshared")
        _write_maps(middle)
        os.write(map_done, b"!")
        heard = hear(news, until="started")
    except BaseException:
        os.kill(middle, signal.SIGKILL)
        os.close(news)
        raise
    finally:
        os.close(map_done)
    return Entered(middle, heard["init"], news, tuple(heard["read_only"]))


def _middle(order: Order, scratch: str, supervisor: int, mapped: int, map_done: int, tell: int) -> None:
    os.close(map_done)
    flags = kernel.CLONE_NEWUSER | kernel.CLONE_NEWNS | kernel.CLONE_NEWPID | kernel.CLONE_NEWIPC
    kernel.unshare(flags if order.network else flags | kernel.CLONE_NEWNET)
    tie_to(supervisor)
    say(tell, "unshared", True)
    if os.read(mapped, 1) != b"!":
        os._exit(1)
    alive, held = os.pipe()
    init = fork_guarded(lambda: _init(order, scratch, alive, held, tell), tell)
    say(tell, "init", init)
    os.close(tell)
    order.release_descriptors()
    os.waitpid(init, 0)


def _init(order: Order, scratch: str, alive: int, held: int, tell: int) -> None:
    os.close(held)
    kernel.die_with_parent(signal.SIGKILL)
    if select.select([alive], [], [], 0)[0]:
        os._exit(1)  # the middle ended before its death could be tied to ours
    kernel.prctl(kernel.PR_SET_DUMPABLE, 0, "prctl(DUMPABLE)")
    if not order.network:
        _raise_loopback()
    view = _build_view(order, scratch)
    say(tell, "read_only", view.read_only)
    kernel.drop_capabilities()
    command = start(order, _before_exec(order))
    say(tell, "started", True)
    while True:
        pid, status = os.waitpid(-1, 0)
        if pid == command.pid:
            say(tell, "returncode", os.waitstatus_to_exitcode(status))
            os._exit(0)


def _build_view(order: Order, scratch: str) -> View:
    kernel.mount("none", "/", None, kernel.MS_REC | kernel.MS_PRIVATE)
    with open("/proc/self/mountinfo", encoding=sys.getfilesystemencoding(), errors="surrogateescape") as file:
        table = mounts.visible(mounts.parse_mountinfo(file.read()))
    if order.scratch_in_memory:
        size = f"mode=700,size={order.limits.scratch_mb}m"
        kernel.mount("none", scratch, "tmpfs", kernel.MS_NOSUID | kernel.MS_NODEV, size)
    root, layers = os.path.join(scratch, "root"), os.path.join(scratch, "layers")
    os.mkdir(root, 0o755)
    os.mkdir(layers)
    kernel.mount(root, root, None, kernel.MS_BIND)
    view = View(
        root,
        layers,
        table,
        hidden=os.path.dirname(scratch),
        wanted=(order.cwd, "/tmp", "/var/tmp", *order.wanted),
        alone=None if _has_full_map() else (os.getuid(), os.getgid()),
    )
    view.build(shared_memory_mb=order.limits.memory_mb)
    kernel.change_root(root)
    return view


def _before_exec(order: Order) -> Callable[[], None]:
    def prepare() -> None:
        kernel.forbid_core_dumps()
        if order.network and landlock.abi() >= landlock.SCOPES:
            landlock.restrict(landlock.scopes_only())

    return prepare


def _write_maps(pid: int) -> None:
    """Map every id onto itself where we may (root), else only our own."""
    try:
        if not _has_full_map():
            raise PermissionError
        for name in ("uid_map", "gid_map"):
            with open(f"/proc/self/{name}") as file:
                extents = [line.split() for line in file]
            with open(f"/proc/{pid}/{name}", "w") as file:
                file.write("".join(f"{inside} {inside} {count}\n" for inside, _, count in extents))
    except PermissionError:
        try:
            with open(f"/proc/{pid}/setgroups", "w") as file:
                file.write("deny")
            for name, number in (("uid_map", os.geteuid()), ("gid_map", os.getegid())):
                with open(f"/proc/{pid}/{name}", "w") as file:
                    file.write(f"{number} {number} 1")
        except OSError as error:
            raise SetupError(f"mapping the user into a user namespace: {error.strerror}") from error


def _has_full_map() -> bool:
    with open("/proc/self/uid_map") as file:
        return sum(int(line.split()[2]) for line in file) > 1


def _raise_loopback() -> None:
    get_flags, set_flags, up = 0x8913, 0x8914, 0x1
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as channel:
        request = array.array("B", struct.pack("16sh22x", b"lo", 0))
        fcntl.ioctl(channel, get_flags, request)
        (flags,) = struct.unpack_from("h", request, 16)
        fcntl.ioctl(channel, set_flags, struct.pack("16sh22x", b"lo", flags | up))
