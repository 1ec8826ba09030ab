"""Level 1 on machines with mounts in awkward places."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.probe.sandbox import landscape


def test_awkward_mounts(tmp_path: Path) -> None:
    """A directory that holds mount points is rebuilt; what could not be overlaid there is refused, never
    written.
    """
    root = Path(landscape.__file__).parents[3]
    done = subprocess.run(
        [
            "unshare",
            "--user",
            "--map-root-user",
            "--mount",
            sys.executable,
            landscape.__file__,
            str(tmp_path),
        ],
        env=dict(os.environ, PYTHONPATH=str(root)),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    place = tmp_path / "place"
    assert found["unchanged"]
    read_only = "Read-only file system"
    assert found["refused"] == {
        "big.bin": read_only,
        str(place / "read-only" / "file.txt"): read_only,
        str(place / "read-only" / "new.txt"): read_only,
    }
    assert str(place / "big.bin") in found["read_only"]
