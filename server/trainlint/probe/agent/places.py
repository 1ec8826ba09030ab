"""Where in the user's own code something happens."""

from __future__ import annotations

import os
import sys
import sysconfig
from types import FrameType, TracebackType
from typing import Iterator

from ..observation import Frame, Place

_PROBE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
_LIBRARIES = tuple(
    os.path.abspath(path) + os.sep
    for path in {
        _PROBE,
        *(sysconfig.get_paths()[key] for key in ("stdlib", "platstdlib", "purelib", "platlib")),
    }
)
_known: dict[str, bool] = {}


def is_user(filename: str) -> bool:
    """Whether a code object's file is the user's: not the standard library, an installed package or this
    agent.
    """
    answer = _known.get(filename)
    if answer is None:
        path = os.path.abspath(filename)
        answer = not (
            filename.startswith("<")
            or path.startswith(_LIBRARIES)
            or f"{os.sep}site-packages{os.sep}" in path
            or f"{os.sep}dist-packages{os.sep}" in path
        )
        _known[filename] = answer
    return answer


def declare_user(filename: str) -> None:
    """The script is the user's wherever it lies."""
    _known[filename] = True


def user_frames(frame: FrameType | None) -> Iterator[FrameType]:
    """The user's frames from `frame` outwards."""
    while frame is not None:
        if is_user(frame.f_code.co_filename):
            yield frame
        frame = frame.f_back


def here() -> Place | None:
    """The innermost line of the user's code that is running."""
    for frame in user_frames(sys._getframe(1)):
        return place_of(frame)
    return None


def place_of(frame: FrameType) -> Place:
    code = frame.f_code
    return Place(os.path.abspath(code.co_filename), frame.f_lineno, code.co_name)


def traceback_frames(traceback: TracebackType | None, limit: int = 40) -> list[Frame]:
    """The frames of a traceback, outermost first, without the agent's own."""
    frames = []
    while traceback is not None:
        code = traceback.tb_frame.f_code
        if not os.path.abspath(code.co_filename).startswith(_PROBE + os.sep):
            path = code.co_filename
            user = is_user(path)
            frames.append(Frame(os.path.abspath(path) if user else path, traceback.tb_lineno, code.co_name, user))
        traceback = traceback.tb_next
    return frames[-limit:]
