"""Positions in the units of a client, URIs, and changes of a text as an editor reports them."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from lsprotocol import types
from trainlint.lsp.convert import Coordinates, changed, path_of, uri_of
from trainlint.source.text import Position, SourceText, Span

LINE = 'note = "é漢🔥"; bad()'
COLUMN = LINE.index("bad()") + 1


@pytest.mark.parametrize(("encoding", "character"), [("utf-8", 20), ("utf-16", 15), ("utf-32", 14)])
def test_columns_after_wide_characters_count_in_the_units_of_the_client(encoding: str, character: int) -> None:
    coordinates = Coordinates(SourceText(f"\n{LINE}\n"), encoding)
    assert coordinates.position(Position(2, COLUMN)) == types.Position(1, character)
    assert coordinates.offset(types.Position(1, character)) == COLUMN  # one line end, columns from 1


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-32"])
def test_every_place_of_a_text_survives_the_way_to_the_client_and_back(encoding: str) -> None:
    source = SourceText("a\r\nß漢🔥x\r\n\f\u2028é\n\n🔥")
    coordinates = Coordinates(source, encoding)
    for line in range(1, source.line_count + 1):
        for column in range(1, len(source.line(line)) + 2):
            place = Position(line, column)
            assert coordinates.offset(coordinates.position(place)) == source.offset(place)


@pytest.mark.parametrize(("encoding", "inside"), [("utf-8", 9), ("utf-8", 10), ("utf-8", 11), ("utf-16", 9)])
def test_a_place_inside_a_character_is_its_start(encoding: str, inside: int) -> None:
    assert Coordinates(SourceText('note = "🔥"'), encoding).offset(types.Position(0, inside)) == 8


@pytest.mark.parametrize(("place", "offset"), [((0, 99), 2), ((1, 99), 5), ((2, 0), 5), ((9, 9), 5)], ids=str)
def test_places_beyond_a_line_or_the_text_are_its_end(place: tuple[int, int], offset: int) -> None:
    assert Coordinates(SourceText("ab\ncd")).offset(types.Position(*place)) == offset


def test_a_span_beyond_the_text_still_has_a_range() -> None:
    span = Span(Position(5, 1), Position(9, 4))
    assert Coordinates(SourceText("ab\n")).range(span) == types.Range(types.Position(1, 0), types.Position(1, 0))


def edit(start: tuple[int, int], end: tuple[int, int], text: str) -> types.TextDocumentContentChangePartial:
    return types.TextDocumentContentChangePartial(types.Range(types.Position(*start), types.Position(*end)), text)


@pytest.mark.parametrize(
    ("text", "change", "expected"),
    [
        ("a\nb\n", edit((1, 0), (1, 1), "xyz"), "a\nxyz\n"),
        ("a\nb", edit((1, 1), (1, 1), "\nc"), "a\nb\nc"),
        ("a\nb\n", edit((2, 0), (2, 0), "c"), "a\nb\nc"),
        ("a\nb\n", edit((0, 0), (9, 0), ""), ""),
        ("a\r\nb\r\n", edit((0, 1), (1, 0), " "), "a b\r\n"),
        ('"🔥"\n', edit((0, 3), (0, 4), "'"), "\"🔥'\n"),
        ("def f():\n    pass\n\f\nx = 1\n", edit((3, 4), (3, 5), "2"), "def f():\n    pass\n\f\nx = 2\n"),
        ("x = 'a\u2028b'\ny = 1\n", edit((1, 4), (1, 5), "2"), "x = 'a\u2028b'\ny = 2\n"),
        ("abc", edit((0, 9), (0, 9), "d"), "abcd"),
        ("", edit((0, 0), (0, 0), "first"), "first"),
        ("old", types.TextDocumentContentChangeWholeDocument("new"), "new"),
    ],
)
def test_changes_are_made_where_the_editor_made_them(
    text: str, change: types.TextDocumentContentChangeEvent, expected: str
) -> None:
    assert changed(text, change, "utf-16") == expected


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-32"])
def test_a_long_series_of_random_changes_ends_in_the_same_text(encoding: str) -> None:
    draw = random.Random(encoding)
    text = "start\n"
    mirror = text
    for _ in range(400):
        start, end = sorted((draw.randint(0, len(text)), draw.randint(0, len(text))))
        if "\r\n" in (text[start - 1 : start + 1], text[end - 1 : end + 1]):
            continue
        end = min(end, start + 6)
        if text[end - 1 : end + 1] == "\r\n":
            continue
        new = "".join(draw.choices(["x", "é", "漢", "🔥", "\n", "\r\n", "\f", "    "], k=draw.randint(0, 5)))
        coordinates = Coordinates(SourceText(text), encoding)
        source = SourceText(text)
        place = types.Range(coordinates.position(source.position(start)), coordinates.position(source.position(end)))
        text = text[:start] + new + text[end:]
        mirror = changed(mirror, types.TextDocumentContentChangePartial(place, new), encoding)
        assert mirror == text


@pytest.mark.parametrize(
    ("uri", "path"),
    [
        ("file:///home/me/a%20b/tr%C3%A4in.py", "/home/me/a b/träin.py"),
        ("file:///home/me/a;b.py", "/home/me/a;b.py"),
        ("file:///home/me/a%23b%3F.py", "/home/me/a#b?.py"),
        ("file://server/share/a.py", "//server/share/a.py"),
        ("untitled:Untitled-1", None),
        ("vscode-notebook-cell:/a.ipynb#X1", None),
        ("git:/a.py?x", None),
    ],
)
def test_uris_name_files_or_none(uri: str, path: str | None) -> None:
    assert path_of(uri) == path


@pytest.mark.parametrize("name", ["a b/träin.py", "a;b.py", "a#b?.py", "100%25.py"])
def test_paths_survive_the_way_to_the_client_and_back(name: str, tmp_path: Path) -> None:
    assert path_of(uri_of(str(tmp_path / name))) == str(tmp_path / name)


@pytest.mark.parametrize("uri", ["file:///c%3A/me/train.py", "file:///c:/me/train.py"])
def test_drives_lose_their_slash_where_there_are_drives(uri: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.sep", "\\")
    assert path_of(uri) == "c:\\me\\train.py"
