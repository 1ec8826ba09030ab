"""Which level this machine can do, found by really trying, and what that level promises."""

from __future__ import annotations

import functools
import os
import subprocess
import sys
from dataclasses import dataclass

from . import scratch
from .level import Level
from .promise import promise

_AUTOMATIC = (Level.NAMESPACES, Level.FENCE, Level.REDIRECT)


class LevelUnavailable(Exception):
    """The level that was asked for does not work on this machine; the text says why."""


@dataclass(frozen=True)
class Plan:
    """`reason` says why this level and not a better one; `promise` what is covered and what is not.

    Scratches are made in `scratch_base`; with `scratch_in_memory` what is written goes to a file system in
    memory.
    """

    level: Level
    reason: str
    promise: str
    scratch_base: str
    scratch_in_memory: bool = False


def choose(forced: Level | None = None, *, network: bool = False, cwd: str | os.PathLike[str] | None = None) -> Plan:
    """The best level that works here, or the forced one.

    The trial of each level is made once per process. `network` only changes the promise. `cwd` is where the
    command will work: an unprivileged user's overlay cannot hold files of every group. Raises
    `LevelUnavailable` for a forced level that does not work.
    """
    refused: list[str] = []
    for level in _AUTOMATIC if forced is None else (forced,):
        outcome = _trial(level)
        failure = outcome.failure or (_foreign_group(cwd) if level is Level.NAMESPACES and cwd else "")
        if not failure:
            reason = "; ".join(refused) or "it is the best level, and it works here"
            promised = promise(level, network=network)
            if forced is not None:
                reason = "it was asked for"
            return Plan(level, reason, promised, outcome.base, outcome.in_memory)
        refused.append(f"`{level.value}` does not work here: {failure}")
    raise LevelUnavailable("; ".join(refused))


def _foreign_group(cwd: str | os.PathLike[str]) -> str:
    """Why what lies in `cwd` could not be copied up; empty if it can. Only our own group is known in the user
    namespace of an unprivileged user, and a copy must have the group of its original."""
    if os.geteuid() == 0:
        return ""
    try:
        group = os.stat(cwd).st_gid
    except OSError:
        return ""
    if group == os.getegid():
        return ""
    return f"`{os.fspath(cwd)}` belongs to group {group}, and your user namespace can only hold {os.getegid()}"


@dataclass(frozen=True)
class _Outcome:
    failure: str = ""
    base: str = ""
    in_memory: bool = False


_TRIAL = """
import os
with open("kept", "a") as file:
    file.write("more")
with open("kept") as file:
    assert file.read() == "text" + "more"
os.remove("tree/leaf")
os.rmdir("tree")
os.mkdir("tree")
assert os.listdir("tree") == []
os.replace("kept", "tree/kept")
"""


@functools.cache
def _trial(level: Level) -> _Outcome:
    failure = _platform_refusal(level)
    if failure:
        return _Outcome(failure)
    first_failure = ""
    base = ""
    # An upper layer needs a file system with extended attributes that is neither remote nor an overlay
    # itself.
    for base in scratch.bases():
        failure = "" if level is Level.NONE else _try(level, base, in_memory=False)
        if not failure:
            return _Outcome(base=base)
        first_failure = first_failure or failure
    if not base:
        return _Outcome("no directory for scratch files can be made, neither temporary nor in the cache directory")
    if level is not Level.NAMESPACES:
        return _Outcome(first_failure)
    if not _try(level, base, in_memory=True):
        return _Outcome(base=base, in_memory=True)
    return _Outcome(_explained(first_failure))


def _platform_refusal(level: Level) -> str:
    if level is Level.NAMESPACES and sys.platform != "linux":
        return "namespaces are a feature of Linux"
    if level is Level.FENCE:
        if sys.platform == "linux":
            from . import landlock, seccomp

            if not landlock.abi():
                return "the kernel has no Landlock, or it is not enabled (lsm=)"
            if not seccomp.is_known_machine():
                return "the system call numbers of this architecture are not known"
        elif sys.platform == "darwin":
            from . import seatbelt

            if not os.path.exists(seatbelt.PROGRAM):
                return f"`{seatbelt.PROGRAM}` is missing"
        else:
            return "this system has no write fence that trainlint knows"
    return ""


def _try(level: Level, base: str, in_memory: bool) -> str:
    """Why a small script that writes, renames and removes does not work there with the original kept; else
    empty.
    """
    from .limits import Limits
    from .process import Sandboxed, SandboxError

    victim = scratch.trial_scratch(base)
    directory = victim.path
    try:
        kept, leaf = os.path.join(directory, "kept"), os.path.join(directory, "tree", "leaf")
        os.mkdir(os.path.dirname(leaf))
        for path in (kept, leaf):
            with open(path, "w") as file:
                file.write("text")
        plan = Plan(level, "", "", base, in_memory)
        with Sandboxed(
            [sys.executable, "-c", _TRIAL],
            cwd=directory,
            env=dict(os.environ),
            plan=plan,
            limits=Limits(wall_s=30, scratch_mb=64),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        ) as trial:
            assert trial.stderr is not None
            said = trial.stderr.read().decode(errors="replace").strip()
            code = trial.wait()
        for path in (kept, leaf):
            with open(path) as file:
                if file.read() != "text":
                    return "a trial script changed a file"
        if code == 0:
            return ""
        return f"a trial script did not work ({trial.stopped_by or said.splitlines()[-1:] or code})"
    except (SandboxError, OSError) as error:
        return str(error)
    finally:
        victim.delete()


def _explained(failure: str) -> str:
    for path, value, text in (
        ("/proc/sys/kernel/unprivileged_userns_clone", "0", "kernel.unprivileged_userns_clone is 0"),
        ("/proc/sys/user/max_user_namespaces", "0", "user.max_user_namespaces is 0"),
        (
            "/proc/sys/kernel/apparmor_restrict_unprivileged_userns",
            "1",
            "kernel.apparmor_restrict_unprivileged_userns is 1",
        ),
    ):
        try:
            with open(path) as file:
                if file.read().strip() == value:
                    return f"{failure} ({text})"
        except OSError:
            continue
    return failure
