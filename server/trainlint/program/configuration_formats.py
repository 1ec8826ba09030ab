"""The text of a configuration file as tables, lists and scalars, each scalar with its place."""

from __future__ import annotations

import json
import math
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass

from ..source.document import Document
from ..source.text import SourceText, Span
from .frameworks.files import Format

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

_MOST_CHARACTERS = 200_000
_MOST_NODES = 5_000
_LAX_FLOAT = re.compile(r"[-+]?[0-9][0-9_]*(?:\.[0-9_]*)?[eE][-+]?[0-9]+")
_MERGE = "tag:yaml.org,2002:merge"
_SCALARS = tuple(f"tag:yaml.org,2002:{kind}" for kind in ("null", "bool", "int", "float", "str"))


@dataclass(frozen=True, slots=True)
class Scalar:
    value: object
    span: Span


Node = dict[object, "Node"] | list["Node"] | Scalar | None
"""None is what cannot be known from the text, such as an interpolation."""


class _TooMuch(Exception):
    """The file is none that a person wrote."""


def read(document: Document, format: Format) -> Node:
    """What loading `document` gives; None where that fails, or cannot be known."""
    if len(document.text) > _MOST_CHARACTERS:
        return None
    try:
        if format is Format.JSON:
            return _Finder(document.source).placed(json.loads(document.text))
        if format is Format.TOML:
            return _Finder(document.source).placed(tomllib.loads(document.text))
        return _yaml(document, lax=format is Format.LAX_YAML)
    except (ValueError, RecursionError, _TooMuch):
        return None


class _Finder:
    """Looks for the keys of a value in its text, from top to bottom."""

    def __init__(self, source: SourceText) -> None:
        self.source = source
        self.at = 0

    def placed(self, value: object) -> Node:
        if isinstance(value, dict):
            return {key: self._entry(key, item) for key, item in value.items()}
        if isinstance(value, list):
            return [self.placed(item) for item in value]
        return Scalar(value, self.source.span(self.at, self.at))

    def _entry(self, key: object, item: object) -> Node:
        found = re.compile(rf"(?<![\w-])[\"']?{re.escape(str(key))}[\"']?\s*[\]:=.]").search(self.source.text, self.at)
        if found is None:
            return self.placed(item)
        self.at = found.end()
        if isinstance(item, (dict, list)):
            return self.placed(item)
        end = self.source.text.find("\n", found.end())
        line = self.source.text[found.start() : end if end >= 0 else None].rstrip(" \t\r,}")
        return Scalar(item, self.source.span(found.start(), found.start() + len(line)))


def _yaml(document: Document, lax: bool) -> Node:
    import yaml

    try:
        root = yaml.compose(document.text, Loader=yaml.SafeLoader)
        return _Yaml(document.source, lax).node(root) if root is not None else None
    except yaml.YAMLError:
        return None


class _Yaml:
    """One tree of PyYAML as nodes: its scalars are what `yaml.safe_load` makes of them."""

    def __init__(self, source: SourceText, lax: bool) -> None:
        from yaml.constructor import SafeConstructor

        self.source = source
        self.lax = lax
        self.constructor = SafeConstructor()
        self.left = _MOST_NODES

    def node(self, node: object) -> Node:
        import yaml

        self.left -= 1
        if self.left < 0:
            raise _TooMuch
        if isinstance(node, yaml.MappingNode):
            return dict(self._entries(node))
        if isinstance(node, yaml.SequenceNode):
            return [self.node(item) for item in node.value]
        return self._scalar(node) if isinstance(node, yaml.ScalarNode) and node.tag in _SCALARS else None

    def _entries(self, node: object) -> Iterator[tuple[object, Node]]:
        own: dict[object, Node] = {}
        for key, item in node.value:  # type: ignore[attr-defined]
            if key.tag == _MERGE:
                inner = self.node(item)
                for part in reversed(inner if isinstance(inner, list) else [inner]):
                    yield from part.items() if isinstance(part, dict) else ()
            else:
                name = self.node(key)
                own[name.value if isinstance(name, Scalar) else None] = self.node(item)
        yield from own.items()

    def _scalar(self, node: object) -> Scalar | None:
        value = self.constructor.construct_object(node)
        if self.lax and isinstance(value, str):
            if "${" in value or value == "???":
                return None
            if node.style is None and _LAX_FLOAT.fullmatch(value):  # type: ignore[attr-defined]
                value = float(value)
        if isinstance(value, float) and math.isnan(value):
            return None
        start, end = node.start_mark.index, node.end_mark.index  # type: ignore[attr-defined]
        return Scalar(value, self.source.span(start, end))
