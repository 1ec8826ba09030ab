"""``trainlint check`` as users, hooks and services run it."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
from contextlib import suppress
from pathlib import Path

import jsonschema
import pytest

from tests.cli.console import BAD, GOOD, SAFE, SCRIPT, environment, trainlint

SCHEMA = json.loads((Path(__file__).parents[2] / "docs" / "report.schema.json").read_text(encoding="utf-8"))

SHOWN = """\
train.py:13:9: TRN101 `optimizer.step()` applies gradients that were already applied: \
nothing clears them between iterations of this loop
   |
13 |         optimizer.step()
   |         ^^^^^^^^^^^^^^^^ warning: missing-zero-grad
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "train.py").write_text(BAD)
    return tmp_path


def test_a_finding_is_shown_with_its_source_and_ends_with_one(project: Path) -> None:
    result = trainlint("check", "train.py", cwd=project)
    assert result.status == 1
    assert result.out.startswith(SHOWN)
    assert "\nnote: train.py:10:5: " in result.out
    assert "\nhelp: Insert `optimizer.zero_grad()`" in result.out
    assert result.out.endswith("\n\nFound 1 mistake in 1 file (1 fixable with --fix --unsafe-fixes).\n")
    assert result.err == ""
    assert (project / "train.py").read_text() == BAD


def test_without_a_path_the_current_folder_is_checked(project: Path) -> None:
    assert trainlint("check", cwd=project).out == trainlint("check", "train.py", cwd=project).out


def test_a_clean_file_ends_with_zero(project: Path) -> None:
    (project / "train.py").write_text(GOOD)
    result = trainlint("check", "train.py", cwd=project)
    assert (result.status, result.out, result.err) == (
        0,
        "No mistakes found in 1 file with training code.\n",
        "",
    )
    assert trainlint("check", "-q", "train.py", cwd=project).out == ""


def test_a_folder_without_training_code_and_one_without_python_say_so(project: Path) -> None:
    (project / "train.py").write_text("x = 1\n")
    assert trainlint("check", cwd=project).out == "No training code found in 1 file.\n"
    (project / "train.py").unlink()
    result = trainlint("check", cwd=project)
    assert (result.status, result.out) == (0, "")
    assert "found no Python files" in result.err


@pytest.mark.parametrize("end", ["\r\n", "\r"])
def test_line_ends_do_not_change_what_is_shown(project: Path, end: str) -> None:
    expected = trainlint("check", "train.py", cwd=project)
    (project / "train.py").write_bytes(BAD.replace("\n", end).encode())
    result = trainlint("check", "train.py", cwd=project)
    assert result.out == expected.out


@pytest.mark.parametrize(
    ("old", "new", "excerpt"),
    [
        ("        ", "\t", "13 |         optimizer.step()\n   |         ^^^^^^^^^^^^^^^^ w"),
        (
            "        optimizer.step()",
            "        '損失 👍'; optimizer.step()",
            "13 |         '損失 👍'; optimizer.step()\n   |                    ^^^^^^^^^^^^^^^^ w",
        ),
        (
            "optimizer.step()",
            "optimizer.step(\n        )",
            "13 |         optimizer.step(\n   |         ^^^^^^^^^^^^^^^\n14 |         )\n   |         ^ w",
        ),
    ],
)
def test_tabs_wide_characters_and_several_lines_are_marked(project: Path, old: str, new: str, excerpt: str) -> None:
    text = BAD.replace("    ", "\t") if new == "\t" else BAD.replace(old, new)
    (project / "train.py").write_text(text, encoding="utf-8")
    assert excerpt in trainlint("check", "train.py", cwd=project).out


def test_json_is_one_object_with_positions_in_code_points(project: Path) -> None:
    text = BAD.replace("        optimizer.step()", "        '損失 👍'; optimizer.step()")
    (project / "train.py").write_text(text, encoding="utf-8")
    result = trainlint("check", "--output-format", "json", "train.py", cwd=project)
    assert (result.status, result.err) == (1, "")
    report = json.loads(result.out)
    jsonschema.validate(report, SCHEMA)
    (finding,) = report["findings"]
    assert (finding["code"], finding["name"], finding["path"]) == ("TRN101", "missing-zero-grad", "train.py")
    assert finding["range"] == {"start": {"line": 13, "column": 17}, "end": {"line": 13, "column": 33}}
    assert [fix["applicability"] for fix in finding["fixes"]] == ["unsafe", "unsafe"]
    texts = ["".join(edit["text"] for edit in fix["edits"]) for fix in finding["fixes"]]
    assert [text.strip(" ;\n") for text in texts] == ["optimizer.zero_grad()", "optimizer.zero_grad()"]
    assert report["files"] == []


@pytest.mark.parametrize("form", ["json", "sarif", "github"])
def test_every_format_ends_with_the_same_status_and_is_empty_when_clean(project: Path, form: str) -> None:
    result = trainlint("check", "--output-format", form, cwd=project)
    assert result.status == 1
    assert "TRN101" in result.out
    (project / "train.py").write_text(GOOD)
    result = trainlint("check", "--output-format", form, cwd=project)
    assert result.status == 0
    assert "TRN101" not in result.out
    if form != "github":
        json.loads(result.out)


def test_sarif_describes_the_rule(project: Path) -> None:
    (run,) = json.loads(trainlint("check", "--output-format", "sarif", cwd=project).out)["runs"]
    (rule,) = run["tool"]["driver"]["rules"]
    assert (rule["id"], rule["name"]) == ("TRN101", "missing-zero-grad")
    assert "## Why it matters" in rule["help"]["markdown"]


def test_exit_zero_and_statistics(project: Path) -> None:
    (project / "more.py").write_text(SAFE)
    assert trainlint("check", "--exit-zero", cwd=project).status == 0
    result = trainlint("check", "--statistics", "-q", cwd=project)
    assert (result.status, result.out) == (
        1,
        "1  TRN101  missing-zero-grad\n1  TRN108  uncalled-training-method\n",
    )
    rows = json.loads(trainlint("check", "--statistics", "--output-format", "json", cwd=project).out)
    assert rows[0] == {"code": "TRN101", "name": "missing-zero-grad", "count": 1}


def test_rules_are_chosen_on_the_command_line(project: Path) -> None:
    for arguments in (
        ["--select", "TRN108"],
        ["--select=TRN4,TRN108"],
        ["--ignore", "TRN1"],
        ["--ignore", "TRN104", "--ignore", "missing-zero-grad"],
    ):
        assert trainlint("check", *arguments, cwd=project).status == 0, arguments
    for arguments in (["--select", "TRN1"], ["--select", "TRN4", "--extend-select", "TRN101"]):
        assert trainlint("check", *arguments, cwd=project).status == 1, arguments


def test_settings_come_from_the_nearest_file(project: Path) -> None:
    (project / "pyproject.toml").write_text('[tool.trainlint]\nignore = ["TRN101"]\n')
    (project / "sub").mkdir()
    (project / "sub" / "train.py").write_text(BAD)
    assert trainlint("check", cwd=project).status == 0
    assert trainlint("check", "--select", "TRN101", cwd=project).status == 1
    assert trainlint("check", "--isolated", cwd=project).status == 1
    (project / "sub" / "trainlint.toml").write_text('severity = {TRN101 = "info"}\n')
    result = trainlint("check", "--output-format", "json", cwd=project)
    (finding,) = json.loads(result.out)["findings"]
    assert (finding["path"], finding["severity"]) == (os.path.join("sub", "train.py"), "info")
    (project / "own.toml").write_text('per-file-ignores = {"train.py" = ["TRN1"]}\n')
    assert trainlint("check", "--config", "own.toml", cwd=project).status == 0


def test_comments_silence_findings(project: Path) -> None:
    for comment in (
        "# trainlint: ignore[TRN101]",
        "# noqa: TRN101",
        "# trainlint: ignore[missing-zero-grad]",
    ):
        (project / "train.py").write_text(BAD.replace("optimizer.step()", f"optimizer.step()  {comment}"))
        assert trainlint("check", cwd=project).status == 0, comment
    (project / "train.py").write_text(BAD.replace("optimizer.step()", "optimizer.step()  # noqa"))
    assert trainlint("check", cwd=project).status == 1
    (project / "train.py").write_text("# trainlint: ignore-file\n" + BAD)
    assert trainlint("check", cwd=project).status == 0


def test_standard_input_has_a_name_and_the_settings_of_its_place(project: Path) -> None:
    result = trainlint("check", "-", cwd=project, stdin=BAD.encode())
    assert (result.status, result.out.partition(":")[0]) == (1, "<stdin>")
    assert "13 |         optimizer.step()\n" in result.out
    result = trainlint("check", "-", "--stdin-filename", "sub/x.py", cwd=project, stdin=BAD.encode())
    assert result.out.startswith("sub/x.py:13:9: TRN101")
    (project / "sub").mkdir()
    (project / "sub" / "trainlint.toml").write_text('ignore = ["TRN101"]\n')
    named = trainlint("check", "-", "--stdin-filename", "sub/x.py", cwd=project, stdin=BAD.encode())
    assert named.status == 0
    assert trainlint("check", "-", cwd=project).status == 0, "nothing comes in"


def test_show_files_and_show_settings(project: Path) -> None:
    (project / "build").mkdir()
    (project / "build" / "x.py").touch()
    (project / "trainlint.toml").write_text('ignore = ["TRN4"]\nseverity = {missing-step = "error"}\n')
    assert trainlint("check", "--show-files", cwd=project).out == "train.py\n"
    shown = trainlint("check", "--show-settings", cwd=project)
    assert shown.status == 0
    assert f"# for ., from {project / 'trainlint.toml'}\n" in shown.out
    assert 'ignore = ["TRN4"]' in shown.out
    assert "#   TRN104 missing-step (error)" in shown.out
    assert "TRN401" not in shown.out


USAGE = {
    ("check", "nowhere"): "nowhere: no such file or folder",
    ("check", "lost.py"): "lost.py: a link to nothing",
    ("check", "--select", "TRN999"): '--select: "TRN999" selects no rule',
    (
        "check",
        "--ignore",
        "mising-step",
    ): '--ignore: "mising-step" selects no rule; did you mean "missing-step"?',
    ("check", "--output-format", "xml"): "argument --output-format: invalid choice: 'xml'",
    ("check", "--unsafe-fixes"): "--unsafe-fixes needs --fix to apply them, or --diff to show them",
    ("check", "--stdin-filename", "x.py"): "it needs the path -",
    ("check", "--config", "gone.toml"): "gone.toml: cannot be read: No such file or directory",
    ("check", "--config", "a", "--isolated"): "argument --isolated: not allowed with argument --config",
    ("check", "--jobs", "0"): "argument --jobs: 0 is not a number of processes",
    ("check", "--diff", "--output-format", "json"): "--diff prints a patch, so it takes no --output-format",
    ("check", "--nonsense"): "unrecognized arguments: --nonsense",
    ("chek",): 'there is no command "chek"; did you mean "check"?',
    ("train.py",): "train.py is no command; to check it: trainlint check train.py",
    ("explain", "train.py"): '"train.py" is not of the form FILE:LINE',
    ("explain", "train.py:99"): "train.py has the lines 1 to 14",
    ("explain", "gone.py:1"): "gone.py: no such file or directory",
    ("rule", "mising-step"): 'there is no rule "mising-step"; did you mean "missing-step"?',
    ("probe", "gone.py"): "there is no file gone.py",
    ("watch", "gone.py", "--", "--lr", "1"): "there is no file gone.py",
    ("watch",): "the following arguments are required: SCRIPT",
    ("rule",): "name one rule by its code or its name, or use --all",
    ("rule", "TRN101", "--all"): "name one rule by its code or its name, or use --all",
}


@pytest.mark.parametrize("arguments", USAGE, ids=" ".join)
def test_bad_usage_is_one_sentence_and_ends_with_two(project: Path, arguments: tuple[str, ...]) -> None:
    (project / "lost.py").symlink_to("nowhere.py")
    result = trainlint(*arguments, cwd=project)
    assert (result.status, result.out) == (2, "")
    assert result.err.startswith("trainlint: error: ")
    assert result.err.count("\n") == 1
    assert USAGE[arguments] in result.err


def test_a_broken_configuration_is_one_sentence_and_ends_with_two(project: Path) -> None:
    (project / "pyproject.toml").write_text('[project]\nname = "x"\n\n[tool.trainlint]\nselct = ["TRN"]\n')
    result = trainlint("check", cwd=project)
    assert (result.status, result.out) == (2, "")
    file = project / "pyproject.toml"
    assert result.err == f'trainlint: error: {file}:5: unknown key "selct"; did you mean "select"?\n'


def test_what_reads_findings_is_given_the_setting_as_one(project: Path) -> None:
    (project / "trainlint.toml").write_text('select = ["TRN"]\nseverity = { TRN101 = "loud" }\n')
    result = trainlint("check", "--output-format", "json", cwd=project)
    assert result.status == 2
    (finding,) = json.loads(result.out)["findings"]
    assert (finding["code"], finding["severity"], finding["range"]["start"]["line"]) == ("TRN091", "error", 2)
    assert finding["path"] == str(project / "trainlint.toml")


def test_no_arguments_are_answered_with_help(project: Path) -> None:
    result = trainlint(cwd=project)
    assert (result.status, result.out) == (2, "")
    for word in ("usage: trainlint", "check", "rule", "explain", "server", "watch", "probe"):
        assert word in result.err
    assert trainlint("--help", cwd=project).status == 0
    assert trainlint("--version", cwd=project).out.startswith("trainlint 0.")


UNREADABLE = {
    "an unknown byte": (BAD.encode() + b"# \xe9\n", "line 14 is not utf-8"),
    "an unknown encoding": (b"# coding: nope\n" + BAD.encode(), 'its encoding "nope" is unknown'),
    "a null byte": (BAD.encode() + b"\0", "line 14 holds a null byte"),
    "UTF-16": (BAD.encode("utf-16"), "it is stored as UTF-16"),
    "200,000 lines": (BAD.encode() + b"x=1\n" * 200_000, "it has more than 20,000 lines"),
    "a megabyte": (BAD.encode() + b"x = '" + b"-" * 1_000_000 + b"'\n", "it is larger than 1,000,000 bytes"),
}


@pytest.mark.parametrize("data", UNREADABLE)
def test_a_file_that_is_no_text_is_told_and_the_others_are_checked(project: Path, data: str) -> None:
    content, reason = UNREADABLE[data]
    (project / "odd.py").write_bytes(content)
    result = trainlint("check", ".", cwd=project)
    assert result.status == 1
    assert f"trainlint: odd.py: not checked: {reason}" in result.err
    assert "train.py:13:9: TRN101" in result.out
    named = trainlint("check", "odd.py", "--output-format", "json", cwd=project)
    assert named.status == 2, "what was asked for was not checked"
    (file,) = json.loads(named.out)["files"]
    assert (file["path"], file["status"]) == ("odd.py", "unreadable")
    assert file["reason"].startswith(reason)


def test_a_syntax_error_is_a_finding_that_says_where(project: Path) -> None:
    (project / "train.py").write_text(BAD + "x = (\n")
    result = trainlint("check", "--output-format", "json", cwd=project)
    report = json.loads(result.out)
    jsonschema.validate(report, SCHEMA)
    assert result.status == 1
    assert [finding["code"] for finding in report["findings"]] == ["TRN000"]
    assert report["findings"][0]["range"]["start"]["line"] == 14
    assert [file["status"] for file in report["files"]] == ["unreadable"]
    assert trainlint("check", "--fix", "--unsafe-fixes", cwd=project).status == 1
    assert (project / "train.py").read_text() == BAD + "x = (\n"


@pytest.mark.parametrize(
    "nested",
    [
        "(" * 5_000 + ")" * 5_000,
        "-" * 100_000 + "1",
        "a" + ".b" * 20_000,
        "x" + " + x" * 20_000,
        "[" * 90 + "]" * 90,
    ],
    ids=["parentheses", "signs", "attributes", "sum", "lists"],
)
def test_deep_nesting_is_survived(project: Path, nested: str) -> None:
    (project / "deep.py").write_text(BAD + f"y = {nested}\n")
    result = trainlint("check", ".", "--output-format", "json", cwd=project)
    assert result.status in (1, 2)
    assert "Traceback" not in result.err
    report = json.loads(result.out)
    assert "train.py" in {finding["path"] for finding in report["findings"]}
    deep = [finding for finding in report["findings"] if finding["path"] == "deep.py"]
    assert deep or [file for file in report["files"] if file["path"] == "deep.py"], "silence would look clean"


def test_empty_files_and_marks_are_read(project: Path) -> None:
    (project / "train.py").write_bytes(b"")
    assert trainlint("check", "train.py", cwd=project).status == 0
    (project / "train.py").write_bytes(b"\xef\xbb\xbf" + BAD.encode())
    assert trainlint("check", "train.py", cwd=project).out.startswith("train.py:13:9: TRN101")
    (project / "train.py").write_bytes(b"# coding: latin-1\n# \xe9\n" + BAD.encode())
    assert trainlint("check", "train.py", cwd=project).out.startswith("train.py:15:9: TRN101")


def test_a_file_that_fails_while_it_is_read_is_told(project: Path) -> None:
    (project / "odd.py").symlink_to("/proc/self/mem")
    result = trainlint("check", "odd.py", "train.py", cwd=project)
    assert result.status == 2
    assert result.err == "trainlint: odd.py: not checked: input/output error\n"
    assert "train.py:13:9: TRN101" in result.out


def test_a_notebook_is_skipped_in_a_folder_and_told_when_named(project: Path) -> None:
    (project / "nb.ipynb").write_text("{}")
    assert "nb.ipynb" not in trainlint("check", cwd=project).err
    result = trainlint("check", "nb.ipynb", cwd=project)
    assert result.status == 2
    assert "nb.ipynb: not checked: notebooks are not supported yet" in result.err


def test_output_is_utf8_whatever_the_locale_says(project: Path) -> None:
    (project / "train.py").write_text(BAD.replace("optimizer.step()", "optimizer.step()  # é日本"), "utf-8")
    plain = {
        "LANG": "C",
        "LC_ALL": "C",
        "PYTHONUTF8": "0",
        "PYTHONCOERCECLOCALE": "0",
        "PYTHONIOENCODING": "ascii",
    }
    assert "optimizer.step()  # é日本\n" in trainlint("check", cwd=project, env=plain).out


def test_a_path_that_is_no_text_can_be_shown(project: Path) -> None:
    os.rename(project / "train.py", os.fsencode(project) + b"/tr\xe9.py")
    result = trainlint("check", cwd=project)
    assert result.status == 1
    assert r"tr\udce9.py:13:9" in result.out or "tr�.py:13:9" in result.out
    report = json.loads(trainlint("check", "--output-format", "json", cwd=project).out)
    assert os.fsencode(report["findings"][0]["path"]) == b"tr\xe9.py"


def test_a_terminal_gets_colour_unless_it_asks_for_none(project: Path) -> None:
    def shown(**env: str) -> bytes:
        main, terminal = pty.openpty()
        subprocess.run([SCRIPT, "check"], cwd=project, stdout=terminal, timeout=60, env=environment(TERM="xterm", **env))
        os.close(terminal)
        parts = []
        try:
            while part := os.read(main, 65536):
                parts.append(part)
        except OSError:
            pass
        os.close(main)
        return b"".join(parts)

    assert b"\x1b[" in shown()
    assert b"\x1b[" not in shown(NO_COLOR="1")


def test_a_reader_that_goes_away_is_no_error(project: Path) -> None:
    for number in range(40):
        (project / f"t{number}.py").write_text(BAD * 20)
    process = subprocess.Popen([SCRIPT, "check"], cwd=project, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment())
    assert process.stdout
    assert process.stderr
    process.stdout.readline()
    process.stdout.close()
    assert process.wait(60) == 141
    assert process.stderr.read() == b""
    process.stderr.close()


def test_a_full_disk_is_told(project: Path) -> None:
    with open("/dev/full", "wb") as full:
        done = subprocess.run([SCRIPT, "check"], cwd=project, stdout=full, stderr=subprocess.PIPE, timeout=60, env=environment())
    assert done.returncode == 2
    assert b"No space left on device" in done.stderr
    assert b"Traceback" not in done.stderr


def test_an_interrupt_ends_quietly(project: Path) -> None:
    os.mkfifo(project / "pipe.py")
    process = subprocess.Popen(
        [SCRIPT, "check", "pipe.py"],
        cwd=project,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(),
    )
    with open(project / "pipe.py", "wb"):
        for _ in range(10):
            process.send_signal(signal.SIGINT)
            # One that comes just before the read is seen only by the next.
            with suppress(subprocess.TimeoutExpired):
                process.wait(3)
                break
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (130, b"", b"")


def test_many_files_give_the_same_with_any_number_of_processes(project: Path) -> None:
    padding = f"# {'-' * 100}\n" * 400
    for number in range(60):
        (project / f"t{number:02}.py").write_text((BAD if number % 3 else GOOD) + padding)
    one = trainlint("check", "--jobs", "1", "--output-format", "json", cwd=project)
    two = trainlint("check", "--jobs", "2", "--output-format", "json", cwd=project)
    assert (one.status, two.status) == (1, 1)
    assert one.out == two.out
    assert len(json.loads(one.out)["findings"]) == 41
    trainlint("check", "--jobs", "2", "--fix", "--unsafe-fixes", cwd=project)
    assert {path.read_text() for path in project.glob("*.py")} == {GOOD, GOOD + padding}


def test_a_script_is_watched_with_its_own_arguments(project: Path) -> None:
    (project / "hello.py").write_text("import sys\nprint(sys.argv[1:])\n")
    result = trainlint("watch", "hello.py", "--", "--lr", "1", "--help", cwd=project)
    assert result.out == "['--lr', '1', '--help']\n"


def test_the_server_answers_and_ends_with_its_input(project: Path) -> None:
    parameters = {"processId": None, "capabilities": {}}
    request = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": parameters}
    body = json.dumps(request).encode()
    message = b"Content-Length: %d\r\n\r\n%s" % (len(body), body)
    result = trainlint("server", "--stdio", cwd=project, stdin=message)
    assert result.out.startswith("Content-Length: ")
    assert '"name":"trainlint"' in result.out.replace(": ", ":")
    assert result.status == 1, "it ended without having been told to"
