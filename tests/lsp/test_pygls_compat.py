"""Each defect of pygls that `trainlint.lsp._pygls_compat` mends: shown on pygls itself, and gone with ours.

When a test of pygls itself fails after an update, the workaround of that name can go.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator
from concurrent.futures import InvalidStateError
from typing import Any

import pytest
import pytest_asyncio
from lsprotocol import types
from pygls.exceptions import JsonRpcException
from pygls.lsp.server import LanguageServer
from pygls.protocol import LanguageServerProtocol
from trainlint.lsp._pygls_compat import Protocol, Refusal

pytestmark = pytest.mark.asyncio

URI = "file:///train.py"
OPEN = {"textDocument": {"uri": URI, "languageId": "python", "version": 1, "text": "x\n"}}
HOVER = {"textDocument": {"uri": URI}, "position": {"line": 0, "character": 0}}


class Peer:
    """A server with a few handlers, and what it writes."""

    def __init__(self, protocol: type[LanguageServerProtocol]) -> None:
        self.written: list[dict[str, Any]] = []
        self.server = LanguageServer("peer", "1", protocol_cls=protocol)
        self.protocol = self.server.protocol
        self.protocol.set_writer(self, include_headers=False)

        @self.server.feature(types.TEXT_DOCUMENT_DID_OPEN)
        @self.server.feature(types.TEXT_DOCUMENT_DID_CHANGE)
        @self.server.feature(types.TEXT_DOCUMENT_DID_CLOSE)
        @self.server.feature(types.SHUTDOWN)
        def nothing(params: Any) -> None:
            pass

        @self.server.feature(types.TEXT_DOCUMENT_HOVER)
        def hover(params: types.HoverParams) -> types.Hover:
            return types.Hover("here")

        @self.server.command("wait")
        async def wait() -> None:
            await asyncio.sleep(60)

    def write(self, data: bytes) -> None:
        self.written.append(json.loads(data))

    def close(self) -> None:
        pass

    def receive(self, method: str | None = None, params: object = None, **rest: Any) -> None:
        message = {"jsonrpc": "2.0", **rest}
        if method:
            message |= {"method": method, "params": params}
        self.protocol.handle_message(self.protocol.structure_message(message))

    def initialize(self) -> None:
        self.receive("initialize", {"processId": None, "rootUri": None, "capabilities": {}}, id=0)

    def answer(self, id: int) -> dict[str, Any] | None:
        return next((message for message in self.written if message.get("id") == id), None)


@pytest_asyncio.fixture
async def theirs() -> AsyncIterator[Peer]:
    peer = Peer(LanguageServerProtocol)
    peer.initialize()
    yield peer


@pytest_asyncio.fixture
async def ours() -> AsyncIterator[Peer]:
    peer = Peer(Protocol)
    peer.initialize()
    yield peer


def notified(peer: Peer) -> int:
    before = len(peer.protocol._request_futures)
    for _ in range(50):
        peer.receive("textDocument/didOpen", OPEN)
    return len(peer.protocol._request_futures) - before


async def test_pygls_keeps_a_future_for_every_notification(theirs: Peer) -> None:
    assert notified(theirs) >= 50


async def test_no_future_is_kept_for_a_notification(ours: Peer) -> None:
    assert notified(ours) == 0
    assert not ours.protocol._request_futures


def refused(peer: Peer) -> int:
    future = peer.protocol.send_request("workspace/diagnostic/refresh", None, None, "r1")
    peer.receive(id="r1", error={"code": -32601, "message": "no"})
    assert future.done()
    return len(peer.protocol._result_types)


async def test_pygls_608_keeps_the_result_type_of_a_request_that_failed(theirs: Peer) -> None:
    assert refused(theirs) == 1


async def test_608_result_types_go_with_their_requests(ours: Peer) -> None:
    assert refused(ours) == 0
    ours.protocol.send_request("workspace/diagnostic/refresh").cancel()
    assert not ours.protocol._result_types


def answered_late(peer: Peer) -> None:
    peer.protocol.send_request("workspace/diagnostic/refresh", None, None, "r1").cancel()
    peer.receive(id="r1", result=None)


async def test_pygls_621_raises_on_the_answer_to_a_cancelled_request(theirs: Peer) -> None:
    with pytest.raises(InvalidStateError):
        answered_late(theirs)


async def test_621_a_late_answer_is_dropped(ours: Peer) -> None:
    answered_late(ours)
    assert not ours.protocol._request_futures


def malformed(peer: Peer) -> None:
    peer.receive("textDocument/hover", {"nonsense": True}, id=7)


async def test_pygls_answers_no_malformed_request(theirs: Peer) -> None:
    with pytest.raises(JsonRpcException):
        malformed(theirs)
    assert theirs.answer(7) is None


async def test_a_malformed_request_is_answered(ours: Peer) -> None:
    malformed(ours)
    answer = ours.answer(7)
    assert answer
    assert answer["error"]["code"] == types.ErrorCodes.InvalidParams.value


async def test_pygls_runs_handlers_before_initialize_and_is_silent_after_shutdown() -> None:
    peer = Peer(LanguageServerProtocol)
    peer.receive("textDocument/hover", HOVER, id=1)
    assert "result" in (peer.answer(1) or {})
    peer.initialize()
    peer.receive("shutdown", id=2)
    peer.receive("textDocument/hover", HOVER, id=3)
    assert peer.answer(3) is None


async def test_requests_out_of_season_are_refused() -> None:
    peer = Peer(Protocol)
    peer.receive("textDocument/hover", HOVER, id=1)
    assert (peer.answer(1) or {})["error"]["code"] == types.ErrorCodes.ServerNotInitialized.value
    peer.initialize()
    peer.receive("shutdown", id=2)
    peer.receive("textDocument/hover", HOVER, id=3)
    assert (peer.answer(3) or {})["error"]["code"] == types.ErrorCodes.InvalidRequest.value


async def test_pygls_splits_lines_where_the_protocol_does_not(theirs: Peer) -> None:
    theirs.receive("textDocument/didOpen", {"textDocument": {**OPEN["textDocument"], "text": "a\f\nb = 1\n"}})
    place = {"start": {"line": 1, "character": 4}, "end": {"line": 1, "character": 5}}
    theirs.receive(
        "textDocument/didChange",
        {"textDocument": {"uri": URI, "version": 2}, "contentChanges": [{"range": place, "text": "2"}]},
    )
    assert theirs.server.workspace.get_text_document(URI).source != "a\f\nb = 2\n"


async def test_pygls_is_given_no_text_to_keep(ours: Peer) -> None:
    ours.receive("textDocument/didOpen", OPEN)
    ours.receive("textDocument/didChange", {"textDocument": {"uri": URI, "version": 2}, "contentChanges": []})
    ours.receive("textDocument/didClose", {"textDocument": {"uri": URI}})
    assert not ours.server.workspace.text_documents


def shut_down_busy(peer: Peer) -> dict[str, Any]:
    for id in (1, 2, 3):
        peer.receive("workspace/executeCommand", {"command": "wait", "arguments": []}, id=id)
    peer.receive("shutdown", id=9)
    answer = peer.answer(9)
    assert answer
    return answer


async def test_pygls_606_fails_to_shut_down_with_requests_under_way(theirs: Peer) -> None:
    assert "error" in shut_down_busy(theirs)


async def test_606_shutdown_cancels_what_is_under_way(ours: Peer) -> None:
    assert "error" not in shut_down_busy(ours)
    assert [(ours.answer(id) or {})["error"]["code"] for id in (1, 2, 3)] == [-32800] * 3
    await asyncio.sleep(0.01)
    assert not ours.protocol._request_futures


async def test_pygls_loses_the_exit_status() -> None:
    body = b'{"jsonrpc": "2.0", "method": "exit"}'
    ended = subprocess.run(
        [sys.executable, "-c", "from pygls.lsp.server import LanguageServer as L; L('x', '1').start_io()"],
        input=b"Content-Length: %d\r\n\r\n%s" % (len(body), body),
        capture_output=True,
        timeout=60,
    )
    assert ended.returncode == 0


async def test_exit_is_left_to_the_process(ours: Peer) -> None:
    said: list[bool] = []
    ours.protocol.on_exit = lambda: said.append(ours.protocol.is_shut_down)
    ours.receive("exit")
    ours.receive("shutdown", id=1)
    ours.receive("exit")
    assert said == [False, True]


def refuses(peer: Peer) -> list[dict[str, Any]]:
    @peer.server.command("refuse")
    async def refuse() -> None:
        raise Refusal("not now")

    peer.receive("workspace/executeCommand", {"command": "refuse", "arguments": []}, id=1)
    return peer.written


async def test_pygls_takes_a_refusal_for_a_defect(theirs: Peer, caplog: pytest.LogCaptureFixture) -> None:
    refuses(theirs)
    await asyncio.sleep(0.01)
    assert (theirs.answer(1) or {})["error"]["code"] == types.ErrorCodes.InternalError.value
    assert "Refusal: not now" in caplog.text


async def test_a_refusal_is_an_answer(ours: Peer, caplog: pytest.LogCaptureFixture) -> None:
    refuses(ours)
    await asyncio.sleep(0.01)
    error = (ours.answer(1) or {})["error"]
    assert (error["code"], error["message"]) == (types.LSPErrorCodes.RequestFailed.value, "not now")
    assert caplog.text == ""
    assert not ours.protocol._request_futures


async def cancelled(peer: Peer) -> list[str]:
    heard: list[str] = []

    @peer.server.command("long")
    async def long() -> None:
        if isinstance(peer.protocol, Protocol):
            peer.protocol.when_cancelled(lambda: heard.append("cancelled"))
        try:
            await asyncio.sleep(0.05)
        except asyncio.CancelledError:
            heard.append("stopped")

    peer.receive("workspace/executeCommand", {"command": "long", "arguments": []}, id=1)
    await asyncio.sleep(0.01)
    peer.receive("$/cancelRequest", {"id": 1})
    await asyncio.sleep(0.1)
    assert (peer.answer(1) or {})["error"]["code"] == types.LSPErrorCodes.RequestCancelled.value
    return heard


async def test_pygls_tells_no_command_that_it_was_cancelled(theirs: Peer) -> None:
    assert await cancelled(theirs) == []


async def test_a_command_hears_that_it_was_cancelled(ours: Peer) -> None:
    assert await cancelled(ours) == ["cancelled"]


async def without_its_task(peer: Peer) -> dict[str, Any] | None:
    peer.receive("workspace/executeCommand", {"command": "wait", "arguments": []}, id=1)
    await asyncio.sleep(0.01)
    (task,) = asyncio.all_tasks() - {asyncio.current_task()}
    task.cancel()
    await asyncio.sleep(0.01)
    return peer.answer(1)


async def test_pygls_leaves_a_command_open_when_its_task_is_cancelled(theirs: Peer) -> None:
    raised: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: raised.append(context))
    assert await without_its_task(theirs) is None
    assert [type(context["exception"]) for context in raised] == [asyncio.CancelledError]


async def test_a_command_is_answered_when_its_task_is_cancelled(ours: Peer) -> None:
    answer = await without_its_task(ours)
    assert answer
    assert answer["error"]["code"] == types.LSPErrorCodes.RequestCancelled.value
