"""Files that attacks go for, and an exact account of them."""

from __future__ import annotations

import hashlib
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

HUGE = 1 << 40


def make(directory: Path) -> None:
    """One directory full of victims of every kind."""
    directory.mkdir(parents=True)
    (directory / "tree" / "deep").mkdir(parents=True)
    (directory / "file.txt").write_text("original\n")
    (directory / "tree" / "leaf.txt").write_text("leaf\n")
    (directory / "tree" / "deep" / "down.txt").write_text("down\n")
    (directory / "link.txt").symlink_to("file.txt")
    (directory / "directory-link").symlink_to(directory / "tree")
    os.link(directory / "file.txt", directory / "hard.txt")
    connection = sqlite3.connect(directory / "data.sqlite")
    connection.execute("create table items (name text)")
    connection.execute("insert into items values ('old')")
    connection.commit()
    connection.close()


def make_huge(directory: Path) -> None:
    with (directory / "huge.bin").open("wb") as file:
        file.write(b"start")
        file.seek(HUGE - 3)
        file.write(b"end")


def make_numeric(directory: Path) -> None:
    import h5py
    import numpy

    numpy.save(directory / "array.npy", numpy.arange(4.0))
    with h5py.File(directory / "data.h5", "w") as file:
        file["items"] = [1, 2, 3]
    (directory / "model.pt").write_bytes(b"a checkpoint")


def give(directory: Path, owner: int) -> None:
    for path in (directory, *_below(directory)):
        os.chown(path, owner, owner, follow_symlinks=False)


def snapshot(directory: Path) -> dict[str, tuple[object, ...]]:
    """Everything about every file below that a write could change: inode, mode, links, owner, size, blocks,
    times to the nanosecond (of inode changes too), attributes and content.
    """
    found = {}
    for path in (directory, *_below(directory)):
        info = os.lstat(path)
        found[str(path.relative_to(directory))] = (
            info.st_ino,
            info.st_mode,
            info.st_nlink,
            (info.st_uid, info.st_gid),
            info.st_size,
            info.st_blocks,
            info.st_mtime_ns,
            info.st_ctime_ns,
            tuple(os.listxattr(path, follow_symlinks=False)),
            _content(path, info),
        )
    return found


def _below(directory: Path) -> Iterator[Path]:
    for top, directories, files in os.walk(directory):
        for name in (*directories, *files):
            yield Path(top, name)


def _content(path: Path, info: os.stat_result) -> str:
    if path.is_symlink():
        return os.readlink(path)
    if not path.is_file():
        return ""
    if info.st_size > 1 << 30:
        with path.open("rb") as file:
            start = file.read(4096)
            file.seek(-4096, os.SEEK_END)
            return hashlib.sha256(start + file.read()).hexdigest()
    return hashlib.sha256(path.read_bytes()).hexdigest()
