"""`unprivileged.py LEVEL DIRECTORY COMMAND...` sandboxes the command there, with what it is started with."""

from __future__ import annotations

import os
import sys

from trainlint.probe.sandbox import Level, Limits, Sandboxed, choose


def main() -> None:
    level, directory, *command = sys.argv[1:]
    with Sandboxed(command, cwd=directory, env=dict(os.environ), plan=choose(Level(level)), limits=Limits(wall_s=100)) as run:
        sys.exit(run.wait())


if __name__ == "__main__":
    main()
