"""``trainlint check --with-probe``: the findings of the analysis, held against a run of one script."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from ..agreement import agree, heard
from ..cancel import CancelFlag
from ..configuration import Configuration
from ..finding import Finding, Report
from ..probe.client import ProbeError, Request, probe
from ..probe.command import consents, interrupt_cancels, runnable, shown
from ..probe.sandbox import Level, LevelUnavailable, choose
from ..probe.verdict import ProbeReport
from .console import Console, UsageError
from .examine import Outcome


def run(args: argparse.Namespace, console: Console) -> ProbeReport:
    """Run the script of ``--with-probe`` in the sandbox. Raises `UsageError`."""
    script = args.with_probe
    runnable(script)
    if args.fix or args.diff:
        raise UsageError("--with-probe shows findings, so it goes with neither --fix nor --diff")
    request = Request(
        script=script,
        arguments=tuple(args.arguments),
        python=args.python or sys.executable,
        wall_s=args.timeout,
        device=args.device,
        network=args.network,
    )
    try:
        plan = choose(None, network=args.network, cwd=os.getcwd())
    except LevelUnavailable as error:
        raise UsageError(str(error)) from error
    if plan.level in (Level.NONE, Level.REDIRECT) and not args.yes and not consents(plan, request, console):
        raise UsageError("nothing was run")
    flag = CancelFlag()
    try:
        with interrupt_cancels(flag), shown(console) as progress:
            return probe(request, progress, flag)
    except ProbeError as error:
        raise UsageError(str(error)) from error


def joined(outcomes: list[Outcome], report: ProbeReport, configuration: Configuration) -> list[Outcome]:
    """The outcomes with what the run confirms, refutes and adds. What it found in other files has outcomes of its own."""
    seen = _heard(report, configuration)
    static = [finding for outcome in outcomes for finding in outcome.report.findings]
    agreement = agree(static, seen, report.claims)
    states = iter(agreement.findings)
    added: dict[str, list[Finding]] = {}
    for at in agreement.rest:
        added.setdefault(os.path.abspath(seen[at].path), []).append(seen[at])
    result = []
    for outcome in outcomes:
        held = [next(states) for _ in outcome.report.findings]
        paths = {os.path.abspath(file.path): file.path for file in outcome.report.files}
        for path, name in paths.items():
            held += [replace(finding, path=name) for finding in added.pop(path, [])]
        held.sort(key=lambda finding: (finding.span, finding.code))
        result.append(_with(outcome, held, report))
    elsewhere = [finding for findings in added.values() for finding in findings]
    return [*result, *([_with(Outcome(Report()), elsewhere, report)] if elsewhere else [])]


def _with(outcome: Outcome, findings: list[Finding], report: ProbeReport) -> Outcome:
    """An outcome with other findings, and every text that they need to be shown."""
    paths = {finding.path for finding in findings} | {place.path for finding in findings for place in finding.related}
    texts = {path: source for path in paths if (source := report.sources.get(path)) is not None}
    new = Report(tuple(findings), outcome.report.files)
    return replace(outcome, report=new, others={**texts, **outcome.others})


def _heard(report: ProbeReport, configuration: Configuration) -> tuple[Finding, ...]:
    found: list[Finding] = []
    for path in dict.fromkeys(finding.path for finding in report.findings):
        source = report.sources.get(path)
        settings = configuration.for_folder(Path(os.path.abspath(path)).parent)
        mine: Iterable[Finding] = (finding for finding in report.findings if finding.path == path)
        found += filter(None, heard(mine, settings, path, source.text if source is not None else ""))
    return tuple(found)
