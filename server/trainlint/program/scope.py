"""Variables and attributes while a program is lowered: frames, classes, and a store that forks at branches."""

from __future__ import annotations

import ast
from collections.abc import Hashable, Iterable, MutableSet
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

from .things import Value, join

Key = tuple[Hashable, str]


@dataclass(eq=False, slots=True)
class Frame:
    """One activation of a function, or the module. Name look-up goes outwards through `outer`.

    `bound` are the names that were given a value in it on some path.
    """

    node: ast.AST
    outer: Frame | None = None
    globals_: AbstractSet[str] = frozenset()
    nonlocals: AbstractSet[str] = frozenset()
    tested: AbstractSet[str] = frozenset()
    cls: ClassInfo | None = None
    receiver: Value | None = None
    bound: MutableSet[str] = field(default_factory=set)

    @property
    def module(self) -> Frame:
        frame = self
        while frame.outer is not None:
            frame = frame.outer
        return frame

    def owner(self, name: str) -> Frame:
        """The frame that an assignment to `name` writes to."""
        if name in self.globals_:
            return self.module
        if name in self.nonlocals and self.outer is not None:
            return self.outer.owner(name)
        return self


@dataclass(eq=False, slots=True)
class ClassInfo:
    """A class whose body is in sight. `external` are the qualified names of bases that are not."""

    name: str
    node: ast.ClassDef
    frame: Frame
    bases: tuple[ClassInfo, ...] = ()
    external: tuple[str, ...] = ()
    methods: dict[str, ast.FunctionDef | ast.AsyncFunctionDef] = field(default_factory=dict)
    constants: dict[str, ast.expr] = field(default_factory=dict)
    annotations: dict[str, ast.expr] = field(default_factory=dict)

    def lineage(self) -> list[ClassInfo]:
        """This class and its bases in sight, nearest first."""
        found: dict[ClassInfo, None] = {}
        waiting = [self]
        while waiting:
            info = waiting.pop(0)
            if info not in found:
                found[info] = None
                waiting.extend(info.bases)
        return list(found)

    def find(self, name: str) -> tuple[ClassInfo, ast.FunctionDef | ast.AsyncFunctionDef] | None:
        for info in self.lineage():
            if name in info.methods:
                return info, info.methods[name]
        return None

    def annotation(self, name: str) -> tuple[ClassInfo, ast.expr] | None:
        """What the body of this class or of a base says an attribute is."""
        for info in self.lineage():
            if name in info.annotations:
                return info, info.annotations[name]
        return None

    @property
    def fields(self) -> tuple[str, ...]:
        """The annotated attributes, those of bases first: what the constructor of a data class takes."""
        return tuple(dict.fromkeys(name for info in reversed(self.lineage()) for name in info.annotations))

    @property
    def outside(self) -> tuple[str, ...]:
        """Every base out of sight."""
        return tuple(name for info in self.lineage() for name in info.external)


class Store:
    """What variables and attributes hold. A fork records changes; joining forks writes what they agree on.

    `sought`, where a fork was given such a set, gathers the keys that were looked for in it and are not there.
    """

    __slots__ = ("_changes", "_parent", "_sought")

    def __init__(self, parent: Store | None = None, sought: MutableSet[Key] | None = None) -> None:
        self._parent = parent
        self._changes: dict[Key, Value] = {}
        self._sought = sought

    @property
    def root(self) -> Store:
        store = self
        while store._parent is not None:
            store = store._parent
        return store

    def get(self, key: Key) -> Value | None:
        store: Store | None = self
        while store is not None:
            found = store._changes.get(key)
            if found is not None:
                return found
            if store._sought is not None:
                store._sought.add(key)
            store = store._parent
        return None

    def _known(self, key: Key) -> Value | None:
        """The same where nobody is to learn of it."""
        store: Store | None = self
        while store is not None:
            found = store._changes.get(key)
            if found is not None:
                return found
            store = store._parent
        return None

    def set(self, key: Key, value: Value) -> None:
        self._changes[key] = value
        holder = key[0]
        if isinstance(holder, Frame):
            holder.bound.add(key[1])

    def fork(self, sought: MutableSet[Key] | None = None) -> Store:
        return Store(self, sought)

    def changes_since(self, base: Store) -> dict[Key, Value]:
        """All that was written between `base` and here."""
        layers: list[dict[Key, Value]] = []
        store: Store | None = self
        while store is not None and store is not base:
            layers.append(store._changes)
            store = store._parent
        merged: dict[Key, Value] = {}
        for layer in reversed(layers):
            merged.update(layer)
        return merged

    def keys_of(self, holder: Hashable) -> frozenset[str]:
        """The attributes of `holder` that were written."""
        names: set[str] = set()
        store: Store | None = self
        while store is not None:
            names.update(name for owner, name in store._changes if owner is holder)
            store = store._parent
        return frozenset(names)

    def items_of_module(self, tree: ast.AST) -> list[tuple[str, Value]]:
        """The names of the top level of a file, with their values."""
        found = ((owner, name, value) for (owner, name), value in self._changes.items())
        return [(name, value) for owner, name, value in found if isinstance(owner, Frame) and owner.node is tree]

    def join(self, paths: Iterable[dict[Key, Value]]) -> AbstractSet[Key]:
        """Let the paths meet here; the keys of what was known before and changed."""
        paths = list(paths)
        changed: MutableSet[Key] = set()
        if len(paths) == 1:
            for key, value in paths[0].items():
                before = self._known(key)
                if value is not before:
                    if before is not None and value != before:
                        changed.add(key)
                    self._changes[key] = value
            return changed
        for key in dict.fromkeys(key for path in paths for key in path):
            written = [path[key] for path in paths if key in path]
            before = self._known(key) if len(written) == len(paths) else self.get(key)
            values = [path.get(key, before) for path in paths]
            known = [value for value in values if value is not None]
            merged = known[0]
            for value in known[1:]:
                merged = join(merged, value)
            if merged is not before:
                if before is not None and merged != before:
                    changed.add(key)
                self._changes[key] = merged
        return changed
