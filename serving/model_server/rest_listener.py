"""The REST API's listening server: waitress, with a limit for clients that send a request too slowly."""

from __future__ import annotations

import logging
import resource
import threading
import time

from waitress.channel import HTTPChannel
from waitress.server import TcpWSGIServer
from waitress.task import WSGITask
from waitress.wasyncore import dispatcher

from serving.model_server import ports
from serving.model_server.flags import Settings
from serving.model_server.rest import RestApi

_LEAST_THREADS = 8
_IDLE_CHECK_S = 0.01
_MOST_CONNECTIONS = 10_000
_REQUEST_GRACE_S = 30.0
_LEAST_BYTES_PER_S = 10_000
_IN_MEMORY = 8 * 2**20


class RestListener:
    """The REST API on ``--rest_api_port``."""

    def __init__(self, api: RestApi, settings: Settings) -> None:
        """Answers requests from now on.

        Raises:
            PortError: The port is in use.
        """
        # waitress warns about every request that waits for a thread.
        logging.getLogger("waitress.queue").setLevel(logging.ERROR)
        holder = ports.bind("rest_api_port", settings.rest_api_port)
        self._server = _Server(
            api,
            _sock=holder,
            bind_socket=False,
            sockinfo=(holder.family, holder.type, holder.proto, holder.getsockname()),
            threads=max(settings.rest_api_num_threads, _LEAST_THREADS),
            # A quarter of the open files that the process may have: models and gRPC need some as well.
            connection_limit=min(_MOST_CONNECTIONS, resource.getrlimit(resource.RLIMIT_NOFILE)[0] // 4),
            channel_timeout=120,
            asyncore_use_poll=True,
            inbuf_overflow=_IN_MEMORY,
            outbuf_overflow=_IN_MEMORY,
        )
        threading.Thread(target=self._server.run, name="rest", daemon=True).start()

    def drain(self, timeout_s: float) -> None:
        """Takes no further connections and waits for the requests in flight, at most `timeout_s` seconds."""
        self._server.draining = True
        # Run by the loop itself: its table of sockets is not to be changed under it.
        self._server.trigger.pull_trigger(lambda: dispatcher.close(self._server))
        deadline_s = time.monotonic() + timeout_s
        while self._busy() and time.monotonic() < deadline_s:
            time.sleep(_IDLE_CHECK_S)

    def _busy(self) -> bool:
        channels = list(self._server.active_channels.values())
        return any(channel.requests or channel.total_outbufs_len for channel in channels)


class _Task(WSGITask):  # type: ignore[misc]  # untyped base
    """A response, after which a server that drains wants no further request on the connection."""

    def build_response_header(self) -> bytes:
        """As the base class."""
        if self.channel.server.draining:
            self.set_close_on_finish()
        header: bytes = super().build_response_header()
        return header


class _Channel(HTTPChannel):  # type: ignore[misc]  # untyped base
    """A connection that knows since when its unfinished request arrives, and how much of it did."""

    task_class = _Task
    began_s = 0.0
    bytes_received = 0

    def received(self, data: bytes) -> bool:
        """As the base class."""
        if self.request is None:
            self.began_s, self.bytes_received = time.time(), 0
        self.bytes_received += len(data)
        accepted: bool = super().received(data)
        return accepted

    def too_slow(self, now_s: float) -> bool:
        """Whether a request trickles in so as to keep the connection, at `now_s` seconds of Unix time."""
        if self.request is None or self.requests:
            return False
        return now_s > self.began_s + _REQUEST_GRACE_S + self.bytes_received / _LEAST_BYTES_PER_S


class _Server(TcpWSGIServer):  # type: ignore[misc]  # untyped base
    channel_class = _Channel
    draining = False

    def maintenance(self, now: float) -> None:
        """Closes idle connections and slow ones, now and then."""
        super().maintenance(now)
        for channel in self.active_channels.values():
            if channel.too_slow(now):
                channel.will_close = True
