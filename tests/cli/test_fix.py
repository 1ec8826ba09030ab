"""``--fix`` and ``--diff`` on real files: the fix, the whole fix, and nothing but the fix."""

from __future__ import annotations

import json
import stat
import subprocess
from pathlib import Path

import pytest

from tests.cli.console import BAD, GOOD, SAFE, trainlint

FORMS = {
    "plain": lambda text: text.encode(),
    "crlf": lambda text: text.replace("\n", "\r\n").encode(),
    "tabs": lambda text: text.replace("    ", "\t").encode(),
    "mark": lambda text: b"\xef\xbb\xbf" + text.encode(),
    "latin-1": lambda text: b"# -*- coding: latin-1 -*-\n# \xe9t\xe9\n" + text.encode(),
    "no end of line": lambda text: text.rstrip("\n").encode(),
    "emoji": lambda text: ("# 👍 é\n" + text).encode(),
    "form feed": lambda text: text.replace("\n\n\ndef", "\n\x0c\ndef").encode(),
}


@pytest.mark.parametrize("form", FORMS)
def test_a_fixed_file_is_the_same_but_for_the_fix(tmp_path: Path, form: str) -> None:
    stored = FORMS[form]
    (tmp_path / "train.py").write_bytes(stored(BAD))
    result = trainlint("check", "--fix", "--unsafe-fixes", "train.py", cwd=tmp_path)
    assert (tmp_path / "train.py").read_bytes() == stored(GOOD)
    assert result.status == 0
    assert result.out == "Fixed 1 mistake.\nNo mistakes found in 1 file with training code.\n"
    again = trainlint("check", "--fix", "--unsafe-fixes", "train.py", cwd=tmp_path)
    assert again.out.startswith("Fixed 0 mistakes.\n")
    assert (tmp_path / "train.py").read_bytes() == stored(GOOD)


def test_fix_applies_safe_fixes_only_and_says_what_is_left(tmp_path: Path) -> None:
    (tmp_path / "bad.py").write_text(BAD)
    (tmp_path / "safe.py").write_text(SAFE)
    result = trainlint("check", "--fix", cwd=tmp_path)
    assert result.status == 1, "a finding remains"
    assert (tmp_path / "safe.py").read_text() == GOOD
    assert (tmp_path / "bad.py").read_text() == BAD
    assert "bad.py:13:9: TRN101" in result.out
    assert "Fixed 1 mistake, 1 unsafe fix not applied (use --unsafe-fixes).\n" in result.out


def test_show_fixes_lists_what_was_applied_and_what_was_not(tmp_path: Path) -> None:
    (tmp_path / "bad.py").write_text(BAD)
    (tmp_path / "safe.py").write_text(SAFE)
    shown = trainlint("check", "--diff", "--show-fixes", cwd=tmp_path)
    told = (
        "{verb} in safe.py:\n"
        "  1 x TRN108 (uncalled-training-method)\n"
        "Not fixed:\n"
        "  bad.py:13:9: TRN101 (missing-zero-grad): it changes how the program trains (use --unsafe-fixes)\n"
    )
    assert told.format(verb="Would fix") in shown.err
    assert (tmp_path / "safe.py").read_text() == SAFE
    assert told.format(verb="Fixed") in trainlint("check", "--fix", "--show-fixes", cwd=tmp_path).out
    everything = trainlint("check", "--fix", "--unsafe-fixes", "--show-fixes", cwd=tmp_path)
    assert "Fixed in bad.py:\n  1 x TRN101 (missing-zero-grad)\n" in everything.out
    assert "Not fixed" not in everything.out


def test_of_two_places_that_are_as_right_as_each_other_the_first_is_taken_and_both_are_told(tmp_path: Path) -> None:
    (tmp_path / "bad.py").write_text(BAD)
    told = (
        "Of fixes that are as right as each other the first was taken:\n"
        "  bad.py: TRN101 (missing-zero-grad): Insert `optimizer.zero_grad()` before the backward (changes training); "
        "not: Insert `optimizer.zero_grad()` after the step (changes training)\n"
    )
    result = trainlint("check", "--fix", "--unsafe-fixes", "--show-fixes", cwd=tmp_path)
    assert told in result.out
    assert (tmp_path / "bad.py").read_text() == GOOD


def test_show_fixes_needs_fixes(tmp_path: Path) -> None:
    result = trainlint("check", "--show-fixes", cwd=tmp_path)
    assert result.status == 2
    assert "--show-fixes" in result.err


def test_fix_with_json_reports_what_remains(tmp_path: Path) -> None:
    (tmp_path / "bad.py").write_text(BAD)
    (tmp_path / "safe.py").write_text(SAFE)
    result = trainlint("check", "--fix", "--output-format", "json", cwd=tmp_path)
    assert [finding["path"] for finding in json.loads(result.out)["findings"]] == ["bad.py"]
    assert result.err == "Fixed 1 mistake, 1 unsafe fix not applied (use --unsafe-fixes).\n"


@pytest.mark.parametrize("form", FORMS)
def test_the_diff_is_what_fix_would_do_and_nothing_is_written(tmp_path: Path, form: str) -> None:
    stored = FORMS[form]
    file = tmp_path / "train.py"
    file.write_bytes(stored(BAD))
    before = file.stat()
    result = trainlint("check", "--diff", "--unsafe-fixes", "train.py", cwd=tmp_path)
    assert result.status == 1, "the mistake is still there"
    assert result.err == "Would fix 1 mistake.\n"
    assert file.read_bytes() == stored(BAD)
    assert (file.stat().st_mtime_ns, file.stat().st_ino) == (before.st_mtime_ns, before.st_ino)
    command = ["git", "apply", "-p0", "--whitespace=nowarn", "-"]
    subprocess.run(command, input=result.raw, cwd=tmp_path, check=True, timeout=60)
    assert file.read_bytes() == stored(GOOD)


def test_a_diff_without_unsafe_fixes_says_that_there_are_some(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(BAD)
    result = trainlint("check", "--diff", "--fix", cwd=tmp_path)
    assert (result.status, result.out) == (1, "")
    assert result.err == "Would fix 0 mistakes, 1 unsafe fix not applied (use --unsafe-fixes).\n"
    assert (tmp_path / "train.py").read_text() == BAD


def test_standard_input_is_fixed_to_standard_output(tmp_path: Path) -> None:
    data = BAD.replace("\n", "\r\n").encode()
    result = trainlint("check", "--fix", "--unsafe-fixes", "-", cwd=tmp_path, stdin=data)
    assert result.raw == GOOD.replace("\n", "\r\n").encode()
    assert result.status == 0
    assert result.err.startswith("Fixed 1 mistake.\n")
    kept = trainlint("check", "--fix", "-", cwd=tmp_path, stdin=data)
    assert (kept.status, kept.raw) == (1, data)
    assert "<stdin>:13:9: TRN101" in kept.err
    broken = trainlint("check", "--fix", "-", cwd=tmp_path, stdin=b"\xff\xfe")
    assert (broken.status, broken.raw) == (2, b"\xff\xfe"), "an editor must not lose its text"


def test_mode_and_links_are_kept(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    file = tmp_path / "real" / "train.py"
    file.write_text(BAD)
    file.chmod(0o755)
    (tmp_path / "link.py").symlink_to("real/train.py")
    trainlint("check", "--fix", "--unsafe-fixes", "link.py", cwd=tmp_path)
    assert (tmp_path / "link.py").is_symlink()
    assert file.read_text() == GOOD
    assert stat.S_IMODE(file.stat().st_mode) == 0o755
    assert sorted(path.name for path in file.parent.iterdir()) == ["train.py"]


def test_an_encoding_that_would_not_survive_is_not_rewritten(tmp_path: Path) -> None:
    data = b"# coding: utf-7\n# +AGE-\n" + BAD.replace("+", "").encode()
    (tmp_path / "train.py").write_bytes(data)
    result = trainlint("check", "--fix", "--unsafe-fixes", cwd=tmp_path)
    assert result.status == 2
    assert "train.py: not fixed: utf-7 does not give back the bytes it was read from" in result.err
    assert "train.py:15:9: TRN101" in result.out
    assert (tmp_path / "train.py").read_bytes() == data


def test_several_mistakes_in_one_file_are_fixed_together(tmp_path: Path) -> None:
    names = ["a", "b", "c"]
    loops = "".join(BAD.split("\n\n\n")[1].replace("train", f"train_{name}") + "\n\n" for name in names)
    head = BAD.split("\n\n\n")[0] + "\n\n\n"
    (tmp_path / "train.py").write_text(head + loops)
    result = trainlint("check", "--fix", "--unsafe-fixes", cwd=tmp_path)
    assert "Fixed 3 mistakes.\n" in result.out
    assert result.status == 0
    assert (tmp_path / "train.py").read_text().count("        optimizer.zero_grad()\n        loss.backward()\n") == 3
