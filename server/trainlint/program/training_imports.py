"""Which imports of a file lead to training in other files of the workspace, before any of them is entered."""

from __future__ import annotations

import ast
import os
import re

from ..source.workspace import Workspace
from .index import Index
from .outline import Outline, has_training_words, outline_of
from .resolution import Location, Resolver

_IMPORT = re.compile(r"^[ \t]*(?:from[ \t]+(\.*)([\w.]*)[ \t]+import|import[ \t]+([\w.]+))", re.MULTILINE)


def leads_to_training(workspace: Workspace, path: str, text: str) -> bool:
    """Whether a script imports a file of the workspace that has training words, by its text alone.

    Modules of packages without such words define things and train nothing: looking into all of them costs too much.
    """
    if workspace.has_file(os.path.join(os.path.dirname(path), "__init__.py")):
        return False
    resolver = Resolver(workspace)
    for dots, name, plain in _IMPORT.findall(text):
        location = resolver.relative(path, len(dots), name) if dots else resolver.absolute(path, name or plain)
        document = workspace.document(location.path) if location is not None and location.is_file else None
        if document is not None and has_training_words(document.text):
            return True
    return False


def training_names(resolver: Resolver, path: str, index: Index) -> set[str]:
    """Names by which a file may reach training in other files of the workspace: functions and classes that it imports."""
    found: set[str] = set()
    for node in index.imports:
        if isinstance(node, ast.ImportFrom):
            location = (
                resolver.relative(path, node.level, node.module) if node.level else resolver.absolute(path, node.module or "")
            )
            if location is None:
                continue
            if node.names[0].name == "*":
                found |= _training_in(resolver, location)
                continue
            for alias in node.names:
                if _is_training(resolver, location, alias.name):
                    found.add(alias.asname or alias.name)
        else:
            for alias in node.names:
                location = resolver.absolute(path, alias.name)
                if location is not None:
                    found |= _training_in(resolver, location)
    return found


def _training_in(resolver: Resolver, location: Location) -> set[str]:
    outline = _training_outline(resolver, location)
    return outline.training_names if outline is not None else set()


def _training_outline(resolver: Resolver, location: Location) -> Outline | None:
    document = resolver.workspace.document(location.path) if location.is_file else None
    if document is None or not has_training_words(document.text):
        return None
    parsed = resolver.workspace.parsed(location.path)
    return outline_of(parsed) if parsed is not None else None


def _is_training(resolver: Resolver, location: Location, name: str, depth: int = 4) -> bool:
    """Whether `name` of a module is training: a function, a class, or a module that holds such, also re-exported."""
    inner = resolver.submodule(location, name)
    if inner is not None:
        return _training_outline(resolver, inner) is not None
    outline = _training_outline(resolver, location)
    if outline is not None and name in outline.training_names:
        return True
    document = resolver.workspace.document(location.path) if location.is_file else None
    if document is None or not depth or os.path.basename(location.path) != "__init__.py":
        return False
    parsed = resolver.workspace.parsed(location.path)
    if parsed is None:
        return False
    for statement in parsed.tree.body:
        if not isinstance(statement, ast.ImportFrom):
            continue
        for alias in statement.names:
            if alias.name != "*" and (alias.asname or alias.name) != name:
                continue
            source = (
                resolver.relative(location.path, statement.level, statement.module)
                if statement.level
                else resolver.absolute(location.path, statement.module or "")
            )
            wanted = name if alias.name == "*" else alias.name
            if source is not None and _is_training(resolver, source, wanted, depth - 1):
                return True
    return False
