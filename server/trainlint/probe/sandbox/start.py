"""Entry of the supervisor, run by path in a bare interpreter: `start.py LIFE REPORT`, two pipe ends.

The first line on LIFE is the order, with the search path to import trainlint by. The rest of LIFE is only
its end.
"""

from __future__ import annotations

import json
import os
import sys


def _pipe_end(argument: str, flags: int) -> int:
    if sys.platform == "win32":
        import msvcrt

        return msvcrt.open_osfhandle(int(argument), flags)
    os.set_inheritable(int(argument), False)
    return int(argument)


def main() -> None:
    life, report = _pipe_end(sys.argv[1], os.O_RDONLY), _pipe_end(sys.argv[2], os.O_WRONLY)
    received = bytearray()
    while not received.endswith(b"\n"):
        part = os.read(life, 1 << 16)
        if not part:
            return
        received += part
    message = json.loads(received)
    sys.path[:] = message["path"]
    from trainlint.probe.sandbox import supervisor

    supervisor.main(life, report, message["order"])


if __name__ == "__main__":
    main()
