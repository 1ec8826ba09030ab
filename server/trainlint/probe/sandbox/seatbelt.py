"""Level 2 on macOS: a profile for `sandbox-exec`, which fences every process the command starts."""

from __future__ import annotations

import os

PROGRAM = "/usr/bin/sandbox-exec"

_DEVICES = ("/dev/null", "/dev/zero", "/dev/tty", "/dev/dtracehelper", "/dev/ptmx")


def wrapped(argv: tuple[str, ...], scratch: str, *, network: bool) -> tuple[str, ...]:
    return (PROGRAM, "-p", profile(scratch, network=network), *argv)


def profile(scratch: str, *, network: bool) -> str:
    """Everything is allowed but to write outside `scratch`, to signal processes outside, and to leave
    loopback.

    `file-write*` covers contents, names, modes, owners, times, flags and extended attributes.
    """
    place = _quoted(os.path.realpath(scratch))
    lines = [
        "(version 1)",
        "(allow default)",
        "(deny file-write*)",
        f"(allow file-write* (subpath {place}))",
        *(f"(allow file-write-data (literal {_quoted(device)}))" for device in _DEVICES),
        '(allow file-write-data (regex #"^/dev/ttys[0-9]+$"))',
        "(deny signal)",
        "(allow signal (target same-sandbox))",
        "(deny network-outbound (remote unix-socket))",
        f"(allow network-outbound (remote unix-socket (subpath {place})))",
    ]
    if not network:
        lines += [
            "(deny network-outbound (remote ip))",
            '(allow network-outbound (remote ip "localhost:*"))',
            "(deny network-inbound (local ip))",
            '(allow network-inbound (local ip "localhost:*"))',
        ]
    return "\n".join(lines) + "\n"


def _quoted(path: str) -> str:
    return '"' + path.replace("\\", "\\\\").replace('"', '\\"') + '"'
