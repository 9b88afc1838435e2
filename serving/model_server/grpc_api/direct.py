"""Calls that are answered by the thread which reads them.

`grpc.server` hands a call from the one thread that polls to a thread of a pool, and both wait for each other again for
its message and its status: more CPU than a small model needs. Here every thread polls a completion queue of its own and
does all of a call itself, which takes half the CPU. This uses gRPC's C core by the same binding that `grpc.server`
uses, beside it on the same ports: all other methods stay with `grpc.server`.

One thread more than may run calls is always at the door. While all others are busy it reads what comes, lets it wait
for the first that gets free, and refuses what is too much.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any

import grpc
from grpc._cython import cygrpc  # type: ignore[attr-defined]  # compiled

from serving.model_server.grpc_api.admission import Admission
from serving.model_server.grpc_api.direct_call import Call, respond
from serving.model_server.grpc_api.direct_worker import Worker

_LOG = logging.getLogger(__name__)
# What this takes of a private binding; another release of gRPC may have changed it.
_OF_CYGRPC = (
    "CompletionQueue",
    "ReceiveCloseOnServerOperation",
    "ReceiveMessageOperation",
    "SendInitialMetadataOperation",
    "SendMessageOperation",
    "SendStatusFromServerOperation",
)
_OF_ITS_SERVER = ("register_completion_queue", "register_method", "request_registered_call")


@dataclass(frozen=True)
class _CallDetails(grpc.HandlerCallDetails):
    method: str
    invocation_metadata: tuple[()] = ()


class DirectServer:
    """A `grpc.Server` as far as adding services and starting go, with threads of its own for one unary method."""

    def __init__(self, server: grpc.Server, method: str, threads: int, *, waiting: int) -> None:
        """Takes a server that is not started.

        Args:
            server: It answers all other methods.
            method: ``/package.Service/Method``, of a service still to be added.
            threads: Its calls at the same time; more have to wait.
            waiting: Calls that may wait; more are refused.
        """
        self._server = server
        self._method = method
        self._handler: Any = None
        self._core: Any = server._cy_server  # type: ignore[attr-defined]  # the C core's server
        self._admission: Admission[Call] = Admission(threads, waiting)
        self._unused = [cygrpc.CompletionQueue() for _ in range(threads + 1)]
        for queue in self._unused:
            self._core.register_completion_queue(queue)
        self._lock = threading.Lock()
        self._at_the_door = 0

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
        self._move(0)

    def _move(self, step: int) -> None:
        """A thread comes to the door (1) or leaves it (-1). One is always there: threads are as many as are needed."""
        with self._lock:
            self._at_the_door += step
            if self._at_the_door or not self._unused:
                return
            queue = self._unused.pop()
            self._at_the_door += 1
        ask = partial(self._core.request_registered_call, queue, queue, self._method)
        worker = Worker(
            queue,
            ask,
            partial(respond, self._method, self._handler),
            self._admission,
            self._move,
        )
        threading.Thread(target=worker.work, name=f"direct_{len(self._unused)}", daemon=True).start()


def beside(server: grpc.Server, method: str, threads: int, *, waiting: int) -> DirectServer | grpc.Server:
    """A `DirectServer`; the server itself where the installed gRPC lacks what that one needs."""
    core = getattr(server, "_cy_server", None)
    missing = [name for name in _OF_CYGRPC if not hasattr(cygrpc, name)]
    missing += [name for name in _OF_ITS_SERVER if not hasattr(core, name)]
    if missing:
        _LOG.warning("%s is answered more slowly: gRPC %s has no %s", method, grpc.__version__, ", ".join(missing))
        return server
    return DirectServer(server, method, threads, waiting=waiting)
