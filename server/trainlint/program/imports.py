"""Names that come from other files of the workspace, looked up when they are used.

A file is entered at most once in a program. Of its top level only the statements run that bind what is asked for;
all of them run where the top level itself trains. Their effects belong to the place of the first import.
"""

from __future__ import annotations

import ast
import builtins
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field

from ..source.document import Document
from ..source.nodes import walk
from ..source.workspace import Parsed
from . import lower
from .effects import Block
from .frameworks.table import PACKAGES, is_called, maker, may_bind, meaning, rate_range
from .machine import Machine
from .names import imported, origin
from .outline import Outline, outline_of
from .resolution import Location, Resolver
from .scope import Frame
from .things import UNKNOWN, Choice, External, Function, ModuleValue, Pending, Value
from .values import join

_SMALL_FUNCTION = 40
_MOST_STATEMENTS = 4_000
# How many files a program may enter, and how many of them in search of a name that a star import may bind.
_MOST_FILES = 150
_MOST_STAR_FILES = 40
_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Import, ast.ImportFrom)
_ABSENCE = frozenset({"ImportError", "ModuleNotFoundError", "Exception"})


@dataclass(slots=True, eq=False)
class Unit:
    """One file while a program is lowered: `block` holds what its top level does, `entered` which statements ran."""

    location: Location
    block: Block
    parsed: Parsed | None = None
    outline: Outline | None = None
    frame: Frame | None = None
    entered: set[int] = field(default_factory=set)


class Importer:
    """The imports of one program. `path` is the file that is checked, `frame` its module."""

    def __init__(self, machine: Machine, resolver: Resolver, path: str, frame: Frame) -> None:
        self.machine = machine
        self.resolver = resolver
        self.workspace = resolver.workspace
        self.main = frame
        self._extra = _MOST_STATEMENTS
        self._files, self._star_files = _MOST_FILES, _MOST_STAR_FILES
        self._units: dict[str, Unit] = {}
        self._frames: dict[Frame, Unit] = {}
        self._stars: dict[Frame, list[Location | str]] = {}
        self._admitted: dict[ast.AST, bool] = {}
        self._sought: set[tuple[str, str]] = set()
        own = Unit(Location(path, "__main__", is_file=True), Block(), frame=frame)
        self._units[path] = self._frames[frame] = own

    @property
    def files(self) -> list[Parsed]:
        """The other files that were entered."""
        return [unit.parsed for unit in self._units.values() if unit.parsed is not None]

    # Statements

    def run(self, node: ast.Import | ast.ImportFrom) -> None:
        """Execute an import statement."""
        m = self.machine
        if isinstance(node, ast.ImportFrom) and node.names[0].name == "*":
            location = self._origin(node)
            if location is not None:
                self._place(location)
            stars = self._stars.setdefault(m.frame.module, [])
            if (location or origin(node)) not in stars:
                stars.append(location or origin(node))
            return
        for name, external in imported(node):
            m.store.set((m.frame, name), external)
        if isinstance(node, ast.ImportFrom):
            location = self._origin(node)
            if location is not None:
                self._place(location)
                module = ModuleValue(location.path, location.name)
                for alias in node.names:
                    pending = Pending(module, alias.name, f"{origin(node)}.{alias.name}")
                    m.store.set((m.frame, alias.asname or alias.name), pending)
            return
        for alias in node.names:
            location = self.resolver.absolute(self.here, alias.name)
            top = location if alias.asname else self.resolver.absolute(self.here, alias.name.partition(".")[0])
            if location is not None and top is not None:
                self._place(top)
                self._place(location)
                m.store.set((m.frame, alias.asname or top.name), ModuleValue(top.path, top.name))

    def succeeds(self, node: ast.Try) -> bool:
        """The body of a ``try`` imports what is there, so that its handlers for missing modules never run."""
        if not node.handlers or not all(isinstance(statement, (ast.Import, ast.ImportFrom)) for statement in node.body):
            return False
        for handler in node.handlers:
            kinds = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
            if not any(kind is None or (isinstance(kind, ast.Name) and kind.id in _ABSENCE) for kind in kinds):
                return False
        return all(self._is_there(statement) for statement in node.body if isinstance(statement, (ast.Import, ast.ImportFrom)))

    def _is_there(self, node: ast.Import | ast.ImportFrom) -> bool:
        if isinstance(node, ast.Import):
            return all(self.resolver.absolute(self.here, alias.name) is not None for alias in node.names)
        location = self._origin(node)
        return location is not None and all(alias.name == "*" or self._binds(location, alias.name) for alias in node.names)

    def _binds(self, location: Location, name: str) -> bool:
        if self.resolver.submodule(location, name) is not None:
            return True
        parsed = self.workspace.parsed(location.path) if location.is_file else None
        if parsed is None:
            return False
        outline = outline_of(parsed)
        return name in outline.bindings or bool(outline.stars) or "__getattr__" in outline.bindings

    @property
    def here(self) -> str:
        """The path of the file that is being lowered."""
        return self._frames[self.machine.frame.module].location.path

    def _origin(self, node: ast.ImportFrom) -> Location | None:
        if node.level:
            return self.resolver.relative(self.here, node.level, node.module)
        return self.resolver.absolute(self.here, node.module or "")

    def _place(self, location: Location) -> Unit:
        """The unit of a file; its effects go where it was first imported."""
        unit = self._units.get(location.path)
        if unit is None:
            unit = self._units[location.path] = Unit(location, Block())
            self.machine.emit(unit.block)
        return unit

    # Names

    def force(self, value: Value) -> Value:
        """`value` with the imported names in it looked up."""
        if isinstance(value, Pending):
            location = self._units[value.module.path].location
            found = self.member(location, value.name)
            return External(value.qualified) if found is None else found
        if isinstance(value, Choice) and any(isinstance(option, Pending) for option in value.options):
            forced: Value | None = None
            for option in value.options:
                now = self.force(option)
                forced = now if forced is None else join(forced, now)
            return forced or UNKNOWN
        return value

    def attribute(self, module: ModuleValue, name: str) -> Value:
        """`module.name`."""
        found = self.member(self._units[module.path].location if module.path in self._units else None, name)
        return External(f"{module.name}.{name}") if found is None else found

    def member(self, location: Location | None, name: str) -> Value | None:
        """What a module binds to `name`; None where it binds nothing.

        A package that imports `name` from itself means its submodule.
        """
        if location is None:
            return None
        key = (location.path, name)
        if location.is_file and key not in self._sought:
            unit = self._enter(location)
            self._sought.add(key)
            try:
                found = self._demand(unit, name)
            finally:
                self._sought.discard(key)
            if found is not None:
                return found
        inner = self.resolver.submodule(location, name)
        if inner is None:
            return None
        self._place(inner)
        return ModuleValue(inner.path, inner.name)

    def missing(self, frame: Frame, name: str) -> Value | None:
        """A name that no frame binds so far: of a module whose statements wait, or of a star import."""
        unit = self._frames.get(frame)
        return self._demand(unit, name) if unit is not None else None

    def assign(self, module: ModuleValue, name: str, value: Value) -> None:
        """`module.name = value`."""
        if module.path in self._units and (frame := self._enter(self._units[module.path].location).frame) is not None:
            self._demand(self._units[module.path], name)
            self.machine.store.set((frame, name), value)

    def _enter(self, location: Location) -> Unit:
        unit = self._place(location)
        if unit.frame is not None:
            return unit
        parsed = self.workspace.parsed(location.path) if self._files else None
        self._files -= parsed is not None
        if parsed is None:
            unit.frame = Frame(ast.Module([], []))
            self._frames[unit.frame] = unit
            return unit
        tree, unit.parsed, unit.outline = parsed.tree, parsed, outline_of(parsed)
        self.machine.index.include(unit.outline.index)
        self.machine.relevant.update(unit.outline.relevant)
        unit.frame = Frame(tree, tested=unit.outline.index.functions[tree].tested)
        self._frames[unit.frame] = unit
        for star in unit.outline.stars:
            with self.machine.apart(unit.frame, unit.block, star):
                self.run(star)
        if unit.outline.trains:
            for index in range(len(tree.body)):
                self._execute(unit, index)
        return unit

    def _demand(self, unit: Unit, name: str) -> Value | None:
        assert unit.frame is not None
        key = (unit.frame, name)
        known = self.machine.store.get(key)
        if known is None and unit.outline is not None:
            for index in unit.outline.bindings.get(name, ()):
                self._execute(unit, index)
            known = self.machine.store.get(key)
        if known is not None:
            return self.force(known)
        return self._from_stars(unit.frame, name)

    def _execute(self, unit: Unit, index: int) -> None:
        """Run one statement of the top level, unless it did or is being run."""
        if index in unit.entered:
            return
        assert unit.outline is not None and unit.frame is not None
        unit.entered.add(index)
        statement = unit.outline.tree.body[index]
        self._charge(1 if isinstance(statement, _DEFINITIONS) else _size(statement))
        with self.machine.apart(unit.frame, unit.block, statement):
            lower.statements(self.machine, [statement])

    def _from_stars(self, frame: Frame, name: str) -> Value | None:
        stars = self._stars.get(frame, []) if not hasattr(builtins, name) else []
        unseen = [star for star in stars if isinstance(star, str) and not _is_known(star)]
        for star in reversed(stars):
            if isinstance(star, str):
                if star not in unseen and _of_library(f"{star}.{name}", alone=not unseen):
                    return External(f"{star}.{name}")
                continue
            if self._offers(star, name):
                found = self.member(star, name)
                if found is not None:
                    return found
        return None

    def _offers(self, star: Location, name: str) -> bool:
        """Whether a star import of this file may bind `name`, by its text before anything is parsed."""
        if star.path not in self._units or self._units[star.path].frame is None:
            document = self.workspace.document(star.path) if star.is_file and self._star_files else None
            if document is None or (name not in document.text and "import *" not in document.text):
                return False
            self._star_files -= 1
        unit = self._enter(star)
        return unit.outline is not None and unit.outline.exports(name)

    def data_file(self, path: str) -> Document | None:
        """A file that the program opens. Where a relative path counts from is not known: it must be found once."""
        if os.path.isabs(path):
            return self.workspace.document(path)
        places = dict.fromkeys(os.path.normpath(os.path.join(folder, path)) for folder in self._folders())
        found = [document for place in places if (document := self.workspace.document(place)) is not None]
        return found[0] if len(found) == 1 else None

    def _folders(self) -> Iterator[str]:
        """From the folder of the script up to the roots."""
        folder = os.path.dirname(self._frames[self.main].location.path)
        yield folder
        while folder not in self.workspace.roots and self.workspace.has_folder(os.path.dirname(folder)):
            folder = os.path.dirname(folder)
            yield folder
        yield from self.workspace.roots

    # Costs

    def admits(self, function: Function) -> bool:
        """Whether the body of a function is worth to be looked at: always in the file that is checked.

        In other files where it has to do with training or is small, as long as the budget lasts.
        """
        frame = function.frame.module
        if frame is self.main or frame not in self._frames:
            return True
        node = function.node
        if node not in self._admitted:
            size = self.machine.index.functions[node].size
            wanted = node in self.machine.relevant or size <= _SMALL_FUNCTION
            self._admitted[node] = wanted and self._charge(size)
        return self._admitted[node]

    def _charge(self, statements: int) -> bool:
        """Let the budget grow by what a part of another file may cost; False where nothing is left to give."""
        if statements > self._extra:
            return False
        self._extra -= statements
        self.machine.afford(statements)
        return True


def _size(node: ast.AST) -> int:
    """How many statements there are in a function or statement; a lambda counts as one."""
    return sum(1 for inner in walk(node) if isinstance(inner, (ast.stmt, ast.Lambda)))


def _is_known(package: str) -> bool:
    """What a star import of it binds is known: all that matters of it is in the tables."""
    top = package.partition(".")[0]
    return top in PACKAGES or top in sys.stdlib_module_names


def _of_library(qualified: str, alone: bool) -> bool:
    """Whether a star import of a library that the tables know binds this name.

    Among star imports of modules out of sight only what the tables name outright is taken for the library's.
    """
    module, _, name = qualified.rpartition(".")
    if hasattr(builtins, name) or not may_bind(module, name):
        return False
    if qualified.partition(".")[0] in sys.stdlib_module_names:
        return is_called(qualified)
    if not alone:
        return rate_range(name) is not None and maker(qualified) is not None
    return maker(qualified) is not None or meaning(qualified) is not None
