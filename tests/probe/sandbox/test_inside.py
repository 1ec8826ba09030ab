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
import subprocess, sys
command = "TRAINLINT_SANDBOX_BYTES=none exec " + sys.executable + " -c 'print(1)'"
done = subprocess.run(["sh", "-c", command], capture_output=True, text=True)
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


@pytest.mark.parametrize("level", REDIRECTING)
def test_a_python_child_is_redirected_whatever_its_environment(level: Level, tmp_path: Path) -> None:
    (tmp_path / "log.txt").write_text("original\n")
    code = """
import multiprocessing, os, subprocess, sys
append = "print('more', file=open('log.txt', 'a'))"
subprocess.run([sys.executable, "-c", append], env={}, check=True)
os.environ["PYTHONPATH"] = "elsewhere"
subprocess.run([sys.executable, "-c", append], check=True)
assert os.system(f'{sys.executable} -c "{append}"') == 0
assert os.environ["PYTHONPATH"] == "elsewhere"
if os.fork() == 0:
    os.execve(sys.executable, [sys.executable, "-c", append], {"PATH": os.environ["PATH"]})
os.wait()
if os.fork() == 0:
    os.execlp(sys.executable, sys.executable, "-c", append)
os.wait()
process = multiprocessing.get_context("spawn").Process(target=exec, args=(append,))
process.start()
process.join()
print(len(open("log.txt").readlines()))
"""
    assert says(level, code, tmp_path) == "7"
    assert (tmp_path / "log.txt").read_text() == "original\n"


@pytest.mark.parametrize("level", REDIRECTING)
def test_children_get_the_written_copies_that_their_arguments_name(level: Level, tmp_path: Path) -> None:
    (tmp_path / "log.txt").write_text("original\n")
    code = """
import os, subprocess, sys
with open("log.txt", "a") as file:
    file.write("more\\n")
with open("made.py", "w") as file:
    file.write("print('ran')\\n")
with open("made.sh", "w") as file:
    file.write("#!/bin/sh\\nlog=$1; echo more >> $log; wc -l < $log\\n")
os.chmod("made.sh", 0o755)
os.makedirs("out/run")
def run(*argv, **options):
    return subprocess.run(argv, check=True, capture_output=True, text=True, **options).stdout.strip()
print(run(sys.executable, "made.py"), run("./made.sh", "log.txt"))
print(run("pwd", cwd="out/run").endswith("out/run"), len(open("log.txt").readlines()))
"""
    assert says(level, code, tmp_path) == "ran 3\nTrue 3"
    assert os.listdir(tmp_path) == ["log.txt"]


@pytest.mark.parametrize("level", LEVELS)
def test_scratch_goes_however_deep_it_is(level: Level, tmp_path: Path) -> None:
    code = """
import os
for _ in range(1500):
    os.mkdir("deeper-and-deeper")
    os.chdir("deeper-and-deeper")
with open("file.txt", "w") as file:
    file.write("x")
os.chmod(".", 0)
os._exit(0)
"""
    before = os.listdir(choose(level).scratch_base)
    native = ["-I"] if level is Level.NAMESPACES else []
    with Sandboxed([sys.executable, *native, "-c", code], cwd=tmp_path, env=dict(os.environ), plan=choose(level)) as command:
        command.wait(60)
    assert os.listdir(choose(level).scratch_base) == before
    assert os.listdir(tmp_path) == []
