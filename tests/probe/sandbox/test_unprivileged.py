"""The levels for a user without privileges, whose files lie among those of others."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.probe.sandbox import attacks, victims
from tests.probe.sandbox.conftest import Outcomes, Stranger, watched

LEVELS = ["namespaces", "fence", "redirect"]
OUTWARD = ("beyond-", "socket-of", "abstract-", "native-signal")
EVERYTHING = (*attacks.PYTHON, *attacks.NATIVE, *attacks.SHELL)
NAMES = [name for name in EVERYTHING if not name.startswith(OUTWARD)]


def attacked(stranger: Stranger, level: str, names: list[str]) -> Outcomes:
    top = stranger.directory / level

    def run() -> str:
        done = stranger.run(
            stranger.directory / "library" / "attacks" / "unprivileged.py",
            *(level, top, stranger.python),
            *(stranger.directory / "library" / "attacks" / "attacks.py", top, *names),
        )
        return done.stdout + done.stderr

    return watched(names, top, run, owner=stranger.uid)


@pytest.fixture(scope="module")
def namespaces(stranger: Stranger) -> Outcomes:
    return attacked(stranger, "namespaces", NAMES)


@pytest.fixture(scope="module")
def fence(stranger: Stranger) -> Outcomes:
    return attacked(stranger, "fence", NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_level_1(namespaces: Outcomes, name: str) -> None:
    assert namespaces.after[name] == namespaces.before[name]
    assert name in namespaces.reported, namespaces.output
    assert namespaces.reported[name]["error"] is None, namespaces.reported[name]


@pytest.mark.parametrize("name", NAMES)
def test_level_2(fence: Outcomes, name: str) -> None:
    assert fence.after[name] == fence.before[name]
    assert name in fence.reported, fence.output
    error = fence.reported[name]["error"]
    expected = {None} if name in attacks.PYTHON else {"EACCES", "EPERM"}
    assert error in expected, fence.reported[name]


SHARED = """
import errno, os, sys
shared = sys.argv[1]

def refused(path, mode):
    try:
        with open(path, mode) as file:
            file.write("more")
    except OSError as error:
        assert error.errno in (errno.EACCES, errno.EROFS), error
        return True
    with open(path) as file:
        assert file.read().endswith("more")
    return False

assert not refused("mine.txt", "a")
assert not refused("of-the-group.txt", "a")
assert not refused("new.txt", "w")
assert not refused(shared + "/of-the-group.txt", "a")
assert not refused(shared + "/new.txt", "w")
if os.environ["TRAINLINT_SANDBOX_LEVEL"] != "namespaces":
    assert not refused(shared + "/sub/new.txt", "w")
assert not refused("/tmp/trainlint-new", "w")
assert not refused("/var/tmp/trainlint-new", "w")
assert refused("../../new.txt", "w")
assert refused(shared + "/of-root.txt", "a")
assert refused("/usr/trainlint-new", "w")
assert refused("/trainlint-new", "w")
print("all as it would be without a sandbox")
"""


@pytest.mark.parametrize("level", LEVELS)
def test_files_among_those_of_others(stranger: Stranger, level: str) -> None:
    """A project below root's directories; files that only a group gives the right to write."""
    if os.getuid() != 0:
        pytest.fail("only root can make files of others for this test")
    place = stranger.directory / f"shared-{level}"
    project, shared = place / "team" / "me" / "project", place / "data"
    project.mkdir(parents=True)
    (shared / "sub").mkdir(parents=True)
    for path, uid, gid, mode in (
        (project / "mine.txt", stranger.uid, stranger.uid, 0o644),
        (project / "of-the-group.txt", stranger.uid, stranger.group, 0o644),
        (shared / "of-the-group.txt", 0, stranger.group, 0o664),
        (shared / "of-root.txt", 0, 0, 0o644),
    ):
        path.write_text("original")
        os.chown(path, uid, gid)
        path.chmod(mode)
    for path, uid, gid, mode in (
        (place / "team" / "me", stranger.uid, stranger.uid, 0o755),
        (project, stranger.uid, stranger.uid, 0o755),
        (shared, 0, stranger.group, 0o2775),
        (shared / "sub", stranger.uid, stranger.group, 0o2775),
    ):
        os.chown(path, uid, gid)
        path.chmod(mode)
    before = victims.snapshot(place)
    done = stranger.run(
        stranger.directory / "library" / "attacks" / "unprivileged.py",
        *(level, project, stranger.python, "-c", SHARED, shared),
        home=Path("/nonexistent"),
    )
    assert done.stdout.splitlines() == ["all as it would be without a sandbox"], done.stderr
    assert victims.snapshot(place) == before


def test_a_project_of_another_group_gets_the_fence(stranger: Stranger) -> None:
    """An overlay could not copy up its directories: the user namespace knows one group."""
    if os.getuid() != 0:
        pytest.fail("only root can make files of others for this test")
    project = stranger.directory / "of-another-group"
    project.mkdir()
    code = """
import sys
from trainlint.probe.sandbox import choose
chosen = choose(cwd=sys.argv[1])
print(chosen.level.value, chosen.reason)
"""
    for group, level in (
        (stranger.uid, "namespaces it is the best level"),
        (stranger.group, "fence `namespaces`"),
    ):
        os.chown(project, stranger.uid, group)
        done = stranger.run("-c", code, project)
        assert done.stdout.startswith(level), done.stderr
    assert f"belongs to group {stranger.group}" in done.stdout
