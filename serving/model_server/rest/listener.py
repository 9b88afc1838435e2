"""The REST API's listening server: takes connections, answers their requests, and drains."""

from __future__ import annotations

import logging
import resource
import socket
import threading
import time
from typing import Protocol

from serving.model_server import ports
from serving.model_server.flags import Settings
from serving.model_server.rest.http import Connection, Gone
from serving.model_server.rest.messages import Request, Response, error_page
from serving.model_server.rest.parser import Refused

_LOG = logging.getLogger(__name__)

_IDLE_CHECK_S = 0.01
_RETRY_S = 0.1
_MOST_CONNECTIONS = 4_000
_BACKLOG = 1_024


class Api(Protocol):
    """What answers requests: `rest.RestApi`."""

    def answer(self, request: Request) -> Response:
        """The response to a request."""


class RestListener:
    """The REST API on ``--rest_api_port``."""

    def __init__(self, api: Api, settings: Settings) -> None:
        """Answers requests from now on.

        Raises:
            PortError: The port is in use.
        """
        self._api = api
        self._socket = ports.bind("rest_api_port", settings.rest_api_port)
        self._socket.listen(_BACKLOG)
        # So many requests are worked on at a time; the others wait.
        self._slots = threading.BoundedSemaphore(max(settings.rest_api_num_threads, 1))
        # A quarter of the open files that the process may have: models and gRPC need some as well.
        self._most = min(_MOST_CONNECTIONS, resource.getrlimit(resource.RLIMIT_NOFILE)[0] // 4)
        self._lock = threading.Lock()
        self._busy: set[Connection] = set()
        # In the order in which they became idle.
        self._idle: dict[Connection, None] = {}
        self._draining = False
        threading.Thread(target=self._accept, name="rest", daemon=True).start()

    def drain(self, timeout_s: float) -> None:
        """Takes no further connections and waits for the requests in flight, at most `timeout_s` seconds."""
        self._draining = True
        # Wakes the thread that accepts, which close alone does not.
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        with self._lock:
            idle = list(self._idle)
        for connection in idle:
            connection.hang_up()
        deadline_s = time.monotonic() + timeout_s
        while self._busy and time.monotonic() < deadline_s:
            time.sleep(_IDLE_CHECK_S)

    def _accept(self) -> None:
        while not self._draining:
            try:
                sock, _ = self._socket.accept()
                if len(self._busy) >= self._most:
                    sock.close()
                    continue
                if len(self._idle) + len(self._busy) >= self._most:
                    self._make_room()
                threading.Thread(target=self._serve, args=(Connection(sock),), daemon=True).start()
            except (OSError, RuntimeError):
                # The client is gone again, or there are too many files or threads open for now.
                if not self._draining:
                    self._make_room()
                    time.sleep(_RETRY_S)

    def _make_room(self) -> None:
        """Ends the connection that has been idle for the longest time."""
        with self._lock:
            oldest = next(iter(self._idle), None)
        if oldest is not None:
            oldest.hang_up()

    def _serve(self, connection: Connection) -> None:
        """One connection, until either side ends it."""
        try:
            while self._next_request(connection):
                self._answer(connection)
        except Gone:
            pass
        except Exception:
            _LOG.exception("a REST connection broke")
        finally:
            with self._lock:
                self._idle.pop(connection, None)
                self._busy.discard(connection)
            connection.close()

    def _next_request(self, connection: Connection) -> bool:
        """Waits for it; False if none will come."""
        with self._lock:
            self._busy.discard(connection)
            self._idle[connection] = None
        if not connection.keep_alive or not connection.wait():
            return False
        with self._lock:
            self._idle.pop(connection, None)
            self._busy.add(connection)
        return True

    def _answer(self, connection: Connection) -> None:
        try:
            request = connection.read()
        except Refused as refused:
            connection.write(error_page(refused.status))
            connection.linger()
            return
        with self._slots:
            response = self._api.answer(request)
        if self._draining:
            connection.keep_alive = False
        connection.write(response, method=request.method)
