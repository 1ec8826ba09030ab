"""Typing in several files at once: what the server knows is what a check says that never saw any of them before."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from lsprotocol import types
from trainlint.cancel import CancelFlag
from trainlint.engine import check
from trainlint.finding import Report, Status
from trainlint.lsp.client import Client
from trainlint.lsp.folders import Folders
from trainlint.lsp.session import Session
from trainlint.source.document import Document
from trainlint.source.workspace import Files, Workspace

from tests.program.projects import Project

PROJECT = Project.of("""\
## main.py
# setup
from helpers import Trainer, apply
from losses import compute
trainer = Trainer(model, optimizer)
for epoch in range(3):
    for x, y in loader:
        optimizer.zero_grad()
        loss = compute(model(x), y)
        loss.backward()
        apply(optimizer)
    trainer.train(loader)
    for x, y in loader:
        compute(model(x), y).backward()
        optimizer.step()
## helpers.py
import losses

def apply(o):
    o.step()
    o.zero_grad()

class Trainer:
    def __init__(self, model, optimizer):
        self.model = model
        self.optimizer = optimizer

    def train(self, loader):
        for x, y in loader:
            self.optimizer.zero_grad()
            losses.compute(self.model(x), y).backward()
            self.optimizer.step()
## losses.py
import torch

def compute(prediction, target):
    scaled = torch.nn.functional.mse_loss(prediction, target)
    return scaled
""").files
TYPED = (
    "optimizer.zero_grad()", "o.zero_grad()", "loss.backward()", "optimizer.step", "self.optimizer.step()", "return None",
    "model.eval()", "# a thought", "if (", "x = x.detach()", "scaled = scaled.item()",
    "optimizer = torch.optim.SGD(model.parameters(), lr=0.0)",
)  # fmt: skip
EDITS = 12


class Typist:
    """Edits files of a project, open in an editor or on disk, and analyses what the server wants analysed after that."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.folder, self.random = folder, random.Random(seed)
        self.texts = dict(PROJECT)
        for name, text in PROJECT.items():
            (folder / name).write_text(text)
        folders = Folders(None, print, print)
        folders.change([types.WorkspaceFolder(folder.as_uri(), "project")], [])
        self.session = Session(Client(), folders)
        self.version = 0
        self.open: list[str] = []

    def uri(self, name: str) -> str:
        return (self.folder / name).as_uri()

    def show(self, name: str) -> None:
        self.open.append(name)
        self.analyse(self.session.open(self.uri(name), "python", 0, self.texts[name]))

    def edit(self) -> None:
        """One line is typed, deleted or copied, or a file is as it was at first."""
        name = self.random.choice([*PROJECT])
        lines = self.texts[name].splitlines(keepends=True)
        at = self.random.randrange(len(lines))
        indent = lines[at][: len(lines[at]) - len(lines[at].lstrip())]
        kind = self.random.choice(("type", "type", "delete", "copy", "undo"))
        new = {"type": f"{indent}{self.random.choice(TYPED)}\n{lines[at]}", "delete": "", "copy": lines[at] * 2}.get(
            kind, lines[at]
        )
        self.texts[name] = PROJECT[name] if kind == "undo" else "".join([*lines[:at], new, *lines[at + 1 :]])
        if name not in self.open:
            (self.folder / name).write_text(self.texts[name])
            self.analyse(self.session.files_changed([str(self.folder / name)]))
            return
        change: types.TextDocumentContentChangeEvent = types.TextDocumentContentChangeWholeDocument(self.texts[name])
        if kind != "undo":
            span = types.Range(types.Position(at, 0), types.Position(at + 1, 0))
            change = types.TextDocumentContentChangePartial(span, new)
        self.version += 1
        self.analyse(self.session.change(self.uri(name), self.version, [change]))

    def analyse(self, due: list[str]) -> None:
        for uri in due:
            snapshot = self.session.due(uri)
            if snapshot is not None:
                workspace = snapshot.workspace()
                report = check(snapshot.document, workspace, snapshot.settings, CancelFlag())
                self.session.accept(snapshot, report, workspace.asked)

    def fresh(self, name: str) -> Report:
        buffers = {str(self.folder / one): Document(str(self.folder / one), self.texts[one]) for one in self.open}
        return check(buffers[str(self.folder / name)], Workspace(buffers, [str(self.folder)], Files()))


@pytest.mark.parametrize("seed", range(6))
def test_what_is_kept_between_edits_changes_nothing(tmp_path: Path, seed: int) -> None:
    typist = Typist(tmp_path, seed)
    typist.show("main.py")
    typist.show("helpers.py")
    compared = found = 0
    for _ in range(EDITS):
        typist.edit()
        for name in typist.open:
            report = typist.fresh(name)
            if report.files[0].status is Status.UNREADABLE:
                continue
            result = typist.session.result_of_text(typist.uri(name))
            assert result is not None and result.document.text == typist.texts[name]
            assert result.findings == report.findings
            compared, found = compared + 1, found + len(report.findings)
    assert compared > EDITS // 2 and found
