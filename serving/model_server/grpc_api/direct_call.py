"""One call on gRPC's C core, and what its method may ask of it."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from functools import partial
from typing import Any, NoReturn

import grpc
from grpc._cython import cygrpc  # type: ignore[attr-defined]  # compiled

_LOG = logging.getLogger(__name__)
_NO_FLAGS = 0
_CODES = {code: code.value[0] for code in grpc.StatusCode}


class Refusal(Exception):
    """A call that ends with an error."""

    def __init__(self, code: grpc.StatusCode, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = text


class Call:
    """A call, from its arrival until its answer is sent."""

    def __init__(self, arrived: Any, on_sent: Callable[[Call, Any], None]) -> None:
        self.core = arrived.call
        self.deadline_s: float = arrived.call_details.deadline
        self.message: bytes | None = None
        self.waited = False
        self.cancelled = False
        self._on_sent = on_sent

    @property
    def size(self) -> int:
        """Bytes of its message."""
        return len(self.message or b"")

    def answer(self, respond: Callable[[Call], bytes]) -> None:
        """Ends it with a response, or with the Refusal that `respond` raises."""
        operations = [cygrpc.SendInitialMetadataOperation(None, _NO_FLAGS)]
        if not self.waited:
            # gRPC wants to be asked, once, how a call ended.
            operations.append(cygrpc.ReceiveCloseOnServerOperation(_NO_FLAGS))
        code, text = grpc.StatusCode.OK, ""
        try:
            operations.append(cygrpc.SendMessageOperation(respond(self), _NO_FLAGS))
        except Refusal as refusal:
            code, text = refusal.code, refusal.text
        operations.append(cygrpc.SendStatusFromServerOperation(None, _CODES[code], text.encode(), _NO_FLAGS))
        self.core.start_server_batch(operations, partial(self._on_sent, self))


class Context:
    """What a method may ask of its call: a part of `grpc.ServicerContext`."""

    def __init__(self, call: Call) -> None:
        self._call = call

    def time_remaining(self) -> float:
        """Seconds until the caller gives up."""
        return max(self._call.deadline_s - time.time(), 0.0)

    def is_active(self) -> bool:
        """False: the caller has gone away while the call waited."""
        return not self._call.cancelled

    def abort(self, code: grpc.StatusCode, details: str) -> NoReturn:
        """Ends the call with an error. Raises Refusal."""
        raise Refusal(code, details)


def too_many(_call: Call) -> NoReturn:
    """Refuses it; the words are `grpc.server`'s."""
    raise Refusal(grpc.StatusCode.RESOURCE_EXHAUSTED, "Concurrent RPC limit exceeded!")


def respond(method: str, handler: Any, call: Call) -> bytes:
    """What a method answers. Raises Refusal."""
    if call.cancelled:
        raise Refusal(grpc.StatusCode.CANCELLED, "")
    if call.deadline_s <= time.time():
        raise Refusal(grpc.StatusCode.DEADLINE_EXCEEDED, "Deadline Exceeded")
    if call.message is None:
        raise Refusal(grpc.StatusCode.UNIMPLEMENTED, f'"{method}" requires exactly one request message.')
    try:
        request = handler.request_deserializer(call.message)
    except Exception:
        raise Refusal(grpc.StatusCode.INTERNAL, "Exception deserializing request!") from None
    try:
        response: bytes = handler.response_serializer(handler.unary_unary(request, Context(call)))
    except Refusal:
        raise
    except Exception as fault:
        _LOG.exception("a gRPC call broke")
        raise Refusal(grpc.StatusCode.UNKNOWN, f"Exception calling application: {fault}") from fault
    return response
