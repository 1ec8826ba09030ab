"""Starts the trainlint that the interpreter has installed. Run as ``python -I installed.py ARGUMENTS``."""

import sys

from trainlint.cli import main

if __name__ == "__main__":
    sys.exit(main())
