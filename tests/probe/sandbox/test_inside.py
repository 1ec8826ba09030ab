"""What the redirection does to the interpreter it lives in, beyond sending writes elsewhere."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from trainlint.probe.sandbox import Level, Limits, Sandboxed, choose

LEVELS = [Level.NAMESPACES, Level.FENCE, Level.REDIRECT]
REDIRECTING = LEVELS[1:]


def says(level: Level, code: str, cwd: Path, **env: str) -> str:
    with Sandboxed(
        [sys.executable, "-c", code],
        cwd=cwd,
        env={**os.environ, **env},
        plan=choose(level),
        limits=Limits(wall_s=60),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    ) as command:
        assert command.stdout is not None
        said = command.stdout.read().decode().strip()
        assert command.wait() == 0, said
        return said


@pytest.mark.parametrize("level", LEVELS)
def test_it_leaves_no_trace_on_the_search_path(level: Level, tmp_path: Path) -> None:
    code = "import sys; print([entry for entry in sys.path if 'sandbox' in entry and 'inside' in entry])"
    assert says(level, code, tmp_path) == "[]"


@pytest.mark.parametrize("level", LEVELS)
def test_the_users_own_sitecustomize_still_runs(level: Level, tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text("import builtins\nbuiltins.mine = 'here'\n")
    code = "import sitecustomize; print(mine, sitecustomize.__file__)"
    said = says(level, code, tmp_path, PYTHONPATH=str(tmp_path))
    assert said == f"here {tmp_path / 'sitecustomize.py'}"


@pytest.mark.parametrize("level", LEVELS)
def test_functions_taken_into_a_class_stay_functions(level: Level, tmp_path: Path) -> None:
    code = """
import os, pickle, io
class Files:
    remove = os.remove
    open = open
    exists = staticmethod(os.path.exists)
with Files().open("new.txt", "w") as file:
    file.write("x")
Files().remove("new.txt")
assert not Files().exists("new.txt")
assert pickle.loads(pickle.dumps(os.rename)) is os.rename
assert isinstance(open(__import__("sys").executable, "rb", buffering=0), io.FileIO)
"""
    assert says(level, code, tmp_path) == ""


@pytest.mark.parametrize("level", LEVELS)
def test_errors_name_what_the_script_named(level: Level, tmp_path: Path) -> None:
    code = """
import os
with open("made.txt", "w"): pass
for action in (
    lambda: open("missing.txt"),
    lambda: open("missing/new.txt", "w"),
    lambda: os.remove("missing.txt"),
    lambda: os.mkdir("made.txt"),
    lambda: os.rmdir("."),
    lambda: os.listdir("missing"),
    lambda: open("made.txt", "x"),
    lambda: open(".", "w"),
    lambda: os.rename("missing.txt", "other.txt"),
):
    try:
        action()
    except OSError as error:
        print(type(error).__name__, error.filename)
"""
    expected = """\
FileNotFoundError missing.txt
FileNotFoundError missing/new.txt
FileNotFoundError missing.txt
FileExistsError made.txt
OSError .
FileNotFoundError missing
FileExistsError made.txt
IsADirectoryError .
FileNotFoundError missing.txt"""
    assert says(level, code, tmp_path) == expected


@pytest.mark.parametrize("level", REDIRECTING)
def test_a_redirection_that_cannot_be_set_up_ends_the_interpreter(level: Level, tmp_path: Path) -> None:
    """Without it nothing would stand between the script and the files."""
    code = """
import os, subprocess, sys
env = dict(os.environ, TRAINLINT_SANDBOX_BYTES="no number")
done = subprocess.run([sys.executable, "-c", "print('ran')"], env=env, capture_output=True, text=True)
print(done.returncode, repr(done.stdout), "could not be set up" in done.stderr)
"""
    assert says(level, code, tmp_path) == "70 '' True"


@pytest.mark.parametrize("level", REDIRECTING)
def test_children_work_in_scratch_as_anywhere(level: Level, tmp_path: Path) -> None:
    code = """
import os, subprocess, tempfile
place = tempfile.mkdtemp()
script = '''set -e
cd "$1"; mkdir -p a/b; echo x > a/b/f; chmod 600 a/b/f; chmod 755 a; touch -d 2001-02-03 a/b/f
mv a/b c; ln c/f g; ln -s c h; cp -p g i; tar cf t.tar c; tar xf t.tar -C a; rm -r c a'''
subprocess.run(["sh", "-c", script, "sh", place], check=True)
print(sorted(os.listdir(place)), os.stat(place + "/g").st_mode & 0o777)
"""
    assert says(level, code, tmp_path) == "['g', 'h', 'i', 't.tar'] 384"


@pytest.mark.parametrize("level", REDIRECTING)
def test_two_processes_that_append_to_one_original_lose_nothing(level: Level, tmp_path: Path) -> None:
    (tmp_path / "log.txt").write_text("original\n" * 1000)
    code = """
import os
pids = []
for number in range(8):
    pid = os.fork()
    if not pid:
        for _ in range(20):
            with open("log.txt", "a") as file:
                file.write("more\\n")
        os._exit(0)
    pids.append(pid)
for pid in pids:
    os.waitpid(pid, 0)
print(len(open("log.txt").readlines()))
"""
    assert says(level, code, tmp_path) == "1160"
    assert (tmp_path / "log.txt").read_text() == "original\n" * 1000
