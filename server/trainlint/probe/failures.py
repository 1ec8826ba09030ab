"""Why a script stopped before its training could be judged, whose fault that is, and what to do about it."""

from __future__ import annotations

import linecache
import os
import re
from dataclasses import dataclass

from .observation import ErrorSeen, Place

_NETWORK_KINDS = frozenset(
    ("URLError", "HTTPError", "gaierror", "ConnectionError", "ConnectionRefusedError", "ConnectTimeout",
    "ReadTimeout", "TimeoutError", "MaxRetryError", "NewConnectionError", "NameResolutionError", "SSLError",
    "ProxyError", "LocalEntryNotFoundError", "OfflineModeIsEnabled", "ConnectError", "RemoteDisconnected")
)  # fmt: skip
_NETWORK = re.compile(
    r"name resolution|name or service not known|network is unreachable|nodename nor servname|"
    r"connection (refused|error|reset|timed out)|max retries exceeded|couldn't (connect|reach)|can't load|"
    r"error downloading|urlopen error|no route to host|failed to establish",
    re.IGNORECASE,
)
_ACCELERATOR = re.compile(
    r"not compiled with CUDA|No CUDA GPUs|Found no NVIDIA driver|CUDA (driver|error|unavailable|is not)|"
    r"torch\.cuda\.is_available\(\) is False|invalid device ordinal|not linked with support for|MPS backend|"
    r"no accelerator|Expected one of cpu|CUDA device|Cannot access accelerator|requires? (a )?(GPU|CUDA)",
    re.IGNORECASE,
)
_DRIFT = re.compile(
    r"unexpected keyword argument|has no attribute|cannot import name|Weights only load failed|weights_only|"
    r"was removed|no longer supported|missing \d+ required positional|modified by an inplace operation",
    re.IGNORECASE,
)
_WANTS_GPU = re.compile(r"\b(gpus?|cuda|accelerators?)\b", re.IGNORECASE)
_LOOKS_FOR_FILES = re.compile(r"\b(exists|isfile|isdir|is_file|is_dir|glob|listdir|iterdir)\b")
_NOTHING_READ = re.compile(r"num_samples=0|dataset (is|was|seems) empty|empty dataset|(found|contains) (no|0) ", re.IGNORECASE)
_LAUNCHED = re.compile(r"environment variable \w+ expected|env:// rendezvous", re.IGNORECASE)
_TERMINAL = re.compile(r"inappropriate ioctl for device|isn't a terminal|not a (tty|terminal)", re.IGNORECASE)
_NOTEBOOK = "It was exported from a notebook and asks for IPython:"
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
_LONGEST = 200
_LAUNCHER = ("RANK", "LOCAL_RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")


@dataclass(frozen=True)
class Setting:
    """How the script was run, as far as that bears on its failure."""

    script: str
    cwd: str
    python: str = "python"
    network: bool = False
    sandboxed: bool = True
    device: str | None = None


@dataclass(frozen=True)
class Failure:
    """`what` says what happened, `advice` what to do; both are whole sentences. `fault` is "script",
    "setting" (the way it was run) or "libraries"."""

    what: str
    advice: str
    fault: str
    place: Place | None


def explain(error: ErrorSeen, setting: Setting, printed: str = "") -> Failure:
    """One failure in words; `printed` is the end of what the script and its children printed."""
    place = next((Place(frame.path, frame.line) for frame in reversed(error.frames) if frame.user), None)
    at = f" at line {place.line} of {os.path.basename(place.path)}" if place else ""
    message = _first_line(error.message)
    told = f"{error.kind}: {message}" if message else error.kind
    advice, fault = _advice(error, setting, place, printed)
    if error.kind == "SystemExit":
        what = _left(error)
    elif error.during == "compile":
        what = f"The script cannot be compiled: {told}{at}."
    elif error.during == "read":
        what = f"The script cannot be read: {told}."
    elif error.kind == "ProcessEnded":
        what = f"The process ended without an answer{f' after it printed: {message}' if message else ''}."
    elif error.kind == "TorchTooOld":
        what = f"The script imports torch {message}, which lacks the hooks that the agent needs."
    else:
        what = f"The script stopped with {told}{at}."
    return Failure(what, advice, fault, place)


def _first_line(message: str) -> str:
    plain = _COLOURS.sub("", message).strip()
    lines = [each.strip() for each in plain.splitlines()] or [""]
    line = " ".join(lines[:2]) if lines[0].endswith(":") else lines[0]
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]}…"


def _left(error: ErrorSeen) -> str:
    if error.detail.startswith("argparse: "):
        return f"The script wants other arguments: {error.detail[len('argparse: ') :].rstrip('.')}."
    code = error.exit_code
    text = error.message if error.message and not error.message.lstrip("-").isdigit() else ""
    said = f' and the message "{text.strip()[:200]}"' if text and text != "None" else ""
    return f"The script left by `sys.exit` with status {code}{said}."


def _advice(error: ErrorSeen, setting: Setting, place: Place | None, printed: str) -> tuple[str, str]:
    text = f"{error.message} {error.detail}"
    if error.kind == "SystemExit":
        return _exit_advice(error, setting)
    if error.kind == "ProcessEnded":
        return "It left by `os._exit`, crashed in native code, or somebody killed it.", "script"
    if error.kind == "TorchTooOld":
        return "Use torch 2.0 or newer, or another interpreter with `--python`.", "libraries"
    if error.during in ("read", "compile"):
        if place is not None and linecache.getline(place.path, place.line).lstrip().startswith(("%", "!")):
            return f"{_NOTEBOOK} take out the lines that begin with `%` or `!`.", "script"
        return "Mend the script first.", "script"
    if error.kind == "NameError" and "get_ipython" in text:
        return f"{_NOTEBOOK} take out the lines with `get_ipython()`.", "script"
    if error.kind == "ModuleNotFoundError":
        return _missing_module(error, setting), "setting"
    line = linecache.getline(place.path, place.line) if place is not None else ""
    asserted = error.kind == "AssertionError"
    if _ACCELERATOR.search(text) or (asserted and _WANTS_GPU.search(f"{text} {line}")):
        return _no_accelerator(setting), "setting"
    if error.kind in _NETWORK_KINDS or _NETWORK.search(text):
        if setting.network or not setting.sandboxed:
            return "It needs the network, and the network did not answer.", "setting"
        return "It needs the network, which is closed while probing: allow it with `--network`.", "setting"
    if error.kind in ("FileNotFoundError", "NotADirectoryError") or "Dataset not found" in text:
        return _missing_file(error, setting), "setting"
    if _NOTHING_READ.search(text) or (asserted and _LOOKS_FOR_FILES.search(line)):
        return "It finds no data where it looks: fetch the data first, or pass its path after `--`.", "setting"
    if error.kind == "IndexError" and "argv" in line:
        return "It reads its arguments from `sys.argv`: pass them after `--`.", "setting"
    if error.kind in ("PermissionError",) or "Read-only file system" in text:
        return (
            "The sandbox refuses to write there: let it write below the working directory (`--cwd`).",
            "setting",
        )
    if error.kind == "EOFError":
        return (
            "It waits for input, and a probe has none: pass what it asks for after `--`.",
            "setting",
        )
    if _LAUNCHED.search(text) or (error.kind == "KeyError" and any(name in error.message for name in _LAUNCHER)):
        return (
            "It expects a launcher such as torchrun: set what it asks for in the environment.",
            "setting",
        )
    if error.kind == "KeyError" and "environ" in line:
        return f"It reads {_first_line(error.message)} from the environment: set it, and probe again.", "setting"
    if error.kind in ("MemoryError", "OutOfMemoryError") or "allocate memory" in text:
        return "It ran out of memory: raise `--memory`, or probe with a smaller batch.", "setting"
    if error.kind == "KeyboardInterrupt":
        return "It was interrupted.", "setting"
    last = error.frames[-1] if error.frames else None
    if _DRIFT.search(text) and (error.kind in ("AttributeError", "TypeError", "ImportError", "UnpicklingError") or last):
        return (
            "It may be written for other versions of its libraries: choose an interpreter with `--python`.",
            "libraries",
        )
    if _TERMINAL.search(f"{text} {printed}"):
        return "It asks for a terminal, and a probe has none: `trainlint watch` runs it in yours.", "setting"
    return "Mend the error, then probe again.", "script"


def _no_accelerator(setting: Setting) -> str:
    if setting.device == "cpu":
        return "It asks for an accelerator in a way that the CPU cannot replace: probe where there is one."
    return "It needs an accelerator that is not here: try `--device cpu`."


def _exit_advice(error: ErrorSeen, setting: Setting) -> tuple[str, str]:
    if error.detail.startswith("argparse: ") or error.exit_code == 2:
        return "Pass the script's own arguments after `--`.", "setting"
    if error.exit_code and _WANTS_GPU.search(error.message):
        return _no_accelerator(setting), "setting"
    if error.exit_code:
        return "Read what it printed; if it needs arguments, pass them after `--`.", "script"
    return "", "script"


def _missing_module(error: ErrorSeen, setting: Setting) -> str:
    name = (error.detail or error.message.rpartition("'")[0].rpartition("'")[2]).split(".")[0]
    folder = os.path.dirname(os.path.abspath(setting.script))
    above = os.path.dirname(folder)
    while above and above != os.path.dirname(above):
        if os.path.isdir(os.path.join(above, name)) or os.path.isfile(os.path.join(above, f"{name}.py")):
            return f"`{name}` lies in {above}: put that folder on PYTHONPATH and probe again."
        above = os.path.dirname(above)
    return f"Install `{name}` for {setting.python}, or choose the interpreter that has it with `--python`."


def _missing_file(error: ErrorSeen, setting: Setting) -> str:
    path = error.detail
    if path and not os.path.isabs(path):
        folder = os.path.dirname(os.path.abspath(setting.script))
        for candidate in (folder, os.path.dirname(folder), os.path.dirname(os.path.dirname(folder))):
            if candidate != setting.cwd and os.path.exists(os.path.join(candidate, path)):
                return f"{path} is relative and lies in {candidate}: run it there with `--cwd {candidate}`."
        return (
            f"{path} is relative to the working directory, {setting.cwd}: choose the right one with `--cwd`, "
            "or pass the path after `--` if the script takes it as an argument."
        )
    return "The file is missing: fetch the data first, or let the script download it with `--network`."
