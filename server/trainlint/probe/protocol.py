"""What the agent and its parent say to each other: one JSON object per line, on descriptors of their own.

The agent runs this file under the user's interpreter, so it keeps to Python 3.8 and the standard library.
A conversation is `Ready` (agent), `Run` (parent), any number of `Progress` (agent), one `Result` (agent);
`Stop` (parent) asks for the result at once. The end of the parent's stream means that the parent is gone, or, while
watching, that the result has been printed.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

from .observation import Observation

PROTOCOL = 1

BACKWARDS = 64
"""How many backward passes may go by without a step that counts, unless the caller knows the script's own
period.
"""


@dataclass
class Run:
    """Run `script` as ``__main__``. `source` is its text where that differs from the file (an unsaved
    buffer).
    """

    script: str
    arguments: list[str]
    source: str | None = None
    watch: bool = False
    wall_s: float | None = 60.0
    backwards: int = BACKWARDS
    device: str | None = None


@dataclass
class Stop:
    """Answer with what was seen so far, then leave."""


@dataclass
class Ready:
    protocol: int
    python: str
    pid: int


@dataclass
class Progress:
    """`kind` is one of REACHED; `count` how often it happened so far, `at_s` seconds after the start of the
    script.
    """

    kind: str
    at_s: float
    count: int = 1
    line: int | None = None


REACHED = ("start", "torch", "optimizer", "forward", "backward", "step")
"""How far a script came, in the order in which a training script gets there."""


@dataclass
class Result:
    """`fault` is a traceback of the agent itself; what was seen up to there is still in `observation`."""

    observation: Observation
    fault: str | None = None


Message = object

_METHODS = {
    "run": Run,
    "stop": Stop,
    "ready": Ready,
    "progress": Progress,
    "result": Result,
}
_NAMES = {kind: name for name, kind in _METHODS.items()}


class ProtocolError(Exception):
    """The other side said something that this version does not know."""


def encode(message: Run | Stop | Ready | Progress | Result) -> bytes:
    """One line, with its line end."""
    body = {"method": _NAMES[type(message)], "params": asdict(message)}
    return json.dumps(body, separators=(",", ":")).encode() + b"\n"


def split(line: bytes) -> tuple[str, dict[str, object]]:
    """The method of a line and its parameters. Raises `ProtocolError` for what is no message."""
    try:
        body = json.loads(line)
        return body["method"], body["params"]
    except (ValueError, KeyError, TypeError) as error:
        raise ProtocolError(f"not a message: {line[:80]!r}") from error


def request(line: bytes) -> Run | Stop:
    """What the parent asks. Raises `ProtocolError`."""
    method, params = split(line)
    try:
        if method == "run":
            return Run(**params)  # type: ignore[arg-type]
        if method == "stop":
            return Stop()
    except TypeError as error:
        raise ProtocolError(str(error)) from error
    raise ProtocolError(f"unknown method {method!r}")
