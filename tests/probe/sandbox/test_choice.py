"""Which level is chosen, why, and what is said about it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from trainlint.probe.sandbox import Level, LevelUnavailable, choose, landlock, plan, seatbelt
from trainlint.probe.sandbox.mounts import parse_mountinfo, visible
from trainlint.probe.sandbox.promise import promise

AUTOMATIC = [Level.NAMESPACES, Level.FENCE, Level.REDIRECT]


@pytest.fixture
def fresh() -> Iterator[None]:
    plan._trial.cache_clear()
    yield
    plan._trial.cache_clear()


@pytest.mark.parametrize("level", Level)
def test_every_level_works_on_this_machine(level: Level) -> None:
    """A machine that cannot do a level cannot test it: this fails there instead of being passed over."""
    forced = choose(level)
    assert forced.level is level
    assert forced.reason == "it was asked for"
    assert forced.promise == promise(level, network=False)


def test_the_best_level_is_chosen() -> None:
    chosen = choose()
    assert chosen.level is Level.NAMESPACES
    assert "works here" in chosen.reason


def test_the_trial_is_made_once(monkeypatch: pytest.MonkeyPatch) -> None:
    choose()
    monkeypatch.setattr(plan, "_try", lambda *_, **__: pytest.fail("tried again"))
    assert choose().level is Level.NAMESPACES


def test_a_level_that_fails_gives_way_to_the_next(monkeypatch: pytest.MonkeyPatch, fresh: None) -> None:
    original = plan._try

    def refusing(level: Level, base: str, in_memory: bool) -> str:
        return "unshare: not permitted" if level is Level.NAMESPACES else original(level, base, in_memory)

    monkeypatch.setattr(plan, "_try", refusing)
    chosen = choose()
    assert chosen.level is Level.FENCE
    assert chosen.reason == "`namespaces` does not work here: unshare: not permitted"
    with pytest.raises(LevelUnavailable, match="`namespaces` does not work here: unshare"):
        choose(Level.NAMESPACES)


def test_an_old_kernel_gets_redirection_alone(monkeypatch: pytest.MonkeyPatch, fresh: None) -> None:
    monkeypatch.setattr(landlock, "abi", lambda: 0)
    original = plan._try
    monkeypatch.setattr(
        plan,
        "_try",
        lambda level, base, in_memory: (
            "unshare: not permitted" if level is Level.NAMESPACES else original(level, base, in_memory)
        ),
    )
    chosen = choose()
    assert chosen.level is Level.REDIRECT
    assert "Landlock" in chosen.reason


def test_a_machine_without_user_namespaces_is_found_out() -> None:
    """For real: in a user namespace that may have none below it."""
    code = """
with open("/proc/sys/user/max_user_namespaces", "w") as file:
    file.write("0")
from trainlint.probe.sandbox import choose
chosen = choose()
print(chosen.level.value)
print(chosen.reason)
"""
    done = subprocess.run(["unshare", "--user", "--map-root-user", sys.executable, "-c", code], capture_output=True, text=True)
    level, reason = done.stdout.splitlines() or ["", done.stderr]
    assert level == "fence", reason
    assert "user.max_user_namespaces is 0" in reason


def test_scratch_goes_to_memory_where_no_disk_can_hold_an_upper_layer(monkeypatch: pytest.MonkeyPatch, fresh: None) -> None:
    original = plan._try

    def refusing(level: Level, base: str, in_memory: bool) -> str:
        return original(level, base, in_memory) if in_memory else "mount of overlay: invalid argument"

    monkeypatch.setattr(plan, "_try", refusing)
    chosen = choose()
    assert (chosen.level, chosen.scratch_in_memory) == (Level.NAMESPACES, True)


@pytest.mark.parametrize("level", AUTOMATIC)
def test_the_promise_names_the_network(level: Level) -> None:
    assert "network is open" in promise(level, network=True)
    assert "network is open" not in promise(level, network=False)


@pytest.mark.parametrize("level", AUTOMATIC)
def test_the_promise_says_what_is_not_covered(level: Level) -> None:
    assert "not covered" in promise(level, network=False).lower()


def test_the_profile_for_macos() -> None:
    """Only its text: no machine here can run it."""
    closed = seatbelt.profile('/tmp/a "quoted" place', network=False).splitlines()
    assert closed[:3] == ["(version 1)", "(allow default)", "(deny file-write*)"]
    place = os.path.realpath("/tmp") + '/a \\"quoted\\" place'
    assert f'(allow file-write* (subpath "{place}"))' in closed
    assert "(deny network-outbound (remote ip))" in closed
    assert '(allow network-outbound (remote ip "localhost:*"))' in closed
    assert all(line.count("(") == line.count(")") for line in closed)
    opened = seatbelt.profile("/tmp/a", network=True)
    assert "remote ip" not in opened
    assert "(deny file-write*)" in opened
    assert seatbelt.wrapped(("python", "x.py"), "/tmp/a", network=True)[:2] == (seatbelt.PROGRAM, "-p")


MOUNTINFO = r"""
20 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
21 20 0:20 / /proc rw - proc proc rw
22 20 8:2 / /home rw - ext4 /dev/sda2 rw
23 22 0:30 / /home/me/my\040data ro - nfs server:/x ro
24 20 0:31 / /mnt rw - tmpfs first rw
25 24 0:32 / /mnt/inner rw - tmpfs below rw
26 24 0:33 / /mnt rw - tmpfs second rw
27 22 0:34 / /home/me rw - fuse over rw
28 20 8:1 /etc/x /etc/resolv.conf rw master:1 - ext4 /dev/sda1 rw
"""


def test_mounts_that_others_cover_are_not_visible() -> None:
    table = visible(parse_mountinfo(MOUNTINFO.strip()))
    assert set(table) == {"/", "/proc", "/home", "/home/me", "/mnt", "/etc/resolv.conf"}
    assert table["/mnt"].id == 26
    assert table["/home/me"].kind == "fuse"


def test_mount_points_are_read_with_their_escapes() -> None:
    (mount,) = (mount for mount in parse_mountinfo(MOUNTINFO) if mount.id == 23)
    assert mount.point == "/home/me/my data"
    assert mount.read_only


def test_a_base_that_others_may_write_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from trainlint.probe.sandbox import scratch

    trap = tmp_path / f"trainlint-{os.getuid()}"
    trap.mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    trap.chmod(0o777)
    assert str(trap) not in list(scratch.bases())
    trap.chmod(0o700)
    assert next(scratch.bases()) == str(trap)
