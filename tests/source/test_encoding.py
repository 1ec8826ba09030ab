"""Bytes are read as Python reads them, and written back as they were."""

from __future__ import annotations

import ast

import pytest
from trainlint.source.encoding import Encoding, UndecodableError, decode

KEPT = {
    "plain": b"x = 1\n",
    "empty": b"",
    "mark": b"\xef\xbb\xbfx = '\xc3\xa9'\n",
    "mark alone": b"\xef\xbb\xbf",
    "mark and cookie": b"\xef\xbb\xbf# -*- coding: utf-8 -*-\nx = 1\n",
    "latin-1": b"# -*- coding: latin-1 -*-\nx = '\xe9'\n",
    "cookie in the second line": b"#!/usr/bin/env python\n# vim: set fileencoding=cp1252 :\nx = '\x80'\n",
    "koi8-r": b"# coding: koi8-r\nx = '\xf0'\n",
    "crlf": b"x = 1\r\ny = '\xc3\xa9'\r\n",
    "form feed": b"x = 1\n\x0c\ny = 2",
    "lone carriage returns": b"x = 1\ry = 2\r",
}


@pytest.mark.parametrize("data", KEPT.values(), ids=KEPT)
def test_the_text_is_what_python_reads_and_gives_its_bytes_back(data: bytes) -> None:
    text, encoding = decode(data)
    assert ast.dump(ast.parse(text)) == ast.dump(ast.parse(data))
    assert encoding.encode(text) == data
    assert not text.startswith("\ufeff")


ADVICE = "store it as UTF-8, or name its encoding in the first line"

REFUSED = {
    b"\n\nx = '\xe9'\n": f"line 3 is not utf-8: {ADVICE}",
    b"# coding: nope\n": 'its encoding "nope" is unknown',
    b"# coding: rot13\nx = 1\n": 'its encoding "rot13" is none of text',
    b"# coding: ascii\nx = '\xe9'\n": f"line 2 is not ascii: {ADVICE}",
    b"\xef\xbb\xbf# coding: latin-1\n": "its byte order mark says UTF-8 and its first lines say otherwise",
    "x = 1\n".encode("utf-16"): "it is stored as UTF-16, which Python refuses: store it as UTF-8",
    b"x = 1\ny = '\0'\n": "line 2 holds a null byte, which Python refuses",
}


@pytest.mark.parametrize(("data", "sentence"), REFUSED.items())
def test_what_python_refuses_is_refused_with_a_reason(data: bytes, sentence: str) -> None:
    with pytest.raises((SyntaxError, ValueError)):
        ast.parse(data)
    with pytest.raises(UndecodableError) as refused:
        decode(data)
    assert str(refused.value) == sentence


def test_a_character_outside_the_encoding_is_not_written() -> None:
    with pytest.raises(UnicodeError):
        Encoding("latin-1").encode("x = '日'")
