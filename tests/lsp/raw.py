"""A client that writes the protocol byte by byte, for what a well-behaved client never does."""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

FAKE = [sys.executable, str(Path(__file__).with_name("fake_server.py"))]
REAL = [str(Path(sys.executable).with_name("trainlint")), "server"]


class Raw:
    """A server process and the messages it sends. Use as a context manager: the process never outlives it."""

    def __init__(
        self, command: list[str], cwd: Path | None = None, env: dict[str, str] | None = None
    ) -> None:
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=cwd,
            env={**os.environ, **(env or {})},
        )
        self.messages: queue.Queue[dict[str, Any] | None] = queue.Queue()
        self.errors: list[bytes] = []
        self._last_id = 0
        threading.Thread(target=self._read, daemon=True).start()
        self._drain = threading.Thread(target=self._read_errors, daemon=True)
        self._drain.start()

    def __enter__(self) -> Raw:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()

    def write(self, data: bytes) -> None:
        assert self.process.stdin
        self.process.stdin.write(data)
        self.process.stdin.flush()

    def send(self, message: object) -> None:
        body = json.dumps(message).encode()
        self.write(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))

    def notify(self, method: str, params: object = None) -> None:
        self.send({"jsonrpc": "2.0", "method": method, "params": params})

    def request(self, method: str, params: object = None) -> int:
        self._last_id += 1
        self.send({"jsonrpc": "2.0", "id": self._last_id, "method": method, "params": params})
        return self._last_id

    def call(self, method: str, params: object = None, timeout: float = 10) -> dict[str, Any]:
        return self.answer(self.request(method, params), timeout)

    def next(self, timeout: float = 10) -> dict[str, Any]:
        message = self.messages.get(timeout=timeout)
        assert message is not None, f"the server has ended: {self.stderr()}"
        return message

    def answer(self, id: int, timeout: float = 10) -> dict[str, Any]:
        """The answer to one request; whatever comes before it is passed over."""
        while (message := self.next(timeout)).get("id") != id or "method" in message:
            pass
        return message

    def wait_for(self, method: str, timeout: float = 10) -> dict[str, Any]:
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

    def exit_status(self, timeout: float = 10) -> int:
        return self.process.wait(timeout)

    def stderr(self) -> str:
        self._drain.join(5)
        return b"".join(self.errors).decode()

    def _read(self) -> None:
        stream = self.process.stdout
        assert stream
        while header := stream.readline():
            length = None
            while header.strip():
                name, _, value = header.partition(b":")
                if name.lower() == b"content-length":
                    length = int(value)
                header = stream.readline()
            assert length is not None, "something that is no message came out of the server"
            self.messages.put(json.loads(stream.read(length)))
        self.messages.put(None)

    def _read_errors(self) -> None:
        assert self.process.stderr
        for line in self.process.stderr:
            self.errors.append(line)
