"""Running a script as `__main__`, as `python SCRIPT` would."""

from __future__ import annotations

import builtins
import io
import linecache
import os
import sys
import threading
import tokenize
from importlib.machinery import SourceFileLoader
from types import ModuleType, TracebackType

from ..observation import ErrorSeen, Frame
from .places import declare_user, is_user, traceback_frames


class Ending:
    """How a script ended: nothing, a call of `sys.exit`, or an exception. `error` is the record of the last
    two.
    """

    def __init__(self, exception: BaseException | None, during: str) -> None:
        self.exception = exception
        self.error = None if exception is None else _record(exception, during)

    @property
    def exit(self) -> bool:
        return isinstance(self.exception, SystemExit)


def run(path: str, arguments: list[str], source: str | None) -> Ending:
    """Execute the script at `path`, or `source` in its place, in a fresh `__main__`. Waits
    for its threads.
    """
    path = os.path.abspath(path)
    declare_user(path)
    sys.argv = [path, *arguments]
    sys.path.insert(0, os.path.dirname(path))
    main = ModuleType("__main__")
    main.__dict__.update(
        __file__=path,
        __builtins__=builtins,
        __cached__=None,
        __loader__=SourceFileLoader("__main__", path),
    )
    sys.modules["__main__"] = main
    during = "read"
    try:
        text = source if source is not None else _read(path)
        if source is not None:
            linecache.cache[path] = (len(text), None, text.splitlines(True), path)
        during = "compile"
        code = compile(text, path, "exec", dont_inherit=True)
        during = "run"
        exec(code, main.__dict__)
        _wait_for_threads()
    except BaseException as exception:
        return Ending(exception, during)
    return Ending(None, during)


def stripped(traceback: TracebackType | None) -> TracebackType | None:
    """A traceback without the agent's own frames, so that it reads as if the agent were not there."""
    kept = []
    folder = os.path.dirname(os.path.abspath(__file__)) + os.sep
    while traceback is not None:
        if not os.path.abspath(traceback.tb_frame.f_code.co_filename).startswith(folder):
            kept.append(traceback)
        traceback = traceback.tb_next
    chain: TracebackType | None = None
    for entry in reversed(kept):
        chain = TracebackType(chain, entry.tb_frame, entry.tb_lasti, entry.tb_lineno)
    return chain


def _read(path: str) -> str:
    with open(path, "rb") as stream:
        data = stream.read()
    encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
    return io.TextIOWrapper(io.BytesIO(data), encoding, newline=None).read()


def _wait_for_threads() -> None:
    for thread in threading.enumerate():
        if thread is not threading.current_thread() and not thread.daemon:
            thread.join()


def _record(exception: BaseException, during: str) -> ErrorSeen:
    frames = traceback_frames(exception.__traceback__)
    if isinstance(exception, SyntaxError) and exception.filename and is_user(exception.filename):
        frames.append(Frame(os.path.abspath(exception.filename), exception.lineno or 1, "", True))
    exit_code = None
    if isinstance(exception, SystemExit):
        code = exception.code
        exit_code = code if isinstance(code, int) else 0 if code is None else 1
    return ErrorSeen(
        kind=type(exception).__name__,
        message=str(exception)[:2000],
        frames=frames,
        during=during,
        exit_code=exit_code,
        detail=_detail(exception),
    )


def _detail(exception: BaseException) -> str:
    """What argparse complained of, or the file or module that an import or an open missed."""
    if isinstance(exception, SystemExit):
        traceback = exception.__traceback__
        while traceback is not None:
            frame = traceback.tb_frame
            if frame.f_code.co_name == "error" and frame.f_code.co_filename.endswith("argparse.py"):
                return f"argparse: {frame.f_locals.get('message', '')}"
            traceback = traceback.tb_next
    if isinstance(exception, OSError) and exception.filename is not None:
        return str(exception.filename)
    if isinstance(exception, ImportError) and exception.name:
        return exception.name
    chain = exception.__cause__ or exception.__context__
    return f"{type(chain).__name__}: {chain}"[:500] if chain is not None else ""
