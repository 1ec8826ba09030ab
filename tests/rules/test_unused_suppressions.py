"""Comments that silence nothing are named and deleted, those that do are left alone."""

from __future__ import annotations

from pathlib import Path

import pytest
from trainlint.engine import check
from trainlint.finding import Finding
from trainlint.settings import Settings
from trainlint.source.document import Document
from trainlint.source.workspace import Files, Workspace

LOOP = """\
import torch
from torch import nn

model = nn.Linear(4, 2)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for x in batches:
    model(x).sum().backward(){backward}
    optimizer.step(){step}{end}
"""


def unused(text: str, settings: Settings | None = None) -> list[Finding]:
    return [finding for finding in check(Document("train.py", text), settings=settings).findings if finding.code == "TRN090"]


def loop(backward: str = "", step: str = "", end: str = "") -> str:
    return LOOP.format(backward=backward, step=step, end=end)


@pytest.mark.parametrize(
    "comment",
    [
        "  # trainlint: ignore[TRN101]",
        "  # trainlint: ignore[missing-zero-grad]",
        "  # trainlint: ignore[TRN1]",
        "  # noqa: TRN101",
        "  # noqa: E501, TRN101",
        "  # noqa: E501",
        "  # type: ignore  # noqa: TRN101",
    ],
)
def test_comments_of_use_are_left_alone(comment: str) -> None:
    assert not unused(loop(step=comment))
    assert not unused("# trainlint: ignore-file[TRN101]\n" + loop())
    assert not unused("# trainlint: ignore-file\n" + loop())


@pytest.mark.parametrize(
    ("comment", "left"),
    [
        ("  # trainlint: ignore[TRN104]", ""),
        ("  # trainlint: ignore[TRN104] for the paper", ""),
        ("  # trainlint: ignore", ""),
        ("  # trainlint: ignore[missing-stp]", ""),
        ("  # trainlint: ignore[TRN101, TRN104]", "  # trainlint: ignore[TRN101]"),
        ("  # noqa: TRN104", ""),
        ("  # noqa: E501, TRN999", "  # noqa: E501"),
        ("  # noqa: TRN104  # type: ignore", "  # type: ignore"),
        ("  # type: ignore  # noqa: TRN104", "  # type: ignore"),
    ],
)
def test_comments_of_no_use_are_deleted(comment: str, left: str) -> None:
    text = loop(step=comment)
    (finding,) = unused(text)
    mended = _applied(text, finding)
    assert mended == loop(step=left)
    assert not unused(mended)


def _applied(text: str, finding: Finding) -> str:
    (edit,) = finding.fixes[0].edits or ()
    lines = text.splitlines(keepends=True)
    start, end = edit.span.start, edit.span.end
    offset = [sum(map(len, lines[: place.line - 1])) + place.column - 1 for place in (start, end)]
    return text[: offset[0]] + edit.text + text[offset[1] :]


def test_a_comment_on_a_line_of_its_own_goes_with_its_line() -> None:
    text = "# trainlint: ignore-file[TRN501]\n" + loop()
    (finding,) = unused(text)
    assert _applied(text, finding) == loop()


def test_rules_that_are_not_selected_leave_it_open() -> None:
    text = loop(step="  # trainlint: ignore[TRN104]")
    assert not unused(text, Settings(ignore=("TRN104",)))
    assert not unused(text, Settings(select=("TRN101",)))


def test_it_can_be_silenced_itself() -> None:
    assert not unused(loop(step="  # trainlint: ignore[TRN104, TRN090]"))
    assert not unused(loop(step="  # trainlint: ignore[TRN104]"), Settings(ignore=("unused-suppression",)))


def test_what_other_files_may_call_is_left_open(tmp_path: Path) -> None:
    text = "def train(model, optimizer):\n    optimizer.step()  # noqa: TRN104\n"
    document = Document(str(tmp_path / "train.py"), text)
    assert [finding.code for finding in check(document).findings] == ["TRN090"]
    workspace = Workspace({document.path: document}, (str(tmp_path),), Files())
    assert not check(document, workspace).findings
