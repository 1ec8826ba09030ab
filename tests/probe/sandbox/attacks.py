"""Run inside a sandbox: `attacks.py DIRECTORY NAME...` does each named harm in DIRECTORY/NAME.

Prints one JSON line for each: `{"attack", "error"}`, where `error` is null when the harm seemed to the
script to have been done and what it then read back was what it had written.
"""

from __future__ import annotations

import errno
import importlib
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
_harms = importlib.import_module("harms")  # by this name also where only this folder was copied to

PYTHON: dict[str, Callable[[], None]] = _harms.PYTHON
LIBRARIES: dict[str, Callable[[], None]] = _harms.LIBRARIES
NATIVE: dict[str, Callable[[], None]] = _harms.NATIVE
SHELL: dict[str, str] = _harms.SHELL
ALL = {**PYTHON, **LIBRARIES, **NATIVE}


def run(name: str) -> None:
    if name in SHELL:
        done = subprocess.run(["sh", "-c", SHELL[name]], capture_output=True, text=True, timeout=60)
        if done.returncode:
            raise OSError(errno.EPERM, done.stderr.strip())
    else:
        ALL[name]()


def main() -> None:
    top = sys.argv[1]
    for name in sys.argv[2:]:
        os.chdir(os.path.join(top, name))
        outcome: dict[str, object] = {"attack": name, "error": None, "text": ""}
        try:
            run(name)
        except OSError as error:
            outcome.update(error=errno.errorcode.get(error.errno or 0, "OSError"), text=str(error))
        except Exception as error:
            outcome.update(error=type(error).__name__, text=repr(error))
        sys.stdout.write(json.dumps(outcome) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
