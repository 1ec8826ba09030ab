"""A trainlint of its own, to be killed: `runner.py LEVEL CODE DIRECTORY` sandboxes `python -c CODE` there.

Prints the supervisor's pid once the command runs.
"""

from __future__ import annotations

import os
import sys

from trainlint.probe.sandbox import Level, Limits, Sandboxed, choose


def main() -> None:
    level, code, directory = sys.argv[1:]
    with Sandboxed(
        [sys.executable, "-c", code],
        cwd=directory,
        env=dict(os.environ),
        plan=choose(Level(level)),
        limits=Limits(wall_s=60),
    ) as command:
        print(command.pid, command.scratch, flush=True)
        command.wait()


if __name__ == "__main__":
    main()
