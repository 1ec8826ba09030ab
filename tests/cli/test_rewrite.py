"""A file is replaced whole, kept as it was around the fix, and left alone when that cannot be promised."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
from pathlib import Path

import pytest
from trainlint.fixes import rewrite as module
from trainlint.fixes.rewrite import NotWrittenError, encode, rewrite, unified_diff
from trainlint.source.encoding import Encoding, decode


@pytest.mark.parametrize(
    "data",
    [
        b"# coding: latin-1\r\nx = '\xe9'\r\n",
        b"\xef\xbb\xbfx = '\xc3\xa9'\n",
        b"# coding: shift_jis\nx = '\x93\xfa\x96\x7b'\n",
    ],
)
def test_bytes_outside_the_edit_are_kept(data: bytes) -> None:
    text, encoding = decode(data)
    assert encode(text + "y = 2\n", encoding, data, text) == data + b"y = 2\n"


def test_an_encoding_that_cannot_promise_the_same_bytes_is_refused() -> None:
    data = b"# coding: utf-7\n+AGE-\n"
    text, encoding = decode(data)
    with pytest.raises(NotWrittenError, match="does not give back the bytes"):
        encode(text, encoding, data, text)
    with pytest.raises(NotWrittenError, match="cannot be written in latin-1"):
        encode("x = '日'", Encoding("latin-1"), b"x", "x")


def test_mode_and_contents_are_kept_and_nothing_is_left_behind(tmp_path: Path) -> None:
    file = tmp_path / "a.py"
    file.write_bytes(b"old")
    file.chmod(0o754)
    rewrite(str(file), b"old", b"new")
    assert file.read_bytes() == b"new"
    assert stat.S_IMODE(file.stat().st_mode) == 0o754
    assert os.listdir(tmp_path) == ["a.py"]


def test_a_link_stays_a_link_and_its_file_is_fixed(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "a.py").write_bytes(b"old")
    link = tmp_path / "link.py"
    link.symlink_to("real/a.py")
    rewrite(str(link), b"old", b"new")
    assert link.is_symlink()
    assert (tmp_path / "real" / "a.py").read_bytes() == b"new"


def test_a_file_that_changed_meanwhile_is_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "a.py"
    file.write_bytes(b"edited")
    with pytest.raises(NotWrittenError, match="it changed while it was being checked"):
        rewrite(str(file), b"old", b"new")
    assert file.read_bytes() == b"edited"


def test_a_failure_leaves_the_old_file_and_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "a.py"
    file.write_bytes(b"old")

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module.os, "fsync", full)
    with pytest.raises(NotWrittenError, match="no space left on device"):
        rewrite(str(file), b"old", b"new")
    assert file.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a.py"]


def test_a_file_that_is_gone_is_told(tmp_path: Path) -> None:
    with pytest.raises(NotWrittenError, match="no such file or directory"):
        rewrite(str(tmp_path / "a.py"), b"old", b"new")


PAIRS = {
    "insertion": (b"a\nb\nc\n", b"a\nx\nb\nc\n"),
    "crlf": (b"a\r\nb\r\n", b"a\r\nx\r\nb\r\n"),
    "no end of line before": (b"a\nb", b"a\nb\nc\n"),
    "no end of line after": (b"a\nb\n", b"a\nb\nc"),
    "no end of line at all": (b"a\nb", b"x\na\nb"),
    "bytes of another encoding": (b"a = '\xe9'\n", b"a = '\xe9'\nb = '\xe8'\n"),
    "form feed and line separator": (b"a\x0cb\n\xe2\x80\xa8c\n", b"a\x0cb\n\xe2\x80\xa8c\nd\n"),
    "from nothing": (b"", b"a\n"),
}


@pytest.mark.parametrize(("old", "new"), PAIRS.values(), ids=PAIRS)
def test_the_diff_is_one_that_git_applies(tmp_path: Path, old: bytes, new: bytes) -> None:
    if shutil.which("git") is None:
        pytest.fail("git is needed to apply the patch")
    (tmp_path / "a.py").write_bytes(old)
    patch = unified_diff("a.py", old, new)
    command = ["git", "apply", "-p0", "--whitespace=nowarn", "-"]
    subprocess.run(command, input=patch, cwd=tmp_path, check=True, timeout=60)
    assert (tmp_path / "a.py").read_bytes() == new


def test_nothing_changed_is_no_diff() -> None:
    assert unified_diff("a.py", b"a\n", b"a\n") == b""
