"""What Python writes itself."""

from __future__ import annotations

import mmap
import multiprocessing
import os
import shutil
import sqlite3
import stat
import subprocess
import sys
from pathlib import Path

from .registry import PYTHON, attack, text, write


@attack(PYTHON)
def append() -> None:
    write("file.txt", "more\n", "a")
    assert text("file.txt") == "original\nmore\n"


@attack(PYTHON)
def overwrite() -> None:
    write("file.txt")
    assert text("file.txt") == "new\n"


@attack(PYTHON)
def truncating_open() -> None:
    os.close(os.open("file.txt", os.O_WRONLY | os.O_TRUNC))
    assert os.path.getsize("file.txt") == 0


@attack(PYTHON)
def truncating_read() -> None:
    os.close(os.open("file.txt", os.O_RDONLY | os.O_TRUNC))
    assert os.stat("file.txt").st_size == 0


@attack(PYTHON)
def update_huge_sparse() -> None:
    size = os.path.getsize("huge.bin")
    with open("huge.bin", "r+b") as file:
        file.seek(size // 2)
        file.write(b"middle")
        file.seek(0)
        assert file.read(5) == b"start"
        file.seek(size - 3)
        assert file.read() == b"end"
    with open("huge.bin", "rb") as file:
        file.seek(size // 2)
        assert file.read(6) == b"middle"


@attack(PYTHON)
def memory_map() -> None:
    with open("file.txt", "r+b") as file, mmap.mmap(file.fileno(), 0) as memory:
        memory[:3] = b"NEW"
        memory.flush()
    assert text("file.txt") == "NEWginal\n"


@attack(PYTHON)
def path_writes() -> None:
    Path("file.txt").write_text("new\n")
    Path("new.txt").write_bytes(b"made\n")
    Path("new.txt").rename("other.txt")
    assert Path("file.txt").read_text() == "new\n"
    assert sorted(path.name for path in Path().glob("*.txt")) == [
        "file.txt",
        "hard.txt",
        "link.txt",
        "other.txt",
    ]


@attack(PYTHON)
def make_and_list() -> None:
    os.makedirs("tree/new/deeper")
    write("tree/new/deeper/file.txt")
    with os.scandir("tree") as entries:
        kinds = {entry.name: entry.is_dir() for entry in entries}
    assert kinds == {"leaf.txt": False, "deep": True, "new": True}
    assert [names for _, names, _ in os.walk("tree/new")] == [["deeper"], []]
    assert sorted(os.listdir("tree")) == ["deep", "leaf.txt", "new"]


@attack(PYTHON)
def remove() -> None:
    os.remove("file.txt")
    assert not os.path.exists("file.txt")
    assert "file.txt" not in os.listdir(".")
    write("file.txt", "again\n", "x")
    assert text("file.txt") == "again\n"


@attack(PYTHON)
def remove_tree() -> None:
    shutil.rmtree("tree")
    assert not os.path.exists("tree")
    os.makedirs("tree")
    assert os.listdir("tree") == []
    write("tree/leaf.txt")
    assert os.listdir("tree") == ["leaf.txt"]


@attack(PYTHON)
def rename_over() -> None:
    os.replace("tree/leaf.txt", "file.txt")
    assert text("file.txt") == "leaf\n"
    assert not os.path.exists("tree/leaf.txt")


@attack(PYTHON)
def rename_directory() -> None:
    os.rename("tree", "old-tree")
    assert not os.path.exists("tree")
    assert text("old-tree/leaf.txt") == "leaf\n"
    assert text("old-tree/deep/down.txt") == "down\n"
    os.makedirs("tree")
    assert os.listdir("tree") == []


@attack(PYTHON)
def move_away() -> None:
    import tempfile

    target = os.path.join(tempfile.mkdtemp(), "moved.txt")
    shutil.move("file.txt", target)
    assert text(target) == "original\n"
    os.replace(target, "file.txt")
    assert text("file.txt") == "original\n"


@attack(PYTHON)
def modes() -> None:
    os.chmod("file.txt", 0o600)
    assert stat.S_IMODE(os.stat("file.txt").st_mode) == 0o600
    os.chmod("tree", 0o755)


@attack(PYTHON)
def modes_by_descriptor() -> None:
    descriptor = os.open("file.txt", os.O_RDONLY)
    os.fchmod(descriptor, 0o600)
    os.close(descriptor)


@attack(PYTHON)
def times() -> None:
    os.utime("file.txt", (1, 2))
    assert os.stat("file.txt").st_mtime == 2
    os.utime("tree", (1, 2))
    shutil.copystat("tree/leaf.txt", "tree/deep/down.txt")


@attack(PYTHON)
def owners() -> None:
    os.chown("file.txt", os.getuid(), os.getgid())


@attack(PYTHON)
def attributes() -> None:
    os.setxattr("file.txt", "user.trainlint", b"new")


@attack(PYTHON)
def symbolic_links() -> None:
    write("link.txt", "more\n", "a")
    assert text("file.txt") == "original\nmore\n"
    write("directory-link/new.txt")
    assert text("tree/new.txt") == "new\n"
    os.symlink(os.path.abspath("file.txt"), "absolute.txt")
    write("absolute.txt", "most\n", "a")
    assert text("link.txt") == "original\nmore\nmost\n"
    os.remove("link.txt")
    assert os.path.exists("file.txt")


@attack(PYTHON)
def hard_links() -> None:
    os.link("file.txt", "second.txt")
    write("second.txt", "more\n", "a")
    assert text("second.txt") == "original\nmore\n"
    write("hard.txt", "hard\n")


@attack(PYTHON)
def parent_directories() -> None:
    write("tree/deep/../../file.txt", "more\n", "a")
    os.chdir("tree/deep")
    write("../leaf.txt", "more\n", "a")
    write("fresh.txt")
    assert sorted(os.listdir(".")) == ["down.txt", "fresh.txt"]
    os.chdir("../..")
    assert text("tree/leaf.txt") == "leaf\nmore\n"


@attack(PYTHON)
def work_in_new_directory() -> None:
    os.makedirs("out/run")
    os.chdir("out/run")
    write("log.txt")
    assert os.getcwd().endswith("work-in-new-directory/out/run")
    assert os.path.exists("log.txt")
    write("../../file.txt", "more\n", "a")
    os.chdir("../..")
    assert text("file.txt") == "original\nmore\n"


@attack(PYTHON)
def by_directory_descriptor() -> None:
    descriptor = os.open("tree", os.O_RDONLY)
    os.unlink("leaf.txt", dir_fd=descriptor)
    os.mkdir("made", dir_fd=descriptor)
    os.rename("made", "named", src_dir_fd=descriptor, dst_dir_fd=descriptor)
    os.close(descriptor)
    assert sorted(os.listdir("tree")) == ["deep", "named"]


@attack(PYTHON)
def temporary_beside() -> None:
    import tempfile

    with tempfile.NamedTemporaryFile("w", dir=".", delete=False) as file:
        file.write("new\n")
    os.replace(file.name, "file.txt")
    assert text("file.txt") == "new\n"


@attack(PYTHON)
def python_children() -> None:
    code = "with open('file.txt', 'a') as file: file.write('child\\n')"
    subprocess.run([sys.executable, "-c", code], check=True)
    assert text("file.txt") == "original\nchild\n"


@attack(PYTHON)
def worker_processes() -> None:
    for method in ("fork", "spawn"):
        process = multiprocessing.get_context(method).Process(target=write, args=("file.txt", method + "\n", "a"))
        process.start()
        process.join(60)
        assert process.exitcode == 0
    assert text("file.txt") == "original\nfork\nspawn\n"


@attack(PYTHON)
def module_written_and_imported() -> None:
    os.makedirs("package")
    write("package/__init__.py", "VALUE = 3\n")
    sys.path.insert(0, os.getcwd())
    import package  # type: ignore[import-not-found]

    assert package.VALUE == 3
    sys.path.remove(os.getcwd())


@attack(PYTHON)
def database() -> None:
    connection = sqlite3.connect("data.sqlite")
    connection.execute("insert into items values ('new')")
    connection.commit()
    connection.close()
    connection = sqlite3.connect("data.sqlite")
    assert connection.execute("select count(*) from items").fetchone() == (2,)
    connection.execute("drop table items")
    connection.commit()
    connection.close()


@attack(PYTHON)
def database_address() -> None:
    place = "file:" + os.path.abspath("data.sqlite")
    connection = sqlite3.connect(place + "?mode=rw", uri=True)
    connection.execute("pragma journal_mode=wal")
    connection.execute("insert into items values ('new')")
    connection.commit()
    reader = sqlite3.connect(place + "?mode=ro", uri=True)
    assert reader.execute("select count(*) from items").fetchone() == (2,)
    reader.close()
    connection.close()
