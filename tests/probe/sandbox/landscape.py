"""Run in a mount namespace of its own: `landscape.py DIRECTORY`. Mounts what machines have, then sandboxes
a script.

DIRECTORY/place gets directories with awkward names, a file system with another one inside, a read-only one,
and a file that is a mount. The script tries to write to all of them; prints what it could not do.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from trainlint.probe.sandbox import Level, Limits, Sandboxed, choose

from tests.probe.sandbox import victims

AWKWARD = ["a,b", "c:d", "e\\f", "g h", "i'j\"k", "lowerdir=x,upperdir=y", "n\nm", "é€"]

SCRIPT = """
import json, os, sys

refused = {}

def write(path, mode="a"):
    try:
        with open(path, mode) as file:
            file.write("more")
        with open(path) as file:
            assert file.read().endswith("more")
    except OSError as error:
        refused[path] = os.strerror(error.errno)

for path in json.loads(sys.argv[1]):
    write(os.path.join(path, "file.txt"))
    write(os.path.join(path, "new.txt"), "x")
for path in ("small.txt", "big.bin", "bound.txt"):
    write(path)
assert os.readlink("link.txt") == "small.txt"
write("link.txt")
print(json.dumps(refused))
"""


def mount(*arguments: object) -> None:
    subprocess.run(["mount", *map(str, arguments)], check=True)


def main() -> None:
    place = Path(sys.argv[1]) / "place"
    directories = [place / name for name in (*AWKWARD, "disk", "disk/inner", "read-only")]
    for name in (*AWKWARD, "disk", "read-only"):
        (place / name).mkdir(parents=True)
    mount("-t", "tmpfs", "disk", place / "disk")
    (place / "disk" / "inner").mkdir()
    mount("-t", "tmpfs", "inner", place / "disk" / "inner")
    mount("-t", "tmpfs", "fixed", place / "read-only")
    for path in directories:
        (path / "file.txt").write_text("original")
    mount("-o", "remount,ro", place / "read-only")
    (place / "small.txt").write_text("small")
    (place / "link.txt").symlink_to("small.txt")
    (place / "big.bin").write_bytes(bytes(2 << 20))
    (place / "source.txt").write_text("source")
    (place / "bound.txt").touch()
    mount("--bind", place / "source.txt", place / "bound.txt")
    before = victims.snapshot(place)
    with Sandboxed(
        [sys.executable, "-c", SCRIPT, json.dumps([str(path) for path in directories])],
        cwd=place,
        env=dict(os.environ),
        plan=choose(Level.NAMESPACES),
        limits=Limits(wall_s=60),
        stdout=subprocess.PIPE,
    ) as command:
        assert command.stdout is not None
        refused = json.loads(command.stdout.read() or "null")
        command.wait()
        read_only = command.read_only
    unchanged = victims.snapshot(place) == before
    print(json.dumps({"refused": refused, "read_only": read_only, "unchanged": unchanged}))


if __name__ == "__main__":
    main()
