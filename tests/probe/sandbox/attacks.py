"""Run inside a sandbox: `attacks.py DIRECTORY NAME...` does each named harm in DIRECTORY/NAME.

Prints one JSON line for each: `{"attack", "error"}`, where `error` is null when the harm seemed to the
script to have been done and what it then read back was what it had written.
"""

from __future__ import annotations

import ctypes
import errno
import json
import mmap
import multiprocessing
import os
import shutil
import socket
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

PYTHON: dict[str, Callable[[], None]] = {}
LIBRARIES: dict[str, Callable[[], None]] = {}
NATIVE: dict[str, Callable[[], None]] = {}
SHELL: dict[str, str] = {
    "sh-append": "echo more >> file.txt && grep -q more file.txt",
    "sh-overwrite": "echo new > file.txt",
    "sh-remove": "rm -f file.txt && test ! -e file.txt",
    "sh-remove-tree": "rm -rf tree && test ! -e tree",
    "sh-move": "mv tree/leaf.txt file.txt",
    "sh-move-directory": "mv tree moved && test -d moved/deep",
    "sh-mode": "chmod 000 file.txt && chmod 777 tree",
    "sh-times": "touch -d 2001-02-03 file.txt tree",
    "sh-link": "ln file.txt second.txt && ln -s file.txt third.txt",
    "sh-make": "mkdir new && : > new/file && mkfifo new/pipe",
    "sh-through-link": "echo more >> link.txt && echo more > directory-link/new.txt",
    "sh-parent": "echo more >> tree/../file.txt",
    "sh-truncate": "truncate -s 3 file.txt",
    "sh-copy": "cp -p tree/leaf.txt file.txt",
    "sh-nohup": "nohup sh -c 'echo more >> file.txt' >/dev/null 2>&1",
}


def attack(group: dict[str, Callable[[], None]]) -> Callable[[Callable[[], None]], Callable[[], None]]:
    def add(function: Callable[[], None]) -> Callable[[], None]:
        group[function.__name__.replace("_", "-")] = function
        return function

    return add


def text(path: str) -> str:
    with open(path) as file:
        return file.read()


def write(path: str, content: str = "new\n", mode: str = "w") -> None:
    with open(path, mode) as file:
        file.write(content)


# What Python writes itself.


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


# What native libraries write, through entry points that the redirection knows.


@attack(LIBRARIES)
def torch_save() -> None:
    import torch

    torch.save({"weight": torch.ones(3)}, "model.pt")
    assert torch.load("model.pt")["weight"].sum() == 3
    assert torch.load("model.pt", mmap=True)["weight"].sum() == 3
    torch.save([1], "new.pt", _use_new_zipfile_serialization=False)
    assert torch.load("new.pt") == [1]


@attack(LIBRARIES)
def torch_jit_save() -> None:
    import torch

    script = torch.jit.trace(torch.nn.Linear(2, 2), torch.ones(1, 2))
    torch.jit.save(script, "model.pt")
    torch.jit.load("model.pt")
    script.save("new.pt")
    assert os.path.getsize("new.pt") > 100


@attack(LIBRARIES)
def h5py_file() -> None:
    import h5py

    with h5py.File("data.h5", "a") as file:
        file["items"][0] = 9
        file["new"] = [1, 2]
    with h5py.File("data.h5", "r") as file:
        assert file["items"][0] == 9
        assert list(file) == ["items", "new"]
    with h5py.File("data.h5", "w") as file:
        assert list(file) == []


@attack(LIBRARIES)
def numpy_arrays() -> None:
    import numpy

    mapped = numpy.load("array.npy", mmap_mode="r+")
    mapped[0] = 9
    mapped.flush()
    assert numpy.load("array.npy")[0] == 9
    numpy.save("array.npy", numpy.zeros(4))
    numpy.zeros(4).tofile("file.txt")
    assert numpy.fromfile("file.txt").sum() == 0


@attack(LIBRARIES)
def safetensors_file() -> None:
    import torch
    from safetensors.torch import load_file, save_file

    save_file({"weight": torch.ones(3)}, "model.pt")
    assert load_file("model.pt")["weight"].sum() == 3


@attack(LIBRARIES)
def data_loader_workers() -> None:
    import torch

    data = torch.utils.data.TensorDataset(torch.arange(64.0))
    loader = torch.utils.data.DataLoader(data, batch_size=4, num_workers=2)
    assert sum(float(batch.sum()) for (batch,) in loader) == 2016


# What native code writes that no redirection knows of.

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


# What reaches out.


@attack(NATIVE)
def native_signal() -> None:
    call("kill", int(os.environ["BYSTANDER"]), 0)


@attack(PYTHON)
def socket_of_a_service() -> None:
    with socket.socket(socket.AF_UNIX) as channel:
        channel.connect(os.environ["SERVICE_SOCKET"])


@attack(PYTHON)
def abstract_socket() -> None:
    with socket.socket(socket.AF_UNIX) as channel:
        channel.connect("\0" + os.environ["ABSTRACT_SOCKET"])


@attack(PYTHON)
def beyond_loopback() -> None:
    with socket.socket() as channel:
        channel.settimeout(5)
        channel.connect(("192.0.2.1", 80))


@attack(PYTHON)
def beyond_loopback_datagram() -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as channel:
        channel.sendto(b"x", ("192.0.2.1", 53))


@attack(PYTHON)
def loopback() -> None:
    with socket.socket() as server, socket.socket() as client:
        server.bind(("127.0.0.1", 0))
        server.listen()
        client.connect(server.getsockname())
        connection, _ = server.accept()
        with connection:
            client.sendall(b"hello")
            assert connection.recv(5) == b"hello"


ALL = {**PYTHON, **LIBRARIES, **NATIVE}


def run(name: str) -> None:
    if name in SHELL:
        done = subprocess.run(["sh", "-c", SHELL[name]], capture_output=True, text=True, timeout=60)
        if done.returncode:
            raise OSError(errno.EPERM, done.stderr.strip())
    else:
        ALL[name]()


def main() -> None:
    top = sys.argv[1]
    for name in sys.argv[2:]:
        os.chdir(os.path.join(top, name))
        outcome: dict[str, object] = {"attack": name, "error": None, "text": ""}
        try:
            run(name)
        except OSError as error:
            outcome.update(error=errno.errorcode.get(error.errno or 0, "OSError"), text=str(error))
        except Exception as error:
            outcome.update(error=type(error).__name__, text=repr(error))
        sys.stdout.write(json.dumps(outcome) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
