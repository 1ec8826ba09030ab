"""The command line: what can be asked, and how a command ends."""

from __future__ import annotations

import argparse
import os
import sys
import traceback
from collections.abc import Sequence
from typing import NoReturn

from . import __version__
from .commands.console import FAILED, Console, UsageError
from .configuration import ConfigurationError

INTERRUPTED = 130
READER_GONE = 141
"""Exit statuses of a shell's child that ended by SIGINT, or by SIGPIPE."""

_RUNNING = ("watch", "probe", "fix")
_COMMANDS = ("check", "rule", "explain", *_RUNNING, "server")

_EPILOG = """\
Exit status: 0 nothing found, 1 mistakes found, 2 bad usage or a failure of trainlint itself.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line `argv` (or that of the process) and return its exit status."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    console = Console()
    try:
        status = _run(arguments, console)
        console.out.flush()
        return status
    except (UsageError, ConfigurationError) as error:
        console.note(f"error: {error}")
        return FAILED
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        return READER_GONE
    except OSError as error:
        console.note(f"error: {error}")
        return FAILED
    except Exception as error:
        if {"-v", "--verbose"} & set(arguments):
            console.err.write(traceback.format_exc())
        console.note(f"error: trainlint itself failed ({type(error).__name__}: {error}): please open an issue")
        return FAILED
    finally:
        console.close()


def _run(arguments: list[str], console: Console) -> int:
    first = arguments[0] if arguments else ""
    if first == "server":
        from .lsp.server import main as serve

        return serve(arguments[1:])
    parser = _parser(first)
    if not arguments:
        console.err.write(parser.format_help())
        return FAILED
    if not first.startswith("-") and first not in _COMMANDS:
        raise UsageError(_unknown_command(first))
    if first in _RUNNING:
        return _run_script(first, parser, arguments, console)
    own, of_the_script = _split(arguments)
    args = parser.parse_args(own)
    if args.command == "check":
        args.arguments = of_the_script
        from .commands.check import check_command

        return check_command(args, console)
    if args.command == "rule":
        from .commands.rule import rule_command

        return rule_command(args, console)
    from .commands.explain import explain_command

    return explain_command(args, console)


def _run_script(command: str, parser: argparse.ArgumentParser, arguments: list[str], console: Console) -> int:
    from .probe.command import probe_command, split_arguments, watch_command

    own, of_the_script = split_arguments(arguments)
    args = parser.parse_args(own)
    args.arguments = of_the_script
    if command == "fix":
        from .commands.fix import fix_command

        return fix_command(args, console)
    return watch_command(args, console) if command == "watch" else probe_command(args, console)


def _split(arguments: list[str]) -> tuple[list[str], list[str]]:
    """What is trainlint's, and what is for a script that it runs."""
    if arguments[0] != "check" or "--with-probe" not in " ".join(arguments) or "--" not in arguments:
        return arguments, []
    at = arguments.index("--")
    return arguments[:at], arguments[at + 1 :]


def _unknown_command(word: str) -> str:
    from .settings import did_you_mean

    if os.path.exists(word):
        return f"{word} is no command; to check it: trainlint check {word}"
    hint = did_you_mean(word, _COMMANDS) or f": there are {', '.join(_COMMANDS)}"
    return f'there is no command "{word}"{hint}'


class _Parser(argparse.ArgumentParser):
    """Complains in one sentence."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message} (see {self.prog} --help)")


def _parser(command: str) -> argparse.ArgumentParser:
    """The parser for `command`; the others are described where all are to be listed."""
    parser = _Parser(
        prog="trainlint",
        description="Says why a neural network will not learn, from its training code.",
        epilog=_EPILOG,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"trainlint {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    _add_check(commands)
    _add_rule(commands)
    _add_explain(commands)
    if command in _RUNNING or command not in _COMMANDS:
        from .commands.fix import add_fix_parser
        from .probe.command import add_probe_parser, add_watch_parser

        add_fix_parser(commands)
        add_watch_parser(commands)
        add_probe_parser(commands)
    commands.add_parser("server", help="serve an editor: Language Server Protocol", add_help=False)
    return parser


def _add_check(commands: argparse._SubParsersAction[_Parser]) -> None:
    check = commands.add_parser("check", help="check files and folders", epilog=_EPILOG, allow_abbrev=False)
    check.add_argument(
        "paths",
        nargs="*",
        metavar="PATH",
        help="files, folders, or - for standard input (default: ., or the script of --with-probe)",
    )
    output = check.add_argument_group("output")
    output.add_argument("--output-format", choices=("text", "json", "sarif", "github"), default="text")
    output.add_argument("--statistics", action="store_true", help="count the findings of each rule")
    output.add_argument("--show-files", action="store_true", help="list the files that would be checked")
    output.add_argument("--show-settings", action="store_true", help="print the settings for the first path")
    output.add_argument("--exit-zero", action="store_true", help="exit with 0 also when there are findings")
    output.add_argument("-q", "--quiet", action="store_true", help="print findings only, no summary")
    output.add_argument("-v", "--verbose", action="store_true", help="also tell what was understood only in part")
    fixes = check.add_argument_group("fixes")
    fixes.add_argument("--fix", action="store_true", help="apply the fixes that keep what the program does")
    fixes.add_argument(
        "--unsafe-fixes",
        action="store_true",
        help="with --fix or --diff: also those that change how it trains",
    )
    fixes.add_argument("--diff", action="store_true", help="print what --fix would change and write nothing")
    fixes.add_argument(
        "--show-fixes", action="store_true", help="with --fix or --diff: list what was applied, and what was not and why"
    )
    probe = check.add_argument_group("a run that confirms or refutes", "arguments of the script come after --")
    probe.add_argument("--with-probe", metavar="SCRIPT", help="run SCRIPT in the sandbox, see which findings it bears out")
    probe.add_argument("--python", metavar="INTERPRETER", help="the interpreter that has torch (default: this one)")
    probe.add_argument("--timeout", type=_seconds, default=60.0, metavar="S", help="seconds for the script (default: 60)")
    probe.add_argument("--device", choices=("cpu",), help="stand in for every accelerator with the CPU")
    probe.add_argument("--network", action="store_true", help="allow the network beyond this machine")
    probe.add_argument("-y", "--yes", action="store_true", help="do not ask where the sandbox cannot cover everything")
    choice = check.add_argument_group("rules and files")
    for option, text in (
        ("--select", "these rules only"),
        ("--extend-select", "these rules as well"),
        ("--ignore", "not these rules"),
    ):
        choice.add_argument(
            option,
            action="extend",
            type=_codes,
            default=[],
            metavar="CODES",
            help=f"{text}: codes, prefixes or names",
        )
    choice.add_argument("--stdin-filename", metavar="NAME", help="the name of what comes from standard input")
    which = choice.add_mutually_exclusive_group()
    which.add_argument("--config", metavar="FILE", help="take the settings from this file for all paths")
    which.add_argument("--isolated", action="store_true", help="read no settings from files")
    choice.add_argument("--jobs", type=_jobs, metavar="N", help="use up to N processes (default: all processors)")
    choice.add_argument("--no-cache", action="store_true", help="analyse every file again")


def _add_rule(commands: argparse._SubParsersAction[_Parser]) -> None:
    rule = commands.add_parser("rule", help="explain a rule", allow_abbrev=False)
    rule.add_argument("rule", nargs="?", metavar="CODE|NAME", help="such as TRN101 or missing-zero-grad")
    rule.add_argument("--all", action="store_true", help="list all rules")
    rule.add_argument("--output-format", choices=("text", "json", "markdown"), default="text")


def _add_explain(commands: argparse._SubParsersAction[_Parser]) -> None:
    explain = commands.add_parser("explain", help="show what the analysis sees at a line", allow_abbrev=False)
    explain.add_argument("place", metavar="FILE:LINE")


def _jobs(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a number of processes")
    return int(text)


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is no positive number")
    return value


def _codes(text: str) -> list[str]:
    return [code.strip() for code in text.split(",") if code.strip()]
