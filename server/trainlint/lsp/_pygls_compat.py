"""What pygls 2.1 does not do, or does wrong, in one place; each with its issue where one is filed.

`tests/lsp/test_pygls_compat.py` shows each on pygls itself, and fails on the day it is mended there.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Generator
from concurrent.futures import Future
from typing import Any

from lsprotocol import types
from pygls.exceptions import JsonRpcException
from pygls.protocol import JsonRPCNotification, LanguageServerProtocol, lsp_method

MALFORMED = "trainlint/malformed"

Callback = Callable[["Future[Any]"], None]


class Refusal(Exception):
    """A request is answered with an error, by a sentence for the user; nothing is wrong with the server."""

    def __init__(self, message: str, code: int = types.LSPErrorCodes.RequestFailed) -> None:
        super().__init__(message)
        self.code = code


def _error(code: int, message: str) -> types.ResponseError:
    return types.ResponseError(code, message)


class Protocol(LanguageServerProtocol):
    """The protocol of pygls with its known defects mended. `on_exit` is called when the client says so."""

    on_exit: Callable[[], None]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._initialized = False

    @property
    def is_shut_down(self) -> bool:
        return self._shutdown

    # Not reported upstream: a future for every notification is kept forever.
    def _execute_handler(
        self,
        msg_id: Any,
        handler: Any,
        callback: Callback,
        args: tuple[Any, ...] | None = None,
        kwargs: dict[str, Any] | None = None,
    ) -> None:
        def finished(future: Future[Any]) -> None:
            self._request_futures.pop(msg_id, None)
            callback(future)

        super()._execute_handler(msg_id, handler, finished, args, kwargs)

    # Not reported upstream: a handler cannot refuse, each of its errors is reported as a defect of the server.
    def _send_handler_result(self, future: Future[Any], *, msg_id: Any) -> None:
        refusal = None if future.cancelled() else future.exception()
        if isinstance(refusal, Refusal):
            self._request_futures.pop(msg_id, None)
            self._send_response(msg_id, error=_error(refusal.code, str(refusal)))
        else:
            super()._send_handler_result(future, msg_id=msg_id)

    # Not reported upstream: a command whose task is cancelled raises in the loop, and its request stays open.
    def _run_generator(self, future: Future[Any] | None, *, gen: Any, result_future: Future[Any]) -> None:
        if future is not None and future.cancelled():
            result_future.cancel()
        else:
            super()._run_generator(future, gen=gen, result_future=result_future)

    # Not reported upstream: a command goes on although its request was cancelled, and does not hear of it.
    def when_cancelled(self, callback: Callable[[], None]) -> None:
        """Call `callback` when the client cancels the request that is being handled, or the session ends."""
        request = self._request_futures.get(self.msg_id or "")
        if request is not None:
            request.add_done_callback(lambda future: callback() if future.cancelled() else None)

    # 608: the result type of a request that ends by an error, or is cancelled, is kept forever.
    def send_request(self, method: str, params: Any = None, callback: Any = None, msg_id: Any = None) -> Future[Any]:
        sent = msg_id or str(uuid.uuid4())
        future = super().send_request(method, params, callback, sent)
        future.add_done_callback(lambda _: self._result_types.pop(sent, None))
        return future

    # 621: the answer to a request that was cancelled here raises InvalidStateError.
    def _handle_response(self, msg_id: Any, result: Any = None, error: types.ResponseError | None = None) -> None:
        future = self._request_futures.get(msg_id)
        if future is not None and future.done():
            del self._request_futures[msg_id]
            return
        super()._handle_response(msg_id, result, error)

    # Not reported upstream: a request that cannot be read is never answered.
    def structure_message(self, data: dict[str, Any]) -> Any:
        try:
            return super().structure_message(data)
        except JsonRpcException as error:
            if "id" in data and "method" in data:
                self._send_response(data["id"], error=error.to_response_error())
            return JsonRPCNotification(MALFORMED, self.VERSION, None)

    # Not reported upstream: requests reach handlers before `initialize`, and get no answer after `shutdown`.
    def handle_message(self, message: Any) -> None:
        method = getattr(message, "method", None)
        if method == MALFORMED:
            return
        refusal = self._refusal(method)
        if refusal is None:
            super().handle_message(message)
        elif hasattr(message, "id"):
            self._send_response(message.id, error=refusal)

    def _refusal(self, method: str | None) -> types.ResponseError | None:
        if method is None or method == types.EXIT:
            return None
        if self._shutdown:
            return _error(types.ErrorCodes.InvalidRequest, "the server is shutting down")
        if method == types.INITIALIZE:
            if self._initialized:
                return _error(types.ErrorCodes.InvalidRequest, "the server is initialized already")
            self._initialized = True
        elif not self._initialized:
            return _error(types.ErrorCodes.ServerNotInitialized, "the first request is `initialize`")
        return None

    # Not reported upstream: lines are split at form feeds and other characters that end no line in LSP, so
    # edits after one go astray. Documents are kept by `Session`; pygls is given no text to keep.
    @lsp_method(types.TEXT_DOCUMENT_DID_OPEN)
    def lsp_text_document__did_open(self, params: Any) -> Generator[Any, Any, None]:
        yield self.fm.features[types.TEXT_DOCUMENT_DID_OPEN], (params,), None

    @lsp_method(types.TEXT_DOCUMENT_DID_CHANGE)
    def lsp_text_document__did_change(self, params: Any) -> Generator[Any, Any, None]:
        yield self.fm.features[types.TEXT_DOCUMENT_DID_CHANGE], (params,), None

    @lsp_method(types.TEXT_DOCUMENT_DID_CLOSE)
    def lsp_text_document__did_close(self, params: Any) -> Generator[Any, Any, None]:
        yield self.fm.features[types.TEXT_DOCUMENT_DID_CLOSE], (params,), None

    # 606: shutdown walks a dict that shrinks as it cancels what is in it.
    @lsp_method(types.SHUTDOWN)
    def lsp_shutdown(self, *args: Any) -> Generator[Any, Any, None]:
        yield self.fm.features[types.SHUTDOWN], args, None
        own = self.msg_id
        for msg_id, future in list(self._request_futures.items()):
            if msg_id != own and not future.done():
                future.cancel()
        self._shutdown = True

    # Not reported upstream: the exit status is lost, it is always 0.
    @lsp_method(types.EXIT)
    def lsp_exit(self, *args: Any) -> Generator[Any, Any, None]:
        self.on_exit()
        yield from ()
