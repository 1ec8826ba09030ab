"""The scripts under `fixtures/probe` on another device: does each parameter get the status that it gets on the processor?

``python benchmarks/on_device.py [DEVICE]`` (cuda) runs a copy of each script whose tensors are made on the device by default, and
compares verdict, statuses and findings with what the script itself announces. It prints what differs, and ends with 1 where
something does, with 2 where the device is not there. The tests hold what can be held without a device; this is for machines
that have one.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from trainlint.probe.client import Request, probe  # noqa: E402
from trainlint.probe.sandbox import Level  # noqa: E402

from tests.probe.expectations import compare, read  # noqa: E402

FOLDERS = ("status", "causes", "honest", "mistakes")
ELSEWHERE = ("meta", "sharded", "sharded_flat", "sharded_whole", "distributed")
"""Scripts that name their device, or that need a process group of its own kind."""


def main(device: str) -> int:
    made = subprocess.run(
        [sys.executable, "-c", f"import torch; torch.zeros(1, device={device!r})"], capture_output=True, text=True
    )
    if made.returncode:
        print(made.stderr.strip().splitlines()[-1])
        return 2
    scripts = [each for folder in FOLDERS for each in sorted((ROOT / "fixtures/probe" / folder).glob("*.py"))]
    scripts = [each for each in scripts if each.stem not in ELSEWHERE]
    different = 0
    with tempfile.TemporaryDirectory() as scratch:
        for script in scripts:
            said = differs(script, device, Path(scratch) / script.name)
            different += bool(said)
            if said:
                print(f"{script.relative_to(ROOT)}: {said}", flush=True)
    print(f"{len(scripts)} scripts on {device}, {len(scripts) - different} as on the processor")
    return int(different > 0)


def differs(script: Path, device: str, copy: Path) -> str:
    """What is not as announced; nothing where all is. The lines stay where they are."""
    before, docstring, rest = script.read_text().split('"""', 2)
    prelude = f"; import torch; torch.set_default_device({device!r})"
    copy.write_text(f'{before}"""{docstring}"""{prelude}{rest}')
    try:
        compare(probe(Request(str(copy), level=Level.NONE, wall_s=120.0)), read(script))
    except AssertionError as error:
        return str(error).replace("\n", " ")[:400] or "not as announced"
    return ""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else "cuda"))
