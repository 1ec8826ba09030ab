"""What a run sees of the claims that rules make of single lines: that they hold there, or that they do not."""

from __future__ import annotations

from ..observation import ClaimSeen, Place

_KEPT = 512


class Claims:
    """One answer for each rule and line. Where a run sees both, it says nothing."""

    def __init__(self) -> None:
        self._said: dict[tuple[str, str, int], ClaimSeen | None] = {}

    def say(self, code: str, holds: bool, text: str, *places: Place | None) -> None:
        for place in places:
            if place is None:
                continue
            key = (code, place.path, place.line)
            known = self._said.get(key)
            if key not in self._said and len(self._said) < _KEPT:
                self._said[key] = ClaimSeen(code, place, holds, text)
            elif known is not None and known.holds is not holds:
                self._said[key] = None

    @property
    def seen(self) -> list[ClaimSeen]:
        return [claim for claim in self._said.values() if claim is not None]
