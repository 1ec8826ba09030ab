"""Projects of several files, written as one text: a line ``## path`` begins a file."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent

from trainlint.engine import check
from trainlint.finding import Finding, Report
from trainlint.source.document import Document
from trainlint.source.workspace import Files, Workspace

from tests.rules.cases import expectations

_FILE = re.compile(r"^## (\S+)\n", re.MULTILINE)

SETUP = """\
import torch

model = torch.nn.Linear(2, 1)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
loader = [(torch.randn(4, 2), torch.randn(4, 1)) for _ in range(3)]
"""
LOSS = "torch.nn.functional.mse_loss(model(x), y)"


@dataclass(frozen=True)
class Project:
    """The files of a project by path. Comments ``# expect:`` announce what is found."""

    files: dict[str, str]

    @classmethod
    def of(cls, text: str) -> Project:
        parts = _FILE.split(dedent(text).replace("# setup\n", SETUP).replace("LOSS", LOSS))
        return cls(dict(zip(parts[1::2], parts[2::2], strict=True)))

    def write(self, folder: Path) -> None:
        for name, text in self.files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")

    def reports(self, folder: Path) -> dict[str, Report]:
        """What the check of each file says, all of them written to `folder`."""
        self.write(folder)
        files = Files()
        return {
            name: check(Document(str(folder / name), text), Workspace(roots=[str(folder)], files=files))
            for name, text in self.files.items()
            if name.endswith(".py")
        }

    def announced(self) -> set[tuple[str, int, str]]:
        return {
            (name, one.line, one.code) for name, text in self.files.items() if name.endswith(".py") for one in expectations(text)
        }


def found(reports: dict[str, Report]) -> set[tuple[str, int, str]]:
    return {(name, finding.span.start.line, finding.code) for name, finding in findings(reports)}


def findings(reports: dict[str, Report]) -> list[tuple[str, Finding]]:
    return [(name, finding) for name, report in reports.items() for finding in report.findings]
