"""The SARIF output: what the 2.1.0 format demands, and what code scanning reads from it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from trainlint.finding import FileStatus, Report, Severity, Status
from trainlint.output.sarif import render, uri

from tests.output.sample import FULL


@dataclass(frozen=True)
class RuleText:
    code: str
    name: str
    severity: Severity
    summary: str
    doc: str


RULES = (
    RuleText("TRN101", "missing-zero-grad", Severity.WARNING, "Gradients pile up.", "Pile up.\n\nMore."),
    RuleText("TRN104", "missing-step", Severity.WARNING, "Nothing is applied.", "Nothing is applied."),
)

TEXT = {"type": "object", "required": ["text"], "properties": {"text": {"type": "string", "minLength": 1}}}
ARTIFACT = {
    "type": "object",
    "additionalProperties": False,
    "required": ["uri"],
    "properties": {"uri": {"type": "string", "format": "uri-reference"}},
}
REGION = {
    "type": "object",
    "additionalProperties": False,
    "required": ["startLine", "startColumn", "endLine", "endColumn"],
    "properties": {key: {"type": "integer", "minimum": 1} for key in ("startLine", "startColumn", "endLine", "endColumn")},
}
LOCATION = {
    "type": "object",
    "additionalProperties": False,
    "required": ["physicalLocation"],
    "properties": {
        "id": {"type": "integer"},
        "message": TEXT,
        "physicalLocation": {
            "type": "object",
            "additionalProperties": False,
            "required": ["artifactLocation"],
            "properties": {"artifactLocation": ARTIFACT, "region": REGION},
        },
    },
}
LEVEL = {"enum": ["none", "note", "warning", "error"]}
RESULT = {
    "type": "object",
    "additionalProperties": False,
    "required": ["ruleId", "ruleIndex", "level", "message", "locations"],
    "properties": {
        "ruleId": {"type": "string"},
        "ruleIndex": {"type": "integer", "minimum": 0},
        "level": LEVEL,
        "message": TEXT,
        "locations": {"type": "array", "items": LOCATION, "minItems": 1},
        "relatedLocations": {"type": "array", "items": LOCATION},
        "partialFingerprints": {"type": "object", "additionalProperties": {"type": "string"}},
        "properties": {"type": "object"},
        "fixes": {
            "type": "array",
            "items": {
                "type": "object",
                "additionalProperties": False,
                "required": ["artifactChanges"],
                "properties": {
                    "description": TEXT,
                    "properties": {"type": "object"},
                    "artifactChanges": {
                        "type": "array",
                        "minItems": 1,
                        "items": {
                            "type": "object",
                            "additionalProperties": False,
                            "required": ["artifactLocation", "replacements"],
                            "properties": {
                                "artifactLocation": ARTIFACT,
                                "replacements": {
                                    "type": "array",
                                    "minItems": 1,
                                    "items": {
                                        "type": "object",
                                        "additionalProperties": False,
                                        "required": ["deletedRegion"],
                                        "properties": {
                                            "deletedRegion": REGION,
                                            "insertedContent": {
                                                "type": "object",
                                                "additionalProperties": False,
                                                "properties": {"text": {"type": "string"}},
                                            },
                                        },
                                    },
                                },
                            },
                        },
                    },
                },
            },
        },
    },
}
RULE = {
    "type": "object",
    "additionalProperties": False,
    "required": ["id"],
    "properties": {
        "id": {"type": "string"},
        "name": {"type": "string"},
        "shortDescription": TEXT,
        "help": {"type": "object", "required": ["text"]},
        "defaultConfiguration": {
            "type": "object",
            "additionalProperties": False,
            "properties": {"level": LEVEL, "enabled": {"type": "boolean"}},
        },
    },
}
LOG = {
    "type": "object",
    "additionalProperties": False,
    "required": ["version", "runs"],
    "properties": {
        "$schema": {"type": "string", "format": "uri"},
        "version": {"const": "2.1.0"},
        "runs": {
            "type": "array",
            "items": {
                "type": "object",
                "additionalProperties": False,
                "required": ["tool"],
                "properties": {
                    "tool": {
                        "type": "object",
                        "required": ["driver"],
                        "properties": {
                            "driver": {
                                "type": "object",
                                "additionalProperties": False,
                                "required": ["name"],
                                "properties": {
                                    "name": {"type": "string"},
                                    "semanticVersion": {"type": "string"},
                                    "rules": {"type": "array", "uniqueItems": True, "items": RULE},
                                },
                            }
                        },
                    },
                    "columnKind": {"enum": ["utf16CodeUnits", "unicodeCodePoints"]},
                    "invocations": {
                        "type": "array",
                        "items": {
                            "type": "object",
                            "additionalProperties": False,
                            "required": ["executionSuccessful"],
                            "properties": {
                                "executionSuccessful": {"type": "boolean"},
                                "toolExecutionNotifications": {
                                    "type": "array",
                                    "items": {
                                        "type": "object",
                                        "additionalProperties": False,
                                        "required": ["message"],
                                        "properties": {
                                            "level": LEVEL,
                                            "message": TEXT,
                                            "locations": {"type": "array", "items": LOCATION},
                                        },
                                    },
                                },
                            },
                        },
                    },
                    "results": {"type": "array", "items": RESULT},
                },
            },
        },
    },
}
"""The part of the SARIF 2.1.0 schema that the output uses."""


def run_of(report: Report) -> dict[str, Any]:
    log = json.loads(render(report, RULES))
    jsonschema.validate(log, LOG)
    (run,) = log["runs"]
    return run


def test_results_point_at_their_place_and_their_rule() -> None:
    run = run_of(FULL)
    first, second = run["results"]
    rules = run["tool"]["driver"]["rules"]
    assert [rules[result["ruleIndex"]]["id"] for result in (first, second)] == ["TRN101", "TRN201"]
    assert [first["level"], second["level"]] == ["warning", "error"]
    assert first["locations"][0]["physicalLocation"] == {
        "artifactLocation": {"uri": "train.py"},
        "region": {"startLine": 4, "startColumn": 5, "endLine": 4, "endColumn": 21},
    }
    assert first["relatedLocations"][0]["message"]["text"] == "this loop never clears the gradients"
    assert first["partialFingerprints"] == {"trainlint/v1": "a1b2"}
    assert run["columnKind"] == "unicodeCodePoints"


def test_rules_with_findings_are_described_and_others_are_not() -> None:
    rules = run_of(FULL)["tool"]["driver"]["rules"]
    assert rules[0]["shortDescription"]["text"] == "Gradients pile up."
    assert rules[1] == {"id": "TRN201", "name": "detached"}
    assert len(rules) == 2


def test_fixes_with_edits_are_given() -> None:
    (fix,) = run_of(FULL)["results"][0]["fixes"]
    (change,) = fix["artifactChanges"]
    assert change["replacements"] == [
        {
            "deletedRegion": {"startLine": 2, "startColumn": 1, "endLine": 2, "endColumn": 1},
            "insertedContent": {"text": "    optimizer.zero_grad()\n"},
        }
    ]
    assert fix["properties"]["applicability"] == "unsafe"


@pytest.mark.parametrize(("status", "successful"), [(Status.FAILED, False), (Status.UNREADABLE, True)])
def test_a_failure_of_trainlint_is_no_successful_run(status: Status, successful: bool) -> None:
    run = run_of(Report(files=(FileStatus("a b.py", status, "why"),)))
    (invocation,) = run["invocations"]
    assert invocation["executionSuccessful"] is successful
    (notification,) = invocation["toolExecutionNotifications"]
    assert notification["message"]["text"] == f"{status.value}: why"
    assert notification["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "a%20b.py"


def test_an_empty_report_is_a_run_without_results() -> None:
    assert run_of(Report())["results"] == []


@pytest.mark.parametrize(
    ("path", "expected"),
    [("a/b c.py", "a/b%20c.py"), ("ä.py", "%C3%A4.py"), ("a:b.py", "a%3Ab.py"), ("../x.py", "../x.py")],
)
def test_paths_become_uri_references(path: str, expected: str) -> None:
    assert uri(path) == expected


def test_absolute_paths_become_file_uris(tmp_path: Path) -> None:
    assert uri(str(tmp_path / "a b.py")) == (tmp_path / "a b.py").as_uri()
