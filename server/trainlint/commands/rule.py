"""``trainlint rule``: what a rule says, why, and when it stays silent."""

from __future__ import annotations

import argparse
import json
from typing import Any

from ..rules import FAMILIES, RULES, Fixability, Rule
from ..settings import did_you_mean
from .console import CLEAN, Console, UsageError


def rule_command(args: argparse.Namespace, console: Console) -> int:
    """Run ``trainlint rule``; returns the exit status. Raises `UsageError` for a rule that does not exist."""
    if args.all == (args.rule is not None):
        raise UsageError("name one rule by its code or its name, or use --all")
    if args.all:
        console.out.write(_LISTINGS[args.output_format]())
        return CLEAN
    rule = _find(args.rule)
    if args.output_format == "json":
        console.out.write(_json(_as_object(rule)))
    elif console.palette.coloured:
        _rendered(rule, console)
    else:
        console.out.write(_page(rule))
    return CLEAN


def _find(word: str) -> Rule:
    for rule in RULES:
        if word.upper() == rule.code or word.lower() == rule.name:
            return rule
    words = [word for rule in RULES for word in (rule.code, rule.name)]
    raise UsageError(f'there is no rule "{word}"{did_you_mean(word, words)}')


def _page(rule: Rule) -> str:
    return (
        f"# {rule.name} ({rule.code})\n\n"
        f"Severity: {rule.severity.value}. Fix available: {rule.fixable.value}. Since {rule.since}.\n\n"
        f"{rule.doc.strip()}\n"
    )


def _rendered(rule: Rule, console: Console) -> None:
    from rich.console import Console as Terminal
    from rich.markdown import Markdown

    Terminal(file=console.out, force_terminal=True).print(Markdown(_page(rule)))


def _table() -> str:
    width = max((len(rule.name) for rule in RULES), default=0)
    rows = []
    for rule in RULES:
        fix = f"fix: {rule.fixable.value}"
        rows.append(f"{rule.code:<8}{rule.name:<{width}}  {rule.severity.value:<8} {fix:<15} {rule.summary}\n")
    return "".join(rows)


def _listing() -> str:
    """All rules by family, as docs/rules.md shows them."""
    fixable = sum(rule.fixable is not Fixability.NEVER for rule in RULES)
    lines = [
        "# The rules",
        "",
        "Made by `trainlint rule --all --output-format markdown`; `trainlint rule CODE` prints the page of one.",
        "",
        f"{len(RULES)} rules; {fixable} of them offer a fix, and the pages of the others say why they do not.",
    ]
    for family in FAMILIES:
        if family.RULES:
            lines += [
                "",
                f"## {(family.__doc__ or '').rstrip('.')}",
                "",
                "| code | name | severity | fix | |",
                "|---|---|---|---|---|",
            ]
        for rule in family.RULES:
            lines.append(f"| {rule.code} | {rule.name} | {rule.severity.value} | {rule.fixable.value} | {rule.summary} |")
    return "\n".join(lines) + "\n"


def _as_object(rule: Rule) -> dict[str, Any]:
    return {
        "code": rule.code,
        "name": rule.name,
        "severity": rule.severity.value,
        "fix": rule.fixable.value,
        "since": rule.since,
        "summary": rule.summary,
        "doc": rule.doc,
    }


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2) + "\n"


_LISTINGS = {"text": _table, "json": lambda: _json([_as_object(rule) for rule in RULES]), "markdown": _listing}
