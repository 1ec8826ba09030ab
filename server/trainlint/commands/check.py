"""``trainlint check``: files in, findings or fixed files out."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from ..configuration import Configuration, ConfigurationError, load
from ..discovery import Target, discover, source_of
from ..finding import Confidence, FileStatus, Finding, Report, State, Status
from ..fixes.apply import Refusal
from ..fixes.resolve import with_edits
from ..output import text
from ..settings import Settings, unknown_selector
from ..source.text import Position, Span
from .console import CLEAN, FAILED, FOUND, Console, UsageError, standard_input
from .examine import Fixing, Outcome, examine_stdin, refusals
from .pool import examine_all, processors

STDIN = "-"

HINTS = {Refusal.UNSAFE: " (use --unsafe-fixes)"}


def check_command(args: argparse.Namespace, console: Console) -> int:
    """Run ``trainlint check``; returns the exit status. Raises `UsageError` and `ConfigurationError`."""
    try:
        return _check(args, console)
    except ConfigurationError as error:
        if args.output_format != "text":
            console.out.write(_rendered(_invalid_setting(error), [], args, console))
        raise


def _invalid_setting(error: ConfigurationError) -> Report:
    """What reads findings gets this one as well."""
    from ..rules.housekeeping.invalid_setting import RULE

    line = error.line or 1
    span = Span(Position(line, 1), Position(line, 1))
    finding = Finding(RULE.code, RULE.name, RULE.severity, Confidence.CERTAIN, error.message, str(error.path), span)
    return Report((finding,), (FileStatus(str(error.path), Status.UNREADABLE, error.message),))


def _check(args: argparse.Namespace, console: Console) -> int:
    if args.with_probe is not None and not args.paths:
        args.paths = [args.with_probe]
    args.paths = args.paths or ["."]
    fixing = _fixing(args)
    configuration = configuration_of(args)
    _look_for(args.paths)
    if args.stdin_filename is not None and STDIN not in args.paths:
        raise UsageError(f"--stdin-filename names what comes from standard input, so it needs the path {STDIN}")
    if args.show_settings:
        from .show import show_settings

        console.out.write(show_settings(args.paths[0], configuration))
        return CLEAN
    found = discover([path for path in args.paths if path != STDIN], configuration)
    if args.show_files:
        console.out.writelines(f"{target.path}\n" for target in found if isinstance(target, Target))
        return CLEAN
    outcomes = [_stdin(args, configuration, fixing)] if STDIN in args.paths else []
    outcomes += _outcomes(found, fixing, args.jobs or processors())
    if args.with_probe is not None:
        from .probed import joined, run

        report = run(args, console)
        outcomes = joined(outcomes, report, configuration)
        console.note(f"probed {args.with_probe}: {report.sentence}")
        if report.fault is not None:
            console.note(f"a defect of trainlint ended the watching, so nothing is confirmed:\n{report.fault.rstrip()}")
            return max(_tell(outcomes, fixing, args, console), FAILED)
    return _tell(outcomes, fixing, args, console)


def configuration_of(args: argparse.Namespace) -> Configuration:
    """The settings that the options ask for. Raises `UsageError` and `ConfigurationError`."""
    from ..rules import RULES

    rules = {rule.code: rule.name for rule in RULES}
    for option in ("select", "ignore", "extend_select"):
        sentence = unknown_selector(getattr(args, option), rules)
        if sentence:
            raise UsageError(f"--{option.replace('_', '-')}: {sentence}")

    def adjust(settings: Settings) -> Settings:
        if args.select:
            settings = replace(settings, select=tuple(args.select), extend_select=(), ignore=())
        return replace(
            settings,
            ignore=(*settings.ignore, *args.ignore),
            extend_select=(*settings.extend_select, *args.extend_select),
        )

    fixed = None
    if args.isolated:
        fixed = Settings(root=Path.cwd())
    elif args.config is not None:
        fixed = load(Path(args.config), rules, root=Path.cwd())
    return Configuration(rules, fixed, adjust)


def _fixing(args: argparse.Namespace) -> Fixing | None:
    if args.unsafe_fixes and not (args.fix or args.diff):
        raise UsageError("--unsafe-fixes needs --fix to apply them, or --diff to show them")
    if args.show_fixes and not (args.fix or args.diff):
        raise UsageError("--show-fixes lists what --fix applies, or what --diff shows, so it needs one of them")
    if args.diff and args.output_format != "text":
        raise UsageError("--diff prints a patch, so it takes no --output-format")
    if args.statistics and (args.diff or args.output_format not in ("text", "json")):
        raise UsageError("--statistics is printed as text or json, and not with --diff")
    if not (args.fix or args.diff):
        return None
    return Fixing(unsafe=args.unsafe_fixes, write=not args.diff)


def _look_for(paths: Iterable[str]) -> None:
    for path in paths:
        if path != STDIN and not os.path.exists(path):
            what = "a link to nothing" if os.path.islink(path) else "no such file or folder"
            raise UsageError(f"{path}: {what}")


def _stdin(args: argparse.Namespace, configuration: Configuration, fixing: Fixing | None) -> Outcome:
    name = args.stdin_filename or "<stdin>"
    settings = configuration.for_folder(Path(os.path.abspath(name)).parent)
    data = standard_input()
    return examine_stdin(source_of(name, data), data, settings, fixing)


def _outcomes(found: Iterable[Target | FileStatus], fixing: Fixing | None, jobs: int) -> Iterator[Outcome]:
    items = list(found)
    examined = examine_all([item for item in items if isinstance(item, Target)], fixing, jobs)
    for item in items:
        yield Outcome(Report(files=(item,))) if isinstance(item, FileStatus) else next(examined)


def _findings(outcome: Outcome, args: argparse.Namespace) -> tuple[Finding, ...]:
    """What is to be shown of one file; machines are given every edit."""
    if args.output_format in ("json", "sarif") and outcome.source is not None:
        return with_edits(outcome.report.findings, outcome.source.text)
    return outcome.report.findings


def _tell(outcomes: list[Outcome], fixing: Fixing | None, args: argparse.Namespace, console: Console) -> int:
    """Print what came of all files; returns the exit status."""
    report = Report(
        tuple(finding for outcome in outcomes for finding in _findings(outcome, args)),
        tuple(file for outcome in outcomes for file in outcome.report.files),
    )
    printed = [outcome.output for outcome in outcomes if outcome.output is not None]
    results = console.err if printed else console.out
    if args.diff:
        for outcome in outcomes:
            console.write_bytes(console.palette.paint_diff(outcome.diff))
    else:
        results.write(_rendered(report, outcomes, args, console))
    for data in printed:
        console.write_bytes(data)
    if not args.quiet:
        human = args.output_format == "text" and not args.diff
        closing = results if human else console.err
        if fixing and args.show_fixes:
            closing.write(text.fixes(*_fixes(outcomes), written=fixing.write))
        if fixing:
            closing.write(_fix_summary(outcomes, fixing))
        if human and report.files:
            closing.write(text.summary(report))
    console.out.flush()
    notes = [*text.notices(report, args.verbose), *(note for outcome in outcomes for note in outcome.notes)]
    if not args.show_fixes:
        notes += [sentence for outcome in outcomes for sentence in refusals(outcome.refused)]
    for sentence in notes:
        console.note(sentence)
    if not report.files:
        console.note("found no Python files: see the setting exclude, .gitignore files and --show-files")
    return _status(report, outcomes, args.exit_zero)


def _rendered(report: Report, outcomes: list[Outcome], args: argparse.Namespace, console: Console) -> str:
    if args.output_format == "json":
        from ..output import json

        return json.render_statistics(report) if args.statistics else json.render(report)
    if args.output_format == "sarif":
        from ..output import sarif
        from ..rules import RULES

        return sarif.render(report, RULES)
    if args.output_format == "github":
        from ..output import github

        return github.render(report)
    if args.statistics:
        return text.statistics(report)
    sources = {path: source for outcome in outcomes for path, source in outcome.others.items()}
    sources |= {file.path: o.source for o in outcomes if o.source for file in o.report.files}
    return text.render(report, sources, console.palette)


def _fixes(outcomes: list[Outcome]) -> tuple[list[Finding], list[tuple[Finding, str]]]:
    """What was applied, and what was not and why."""
    refused = [each for outcome in outcomes for each in outcome.refused]
    why = [(each.finding, each.reason.value + HINTS.get(each.reason, "")) for each in refused]
    return [finding for outcome in outcomes for finding in outcome.applied], why


def _fix_summary(outcomes: list[Outcome], fixing: Fixing) -> str:
    applied = sum(len(outcome.applied) for outcome in outcomes)
    unsafe = sum(refused.reason is Refusal.UNSAFE for outcome in outcomes for refused in outcome.refused)
    verb = "Fixed" if fixing.write else "Would fix"
    kept = f", {text.count(unsafe, 'unsafe fix', 'unsafe fixes')} not applied (use --unsafe-fixes)" if unsafe else ""
    return f"{verb} {text.count(applied, 'mistake')}{kept}.\n"


def _status(report: Report, outcomes: list[Outcome], exit_zero: bool) -> int:
    """FAILED also when a file that the user named could not be read: what was asked for was not checked."""
    for outcome in outcomes:
        states = {file.status for file in outcome.report.files}
        unread = outcome.named and Status.UNREADABLE in states and not outcome.report.findings
        if outcome.failed or unread or Status.FAILED in states:
            return FAILED
    standing = [finding for finding in report.findings if finding.state is not State.WITHDRAWN]
    return FOUND if standing and not exit_zero else CLEAN
