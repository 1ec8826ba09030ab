"""Which mounts a process really sees, from `/proc/self/mountinfo` (see proc(5))."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

_OCTAL = re.compile(r"\\([0-7]{3})")


@dataclass(frozen=True)
class Mount:
    id: int
    parent: int
    point: str
    kind: str
    read_only: bool


def parse_mountinfo(text: str) -> list[Mount]:
    """In the order of the file, which is the order of mounting among the children of one parent."""
    mounts = []
    for line in text.splitlines():
        before, _, after = line.partition(" - ")
        fields, rest = before.split(" "), after.split(" ")
        if len(fields) < 6 or len(rest) < 3:
            continue
        read_only = "ro" in fields[5].split(",") or "ro" in rest[2].split(",")
        mounts.append(Mount(int(fields[0]), int(fields[1]), _plain(fields[4]), rest[0], read_only))
    return mounts


def visible(mounts: Iterable[Mount]) -> dict[str, Mount]:
    """Mount point to mount, without those that a later mount covers."""
    known = list(mounts)
    ids = {mount.id for mount in known}
    children: dict[int, list[Mount]] = defaultdict(list)
    for mount in known:
        if mount.parent in ids and mount.parent != mount.id:
            children[mount.parent].append(mount)
    seen: dict[str, Mount] = {}
    pending = [mount for mount in known if mount.parent not in ids or mount.parent == mount.id]
    while pending:
        mount = pending.pop()
        below = children[mount.id]
        cover = [child for child in below if child.point == mount.point]
        if cover:
            pending.append(cover[-1])
            continue
        seen[mount.point] = mount
        points = {child.point: child for child in below}
        pending.extend(child for point, child in points.items() if not any(is_below(point, other) for other in points))
    return seen


def is_below(path: str, directory: str) -> bool:
    """Whether `path` lies strictly inside `directory`; both absolute and normalised."""
    return path != directory and path.startswith(directory.rstrip("/") + "/")


def _plain(field: str) -> str:
    return _OCTAL.sub(lambda match: chr(int(match.group(1), 8)), field)
