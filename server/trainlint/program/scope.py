"""Variables and attributes while a program is lowered: frames, classes, and a store that forks at branches."""

from __future__ import annotations

import ast
from collections.abc import Hashable, Iterable, MutableSet
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

from .things import Value
from .values import join

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
    """A class whose body is in sight. `external` are the qualified names of bases that are not.

    `defaults` are what its body gives attributes that are annotated, or described by a call.
    """

    name: str
    node: ast.ClassDef
    frame: Frame
    bases: tuple[ClassInfo, ...] = ()
    external: tuple[str, ...] = ()
    methods: dict[str, ast.FunctionDef | ast.AsyncFunctionDef] = field(default_factory=dict)
    constants: dict[str, ast.expr] = field(default_factory=dict)
    annotations: dict[str, ast.expr] = field(default_factory=dict)
    defaults: dict[str, ast.expr] = field(default_factory=dict)
    _lineage: tuple[ClassInfo, ...] = ()

    def lineage(self) -> tuple[ClassInfo, ...]:
        """This class and its bases in sight, nearest first."""
        if not self._lineage:
            self._lineage = tuple(self._inherited())
        return self._lineage

    def _inherited(self) -> dict[ClassInfo, None]:
        found: dict[ClassInfo, None] = {}
        waiting = [self]
        while waiting:
            info = waiting.pop(0)
            if info not in found:
                found[info] = None
                waiting.extend(info.bases)
        return found

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
        """The annotated or described attributes, those of bases first: what the constructor of a data class takes."""
        ways = [info.annotations or info.defaults for info in reversed(self.lineage())]
        return tuple(dict.fromkeys(name for names in ways for name in names))

    def default(self, name: str) -> tuple[ClassInfo, ast.expr] | None:
        """What the body of this class or of a base gives an attribute that is annotated or described."""
        for info in self.lineage():
            if name in info.defaults:
                return info, info.defaults[name]
            if name in info.constants:
                return None
        return None

    @property
    def outside(self) -> tuple[str, ...]:
        """Every base out of sight."""
        return tuple(name for info in self.lineage() for name in info.external)


class Changes(dict[Key, Value]):
    """What one path wrote. `open` are the keys whose value is, on a part of the path, still that of before."""

    __slots__ = ("open",)

    def __init__(self, written: dict[Key, Value] | None = None, open_: AbstractSet[Key] = frozenset()) -> None:
        super().__init__(written or {})
        self.open = open_


class Store:
    """What variables and attributes hold. A fork records changes; joining forks writes what they agree on.

    `sought`, where a fork was given such a set, gathers the keys that were looked for in it and are not there, or are there
    on some paths only.
    """

    __slots__ = ("_changes", "_open", "_parent", "_sought")

    def __init__(self, parent: Store | None = None, sought: MutableSet[Key] | None = None) -> None:
        self._parent = parent
        self._changes: dict[Key, Value] = {}
        self._open: MutableSet[Key] = set()
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
                if key in store._open:
                    store._seek(key)
                return found
            if store._sought is not None:
                store._sought.add(key)
            store = store._parent
        return None

    def known(self, key: Key) -> Value | None:
        """The same where nobody is to learn of it."""
        store: Store | None = self
        while store is not None:
            found = store._changes.get(key)
            if found is not None:
                return found
            store = store._parent
        return None

    def unaware(self, key: Key) -> list[MutableSet[Key]]:
        """Those sets of what is sought that do not hold `key` yet."""
        found: list[MutableSet[Key]] = []
        store: Store | None = self
        while store is not None:
            if store._sought is not None and key not in store._sought:
                found.append(store._sought)
            store = store._parent
        return found

    def _seek(self, key: Key) -> None:
        """A value was looked at that is on some paths the one of before this store."""
        store: Store | None = self
        while store is not None:
            if key in store._changes and key not in store._open:
                return
            if store._sought is not None:
                store._sought.add(key)
            store = store._parent

    def differs(self, base: Store, keys: Iterable[Key]) -> bool:
        """One of `keys`, known in `base`, has another value here."""
        changes = self.changes_since(base)
        return any(base.known(key) not in (None, changes[key]) for key in keys if key in changes)

    def set(self, key: Key, value: Value) -> None:
        self._changes[key] = value
        self._open.discard(key)
        holder = key[0]
        if isinstance(holder, Frame):
            holder.bound.add(key[1])

    def fork(self, sought: MutableSet[Key] | None = None) -> Store:
        return Store(self, sought)

    def changes_since(self, base: Store) -> Changes:
        """All that was written between `base` and here."""
        layers: list[Store] = []
        store: Store | None = self
        while store is not None and store is not base:
            layers.append(store)
            store = store._parent
        if len(layers) == 1:
            return Changes(layers[0]._changes, set(layers[0]._open))
        merged: dict[Key, Value] = {}
        undecided: MutableSet[Key] = set()
        for layer in reversed(layers):
            undecided = {key for key in undecided if key not in layer._changes or key in layer._open}
            undecided |= {key for key in layer._open if key not in merged}
            merged.update(layer._changes)
        return Changes(merged, undecided)

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

    def join(self, paths: Iterable[Changes]) -> AbstractSet[Key]:
        """Let the paths meet here; the keys of what was known before and changed."""
        paths = list(paths)
        changed: MutableSet[Key] = set()
        if len(paths) == 1:
            for key, value in paths[0].items():
                before = self.known(key)
                if value is not before:
                    if before is not None and value != before:
                        changed.add(key)
                    self._write(key, value, key in paths[0].open)
            return changed
        for key in dict.fromkeys(key for path in paths for key in path):
            before = self.known(key)
            merged: Value | None = None
            open_ = False
            for path in paths:
                found = path.get(key, before)
                open_ = open_ or key not in path or key in path.open
                if found is not None:
                    merged = found if merged is None else join(merged, found)
            if merged is not None and merged is not before:
                if before is not None and merged != before:
                    changed.add(key)
                self._write(key, merged, open_)
        return changed

    def _write(self, key: Key, value: Value, open_: bool) -> None:
        """Set what paths agree on; `open_`: one of them left it as it was before."""
        if not open_:
            self._open.discard(key)
        elif key not in self._changes:
            self._open.add(key)
        self._changes[key] = value
