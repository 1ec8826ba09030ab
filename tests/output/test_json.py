"""The JSON output is what docs/report.schema.json describes."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
from trainlint.finding import Report
from trainlint.output.json import render, render_statistics

from tests.output.sample import FULL, finding, span

SCHEMA = json.loads((Path(__file__).parents[2] / "docs" / "report.schema.json").read_text(encoding="utf-8"))


def test_the_object_has_every_key_in_its_place() -> None:
    report = json.loads(render(FULL))
    jsonschema.validate(report, SCHEMA)
    assert report == {
        "version": 1,
        "findings": [
            {
                "code": "TRN101",
                "name": "missing-zero-grad",
                "severity": "warning",
                "confidence": "likely",
                "source": "static",
                "state": "open",
                "fingerprint": "a1b2",
                "message": "`optimizer.step()` applies gradients that were already applied",
                "path": "train.py",
                "cell": None,
                "range": {"start": {"line": 4, "column": 5}, "end": {"line": 4, "column": 21}},
                "related": [
                    {
                        "path": "train.py",
                        "range": {"start": {"line": 1, "column": 1}, "end": {"line": 1, "column": 20}},
                        "message": "this loop never clears the gradients",
                    }
                ],
                "fixes": [
                    {
                        "title": "Insert `optimizer.zero_grad()`",
                        "applicability": "unsafe",
                        "edits": [
                            {
                                "range": {"start": {"line": 2, "column": 1}, "end": {"line": 2, "column": 1}},
                                "text": "    optimizer.zero_grad()\n",
                            }
                        ],
                    },
                    {"title": "Move the call", "applicability": "display", "edits": None},
                ],
            },
            {
                "code": "TRN201",
                "name": "detached",
                "severity": "error",
                "confidence": "likely",
                "source": "static",
                "state": "open",
                "fingerprint": "a1b2",
                "message": "`loss` has no graph",
                "path": "train.py",
                "cell": None,
                "range": {"start": {"line": 3, "column": 5}, "end": {"line": 3, "column": 20}},
                "related": [],
                "fixes": [],
            },
        ],
        "files": [
            {"path": "big.py", "status": "unreadable", "reason": "it has more than 20,000 lines"},
            {"path": "part.py", "status": "partial", "reason": "line 3: what `engine` does is out of sight"},
            {"path": "old.py", "status": "unreadable", "reason": "line 1: invalid syntax"},
            {"path": "odd.py", "status": "failed", "reason": "Traceback:\n  somewhere\nKeyError: 'x'"},
        ],
    }


def test_an_empty_report_is_an_object_too() -> None:
    report = json.loads(render(Report()))
    jsonschema.validate(report, SCHEMA)
    assert report == {"version": 1, "findings": [], "files": []}


def test_text_is_kept_as_it_is() -> None:
    message = '`損失.backward()` says "no" \\ 👍'
    assert message.split()[0] in render(Report((finding(span(1, 1, 1, 2), message),)))
    assert json.loads(render(Report((finding(span(1, 1, 1, 2), message),))))["findings"][0]["message"] == message


def test_statistics_are_a_list() -> None:
    assert json.loads(render_statistics(FULL)) == [
        {"code": "TRN101", "name": "missing-zero-grad", "count": 1},
        {"code": "TRN201", "name": "detached", "count": 1},
    ]
