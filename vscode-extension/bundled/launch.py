"""Starts the trainlint that lies beside this file, whatever the interpreter has installed.

Run as ``python -I -S launch.py ARGUMENTS``: no site packages, no environment variables and no current directory on the path,
so that neither the workspace nor the user's environment can stand in for a module.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent / "libs"))

from trainlint.cli import main  # noqa: E402

if __name__ == "__main__":
    sys.exit(main())
