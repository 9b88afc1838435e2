"""Calls that are answered by the thread which reads them.

`grpc.server` hands a call from the one thread that polls to a thread of a pool, and both wait for each other again for
its message and its status: more CPU than a small model needs. Here every thread polls a completion queue of its own and
does all of a call itself, which takes half the CPU. This uses gRPC's C core by the same binding that `grpc.server`
uses, beside it on the same ports: all other methods stay with `grpc.server`.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any, NoReturn

import grpc
from grpc._cython import cygrpc  # type: ignore[attr-defined]  # compiled

_LOG = logging.getLogger(__name__)
_NO_FLAGS = 0
_ARRIVED = object()
_MESSAGE = object()
_CODES = {code: code.value[0] for code in grpc.StatusCode}
_NO_MESSAGE = "requires exactly one request message."


class Refusal(Exception):
    """A call that ends with an error."""

    def __init__(self, code: grpc.StatusCode, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = text


class Context:
    """What a method may ask of its call: a part of `grpc.ServicerContext`."""

    def __init__(self, deadline_s: float) -> None:
        """`deadline_s`: when the caller gives up, by `time.time`."""
        self._deadline_s = deadline_s

    def time_remaining(self) -> float:
        """Seconds until the caller gives up."""
        return max(self._deadline_s - time.time(), 0.0)

    def is_active(self) -> bool:
        """True: a call that was given up before its turn does not come here."""
        return True

    def abort(self, code: grpc.StatusCode, details: str) -> NoReturn:
        """Ends the call with an error. Raises Refusal."""
        raise Refusal(code, details)


@dataclass(frozen=True)
class _CallDetails(grpc.HandlerCallDetails):
    method: str
    invocation_metadata: tuple[()] = ()


class DirectServer:
    """A `grpc.Server` as far as adding services and starting go, with threads of its own for one unary method."""

    def __init__(self, server: grpc.Server, method: str, threads: int) -> None:
        """Takes a server that is not started.

        Args:
            server: It answers all other methods.
            method: ``/package.Service/Method``, of a service still to be added.
            threads: Its calls at the same time; more have to wait.
        """
        self._server = server
        self._method = method
        self._handler: Any = None
        self._core: Any = server._cy_server  # type: ignore[attr-defined]  # the C core's server
        self._unused = [cygrpc.CompletionQueue() for _ in range(threads)]
        for queue in self._unused:
            self._core.register_completion_queue(queue)
        self._lock = threading.Lock()
        self._idle = 0

    def add_generic_rpc_handlers(self, handlers: Iterable[grpc.GenericRpcHandler]) -> None:
        """As `grpc.Server`, which what is generated for a service calls."""
        for handler in handlers:
            self._handler = self._handler or handler.service(_CallDetails(self._method))
        self._server.add_generic_rpc_handlers(handlers)

    def start(self) -> None:
        """Takes calls from now on, until the server is stopped."""
        # The core prefers a registered method to the handlers that `grpc.server` knows.
        self._core.register_method(self._method)
        self._server.start()
        self._hire()

    @contextmanager
    def _busy(self) -> Iterator[None]:
        """While a thread has a call. One is always free for the next: threads are as many as calls came at once."""
        with self._lock:
            self._idle -= 1
        self._hire()
        try:
            yield
        finally:
            with self._lock:
                self._idle += 1

    def _hire(self) -> None:
        with self._lock:
            if self._idle or not self._unused:
                return
            queue = self._unused.pop()
            self._idle += 1
        worker = _Worker(self._core, queue, self._method, self._handler, self._busy)
        threading.Thread(target=worker.work, name=f"direct_{len(self._unused)}", daemon=True).start()


class _Worker:
    """Answers one call after the other, in one thread."""

    def __init__(
        self, core: Any, queue: Any, method: str, handler: Any, busy: Callable[[], AbstractContextManager[None]]
    ) -> None:
        self._core = core
        self._queue = queue
        self._method = method
        self._handler = handler
        self._busy = busy
        self._unfinished = 0

    def work(self) -> None:
        """Until the server stops."""
        while self._request():
            event = self._next(_ARRIVED)
            if not event.success:
                break
            with self._busy():
                self._answer(event)
        while self._unfinished:
            self._poll()

    def _request(self) -> bool:
        """Asks for a further call; False once the server is stopping."""
        try:
            self._core.request_registered_call(self._queue, self._queue, self._method, _ARRIVED)
        except ValueError:
            return False
        return True

    def _answer(self, arrived: Any) -> None:
        call = arrived.call
        call.start_server_batch((cygrpc.ReceiveMessageOperation(_NO_FLAGS),), _MESSAGE)
        message = self._next(_MESSAGE).batch_operations[0].message()
        operations = [
            cygrpc.SendInitialMetadataOperation(None, _NO_FLAGS),
            cygrpc.ReceiveCloseOnServerOperation(_NO_FLAGS),
        ]
        code, text = grpc.StatusCode.OK, ""
        try:
            response = self._response(message, Context(arrived.call_details.deadline))
            operations.append(cygrpc.SendMessageOperation(response, _NO_FLAGS))
        except Refusal as refusal:
            code, text = refusal.code, refusal.text
        operations.append(cygrpc.SendStatusFromServerOperation(None, _CODES[code], text.encode(), _NO_FLAGS))
        # The call itself is the tag: a call that nobody holds any more would be cancelled.
        call.start_server_batch(operations, call)
        self._unfinished += 1

    def _response(self, message: bytes | None, context: Context) -> bytes:
        if message is None:
            raise Refusal(grpc.StatusCode.UNIMPLEMENTED, f'"{self._method}" {_NO_MESSAGE}')
        try:
            request = self._handler.request_deserializer(message)
        except Exception:
            raise Refusal(grpc.StatusCode.INTERNAL, "Exception deserializing request!") from None
        try:
            response: bytes = self._handler.response_serializer(self._handler.unary_unary(request, context))
        except Refusal:
            raise
        except Exception as fault:
            _LOG.exception("a gRPC call broke")
            raise Refusal(grpc.StatusCode.UNKNOWN, f"Exception calling application: {fault}") from fault
        return response

    def _next(self, tag: object) -> Any:
        """The event with this tag; those before it are of answers that are on their way."""
        while (event := self._poll()).tag is not tag:
            pass
        return event

    def _poll(self) -> Any:
        event = self._queue.poll()
        if event.tag is not _ARRIVED and event.tag is not _MESSAGE:
            self._unfinished -= 1
        return event
