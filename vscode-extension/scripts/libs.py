"""Fills ``bundled/libs`` with trainlint and its libraries for one platform and every supported Python minor.

The tree is pure Python except for the native modules of `libcst`, which lie side by side, one for each minor
(the interpreter picks its own by the file's tag), and those of `psutil`, which serve all minors. PyYAML works without
its native module, which is not made for every platform and minor: only its Python files are taken.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from email.message import Message
from email.parser import HeaderParser
from pathlib import Path

from pip._vendor.packaging.requirements import Requirement
from pip._vendor.packaging.utils import canonicalize_name

EXTENSION = Path(__file__).resolve().parents[1]
REPOSITORY = EXTENSION.parent
LIBS = EXTENSION / "bundled" / "libs"
REQUIREMENTS = EXTENSION / "bundled" / "requirements.txt"

MINORS = ("3.10", "3.11", "3.12", "3.13", "3.14")
PLATFORMS = {
    "linux-x64": ("linux", ["manylinux_2_28_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64"]),
    "linux-arm64": ("linux", ["manylinux_2_28_aarch64", "manylinux_2_17_aarch64", "manylinux2014_aarch64"]),
    "darwin-x64": ("darwin", ["macosx_11_0_x86_64", "macosx_10_12_x86_64", "macosx_10_9_x86_64"]),
    "darwin-arm64": ("darwin", ["macosx_11_0_arm64"]),
    "win32-x64": ("win32", ["win_amd64"]),
    "win32-arm64": ("win32", ["win_arm64"]),
}
OMITTED = {
    # libcst reads YAML only for its command line, which is not used here.
    "pyyaml-ft",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("target", choices=sorted(PLATFORMS))
    target = parser.parse_args().target
    pure, native, stripped = requirements()
    if LIBS.exists():
        shutil.rmtree(LIBS)
    LIBS.mkdir(parents=True)
    with tempfile.TemporaryDirectory() as temporary:
        wheels = Path(temporary)
        pip("wheel", "--no-deps", "--wheel-dir", str(wheels / "own"), str(REPOSITORY))
        download(wheels / "pure", pure, MINORS[0], ["any"])
        download(wheels / "stripped", stripped, MINORS[0], PLATFORMS["linux-x64"][1])
        for minor in MINORS:
            download(wheels / minor, native, minor, PLATFORMS[target][1])
        for wheel in wheels.glob("stripped/*.whl"):
            unpack(wheel, native=False)
        for wheel in (
            *wheels.glob("own/*.whl"),
            *wheels.glob("pure/*.whl"),
            *wheels.glob(f"{MINORS[0]}/*.whl"),
        ):
            unpack(wheel)
        for minor in MINORS[1:]:
            for wheel in wheels.glob(f"{minor}/*.whl"):
                unpack(wheel, python=False)
    problems = list(missing(PLATFORMS[target][0]))
    if problems:
        sys.exit("\n".join([f"{REQUIREMENTS.name} does not hold all that is needed:", *problems]))


def requirements() -> tuple[list[str], list[str], list[str]]:
    """The pinned packages without and with native code, and those that work without theirs."""
    text, _, rest = REQUIREMENTS.read_text("utf-8").partition("# native")
    native, _, stripped = rest.partition("# stripped")
    return _lines(text), _lines(native), _lines(stripped)


def _lines(text: str) -> list[str]:
    return [line for line in text.splitlines() if line and not line.startswith("#")]


def pip(*arguments: str) -> None:
    command = [sys.executable, "-m", "pip", "-qq", "--disable-pip-version-check", *arguments]
    if subprocess.run(command).returncode != 0:
        sys.exit(f"pip {' '.join(arguments)} failed")


def download(folder: Path, packages: list[str], minor: str, platforms: list[str]) -> None:
    wanted = [f"--platform={platform}" for platform in platforms]
    pip(
        "download",
        "--no-deps",
        "--only-binary=:all:",
        f"--python-version={minor}",
        *wanted,
        f"--dest={folder}",
        *packages,
    )


def unpack(wheel: Path, *, python: bool = True, native: bool = True) -> None:
    """Into `LIBS`, without tests, type stubs of others' packages and the installer's own records."""
    with zipfile.ZipFile(wheel) as archive:
        for name in archive.namelist():
            is_native = name.endswith((".so", ".pyd"))
            if not (native if is_native else python) or _is_dropped(name):
                continue
            if is_native and (LIBS / name).exists() and (LIBS / name).read_bytes() != archive.read(name):
                sys.exit(f"{name} differs between the wheels of two Python minors")
            archive.extract(name, LIBS)


def _is_dropped(name: str) -> bool:
    *folders, file = name.split("/")
    if folders and folders[0].endswith(".dist-info"):
        return file not in ("METADATA", "LICENSE", "LICENSE.txt", "COPYING") and "licenses" not in folders
    return "tests" in folders or file.endswith(".pyi") or (bool(folders) and folders[0].endswith(".data"))


def missing(platform: str) -> Iterator[str]:
    """What the bundled packages require, on any supported minor, and is not there or in another version."""
    metadata = [HeaderParser().parsestr(file.read_text("utf-8")) for file in LIBS.glob("*.dist-info/METADATA")]
    versions = {canonicalize_name(entry["Name"]): entry["Version"] for entry in metadata}
    for entry in metadata:
        for requirement in _needed(entry, platform):
            name = canonicalize_name(requirement.name)
            found = versions.get(name)
            if name in OMITTED or (found is not None and requirement.specifier.contains(found, prereleases=True)):
                continue
            yield f"  {entry['Name']} needs {requirement}; bundled: {found or 'nothing'}"


def _needed(metadata: Message, platform: str) -> Iterator[Requirement]:
    for line in metadata.get_all("Requires-Dist", []):
        requirement = Requirement(line)
        for minor in MINORS:
            surroundings = {
                "python_version": minor,
                "python_full_version": f"{minor}.0",
                "sys_platform": platform,
                "platform_system": {"linux": "Linux", "darwin": "Darwin", "win32": "Windows"}[platform],
                "extra": "",
            }
            if requirement.marker is None or requirement.marker.evaluate(surroundings):
                yield requirement
                break


if __name__ == "__main__":
    main()
