"""Clients that write the protocol byte by byte, and so can do what a well-behaved one never does."""

from __future__ import annotations

import asyncio
import json
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any, BinaryIO

from trainlint.lsp.hover import Rule
from trainlint.lsp.process import converse
from trainlint.lsp.schedule import Check
from trainlint.lsp.server import create

from tests.lsp.fake_server import RULES, check

FAKE = [sys.executable, str(Path(__file__).with_name("fake_server.py"))]
REAL = [str(Path(sys.executable).with_name("trainlint")), "server"]


class Client:
    """Sends to one stream what it likes, and keeps the messages that come from another."""

    def __init__(self, to_server: BinaryIO, from_server: BinaryIO) -> None:
        self.messages: queue.Queue[dict[str, Any] | None] = queue.Queue()
        self._to_server = to_server
        self._from_server = from_server
        self._last_id = 0
        threading.Thread(target=self._read, daemon=True).start()

    def write(self, data: bytes) -> None:
        self._to_server.write(data)
        self._to_server.flush()

    def hang_up(self) -> None:
        self._to_server.close()

    def send(self, message: object) -> None:
        self.write(framed(message))

    def notify(self, method: str, params: object = None) -> None:
        self.send({"jsonrpc": "2.0", "method": method, "params": params})

    def request(self, method: str, params: object = None) -> int:
        self._last_id += 1
        self.send({"jsonrpc": "2.0", "id": self._last_id, "method": method, "params": params})
        return self._last_id

    def call(self, method: str, params: object = None, timeout: float = 60) -> dict[str, Any]:
        return self.answer(self.request(method, params), timeout)

    def next(self, timeout: float = 60) -> dict[str, Any]:
        message = self.messages.get(timeout=timeout)
        assert message is not None, "the server has ended"
        return message

    def answer(self, id: int, timeout: float = 60) -> dict[str, Any]:
        """The answer to one request; whatever comes before it is passed over."""
        while (message := self.next(timeout)).get("id") != id or "method" in message:
            pass
        return message

    def wait_for(self, method: str, timeout: float = 60) -> dict[str, Any]:
        while (message := self.next(timeout)).get("method") != method:
            pass
        return message

    def initialize(self, capabilities: dict[str, Any] | None = None, **params: Any) -> dict[str, Any]:
        sent = {"processId": None, "rootUri": None, "capabilities": capabilities or {}, **params}
        answer = self.call("initialize", sent)
        self.notify("initialized", {})
        return answer

    def open(self, uri: str, text: str, version: int = 1, language: str = "python") -> None:
        item = {"uri": uri, "languageId": language, "version": version, "text": text}
        self.notify("textDocument/didOpen", {"textDocument": item})

    def _read(self) -> None:
        while header := self._from_server.readline():
            length = None
            while header.strip():
                name, _, value = header.partition(b":")
                if name.lower() == b"content-length":
                    length = int(value)
                header = self._from_server.readline()
            if length is None:
                self.messages.put({"error": "something that is no message came out of the server"})
                break
            self.messages.put(json.loads(self._from_server.read(length)))
        self.messages.put(None)


def framed(message: object) -> bytes:
    body = json.dumps(message).encode()
    return b"Content-Length: %d\r\n\r\n%s" % (len(body), body)


class Raw(Client):
    """A client of a server process. Use as a context manager: the process never outlives it."""

    def __init__(self, command: list[str], cwd: Path | None = None, env: dict[str, str] | None = None) -> None:
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=cwd,
            env={**os.environ, **(env or {})},
        )
        assert self.process.stdin
        assert self.process.stdout
        super().__init__(self.process.stdin, self.process.stdout)
        self.errors: list[bytes] = []
        self._drain = threading.Thread(target=self._read_errors, daemon=True)
        self._drain.start()

    def __enter__(self) -> Raw:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()

    def exit_status(self, timeout: float = 60) -> int:
        return self.process.wait(timeout)

    def stderr(self) -> str:
        self._drain.join(5)
        return b"".join(self.errors).decode()

    def _read_errors(self) -> None:
        assert self.process.stderr
        for line in self.process.stderr:
            self.errors.append(line)


class Local(Client):
    """A client of the server in a thread, quick to start, with the analysis of `fake_server` unless it is given another."""

    def __init__(self, analysis: Check = check, rules: Iterable[Rule] = RULES) -> None:
        self._made_of = analysis, rules
        (their_input, our_output), (our_input, their_output) = os.pipe(), os.pipe()
        super().__init__(os.fdopen(our_output, "wb"), os.fdopen(our_input, "rb"))
        streams = os.fdopen(their_input, "rb"), os.fdopen(their_output, "wb")
        self._server = threading.Thread(target=self._serve, args=streams)
        self._server.start()

    def _serve(self, reader: BinaryIO, writer: BinaryIO) -> None:
        with reader, writer:
            asyncio.run(converse(create(*self._made_of), reader, writer))

    def __enter__(self) -> Local:
        return self

    def __exit__(self, *_: object) -> None:
        self.hang_up()
        self._server.join(60)
        assert not self._server.is_alive(), "the server does not end with its stream"
