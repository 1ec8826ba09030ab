"""Whatever a script does to files, the disk is the same afterwards, down to inode and nanosecond."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from trainlint.probe.sandbox import Level, Limits, Sandboxed, choose

from tests.probe.sandbox import attacks, victims
from tests.probe.sandbox.conftest import Outcomes

BEYOND = {"beyond-loopback", "beyond-loopback-datagram"}
SERVICES = {"socket-of-a-service", "abstract-socket"}
REFUSALS = {"EACCES", "EPERM"}
WRITES = [name for name in (*attacks.PYTHON, *attacks.LIBRARIES) if name not in BEYOND | SERVICES]
NATIVE = [name for name in attacks.NATIVE if name != "native-signal"]


def unchanged(outcomes: Outcomes, name: str) -> str | None:
    """What the attack reported, after a look at its victims."""
    assert name in outcomes.reported, outcomes.output
    assert outcomes.after[name] == outcomes.before[name]
    report = outcomes.reported[name]
    return None if report["error"] is None else f"{report['error']}: {report['text']}"


@pytest.mark.parametrize("name", [*WRITES, *NATIVE, *attacks.SHELL])
def test_level_1_lets_everything_happen_in_scratch(namespaces: Outcomes, name: str) -> None:
    assert unchanged(namespaces, name) is None


@pytest.mark.parametrize("name", [*sorted(BEYOND), *sorted(SERVICES), "native-signal"])
def test_level_1_has_nobody_to_reach(namespaces: Outcomes, name: str) -> None:
    said = unchanged(namespaces, name) or ""
    assert said.startswith(("ENETUNREACH", "ECONNREFUSED", "ESRCH"))


@pytest.mark.parametrize("name", WRITES)
def test_level_2_redirects_what_python_writes(fence: Outcomes, name: str) -> None:
    assert unchanged(fence, name) is None


@pytest.mark.parametrize("name", [*NATIVE, *attacks.SHELL])
def test_level_2_refuses_all_other_writers(fence: Outcomes, name: str) -> None:
    said = unchanged(fence, name) or ""
    assert said.split(":")[0] in REFUSALS


@pytest.mark.parametrize("name", [*sorted(BEYOND), *sorted(SERVICES), "native-signal"])
def test_level_2_reaches_nobody(fence: Outcomes, name: str) -> None:
    said = unchanged(fence, name) or ""
    assert said.split(":")[0] in ({"ENETUNREACH"} if name in BEYOND else REFUSALS)


@pytest.mark.parametrize("name", [name for name in attacks.PYTHON if name not in BEYOND | SERVICES])
def test_level_2_of_old_kernels_redirects(old_fence: Outcomes, name: str) -> None:
    assert unchanged(old_fence, name) is None


@pytest.mark.parametrize("name", attacks.NATIVE)
def test_level_2_of_old_kernels_refuses(old_fence: Outcomes, name: str) -> None:
    said = unchanged(old_fence, name) or ""
    assert said.split(":")[0] in {*REFUSALS, "EXDEV"}


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_level_2_of_old_kernels_reaches_no_service(old_fence: Outcomes, name: str) -> None:
    assert (unchanged(old_fence, name) or "").startswith(("EACCES", "ECONNREFUSED"))


@pytest.mark.parametrize("name", WRITES)
def test_level_3_redirects_what_python_writes(redirect: Outcomes, name: str) -> None:
    assert unchanged(redirect, name) is None


@pytest.mark.parametrize("name", sorted(BEYOND))
def test_level_3_refuses_addresses_to_python(redirect: Outcomes, name: str) -> None:
    assert "--network" in (unchanged(redirect, name) or "")


def test_level_3_does_not_promise_what_it_lets_through(tmp_path: Path) -> None:
    plan = choose(Level.REDIRECT)
    assert "NOT covered: other native libraries, programs that are not Python" in plan.promise
    victims.make(tmp_path / "sh-append")
    run(Level.REDIRECT, "-c", "import os; os.system('echo more >> file.txt')", cwd=tmp_path / "sh-append")
    run(Level.REDIRECT, "-I", "-c", "open('made.txt', 'w')", cwd=tmp_path)
    assert (tmp_path / "sh-append" / "file.txt").read_text() == "original\nmore\n"
    assert (tmp_path / "made.txt").exists()


def test_without_a_sandbox_what_is_written_is_written(tmp_path: Path) -> None:
    assert "There is no sandbox" in choose(Level.NONE).promise
    run(Level.NONE, "-c", "open('made.txt', 'w').write('here')", cwd=tmp_path)
    assert (tmp_path / "made.txt").read_text() == "here"


@pytest.mark.parametrize("level", [Level.NAMESPACES, Level.FENCE, Level.REDIRECT])
def test_far_places_stay_clean(level: Level, tmp_path: Path) -> None:
    """Not only below the working directory: temporary files, the home directory, the root, shared memory."""
    name = f"trainlint-far-{os.getpid()}-{level.value}"
    home = tmp_path / "home"
    home.mkdir()
    places = ["/tmp", "/var/tmp", "/dev/shm", str(home)] + (["/", "/etc"] if os.getuid() == 0 else [])
    before = {place: set(os.listdir(place)) for place in places}
    code = f"""
import os, tempfile, multiprocessing
from multiprocessing import shared_memory
for place in {places}:
    path = os.path.join(place, {name!r})
    with open(path, "w") as file:
        file.write("here")
    assert {name!r} in os.listdir(place)
segment = shared_memory.SharedMemory(create=True, size=100, name="{name}-segment")
tempfile.mkdtemp(prefix={name!r})
multiprocessing.Lock()
os._exit(9)
"""
    assert run(level, "-c", code, cwd=tmp_path, home=home) == 9
    after = {place: set(os.listdir(place)) for place in places}
    ours = {place: {entry for entry in after[place] - before[place] if name in entry} for place in places}
    assert ours == {place: set() for place in places}


@pytest.mark.parametrize("level", [Level.NAMESPACES, Level.FENCE, Level.REDIRECT])
def test_shared_tensors_of_a_killed_script_go(level: Level, tmp_path: Path) -> None:
    """Torch names the segments itself, in native code, and leaves their removal to a process that is killed too."""
    code = """
import os, signal, torch, torch.multiprocessing
torch.multiprocessing.set_sharing_strategy("file_system")
tensors = [torch.ones(10).share_memory_() for _ in range(3)]
print(*(name for name in os.listdir("/dev/shm") if name.startswith(f"torch_{os.getpid()}_")), flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""
    with Sandboxed(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=dict(os.environ),
        plan=choose(level),
        stdout=subprocess.PIPE,
    ) as command:
        assert command.stdout is not None
        names = command.stdout.read().decode().split()
        assert command.wait() == -9
    assert len(names) == 3
    assert not set(names) & set(os.listdir("/dev/shm"))


@pytest.mark.parametrize("level", [Level.NAMESPACES, Level.FENCE, Level.REDIRECT])
def test_data_in_shared_memory_can_be_read(level: Level) -> None:
    """Some keep their data there, or even work there."""
    place = Path(f"/dev/shm/trainlint-data-{os.getpid()}")
    victims.make(place)
    try:
        before = victims.snapshot(place)
        code = """
import os, shutil
with open("file.txt", "a") as file:
    file.write("more")
assert open("file.txt").read() == "original\\nmore"
shutil.rmtree("tree")
os.makedirs("tree")
assert os.listdir("tree") == []
"""
        assert run(level, "-c", code, cwd=place) == 0
        assert victims.snapshot(place) == before
    finally:
        shutil.rmtree(place)


@pytest.mark.parametrize("level", [Level.NAMESPACES, Level.FENCE])
def test_the_machine_itself_is_out_of_reach(level: Level, tmp_path: Path) -> None:
    """Kernel settings, disks and the supervisor's own files."""
    code = """
import ctypes, os, stat
libc = ctypes.CDLL(None, use_errno=True)
def refused(action):
    try:
        action()
    except OSError:
        return True
    return False
assert refused(lambda: os.close(os.open("/proc/sys/kernel/core_pattern", os.O_WRONLY)))
assert refused(lambda: os.close(os.open("/proc/sysrq-trigger", os.O_WRONLY)))
blocks = ["/dev/" + name for name in os.listdir("/dev") if stat.S_ISBLK(os.lstat("/dev/" + name).st_mode)]
assert all(refused(lambda: os.close(os.open(disk, os.O_WRONLY))) for disk in blocks), blocks
assert refused(lambda: os.mknod("disk", stat.S_IFBLK | 0o600, os.makedev(7, 0))) or refused(
    lambda: os.close(os.open("disk", os.O_RDONLY))
)
assert libc.sethostname(b"other", 5) < 0
assert libc.mount(b"none", b"/mnt", b"tmpfs", 0, None) < 0
assert libc.open(b"/sys/kernel/profiling", os.O_WRONLY) < 0
with open("/dev/null", "w") as file:
    file.write("gone")
"""
    assert run(level, "-c", code, cwd=tmp_path) == 0


def test_level_1_shows_no_other_process_and_no_other_device(tmp_path: Path) -> None:
    code = """
import os, stat
assert len([name for name in os.listdir("/proc") if name.isdigit()]) < 10
devices = [name for name in os.listdir("/dev") if stat.S_ISCHR(os.lstat("/dev/" + name).st_mode)]
basic = {"null", "zero", "full", "random", "urandom", "tty"}
assert basic <= set(devices)
assert all(name in basic or name.startswith(("nvidia", "kfd", "dxg", "accel")) for name in devices), devices
"""
    assert run(Level.NAMESPACES, "-c", code, cwd=tmp_path) == 0


def test_the_scratches_of_others_are_hidden_at_level_1(tmp_path: Path) -> None:
    plan = choose(Level.NAMESPACES)
    code = f"import os; assert os.listdir({plan.scratch_base!r}) == []"
    assert run(Level.NAMESPACES, "-c", code, cwd=tmp_path) == 0


def test_mounts_cannot_be_taken_off_at_level_1(tmp_path: Path) -> None:
    (tmp_path / "file.txt").write_text("original")
    code = """
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
for point in ("/" + os.getcwd().split("/")[1], "/proc", "/sys", "/"):
    assert libc.umount2(point.encode(), 2) < 0
    assert libc.mount(None, point.encode(), None, 32 | 4096, None) < 0
# A user namespace of one's own gives the right to mount, but not over what is locked.
if libc.unshare(0x10000000 | 0x20000) == 0:
    assert libc.umount2(("/" + os.getcwd().split("/")[1]).encode(), 2) < 0
"""
    assert run(Level.NAMESPACES, "-c", code, cwd=tmp_path) == 0


def run(level: Level, *arguments: str, cwd: Path, home: Path | None = None) -> int:
    env = dict(os.environ, HOME=str(home)) if home else dict(os.environ)
    with Sandboxed(
        [sys.executable, *arguments],
        cwd=cwd,
        env=env,
        plan=choose(level),
        limits=Limits(wall_s=60),
        stderr=subprocess.STDOUT,
    ) as command:
        return command.wait()
