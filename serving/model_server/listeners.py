"""The two listening servers, gRPC's and waitress', behind one pair of words: open and drain."""

from __future__ import annotations

import logging
import os
import threading
import time

import grpc
import waitress
from waitress.wasyncore import dispatcher

from serving.model_server import grpc_service, ports
from serving.model_server.core import Core
from serving.model_server.flags import Settings
from serving.model_server.predict import Runner
from serving.model_server.rest import RestApi
from serving.model_server.servable import Servable

_LEAST_GRPC_THREADS = 32
_LEAST_REST_THREADS = 8
_IDLE_CHECK_S = 0.01


class GrpcListener:
    """The gRPC API on ``--port``."""

    def __init__(self, core: Core[Servable], run: Runner, settings: Settings) -> None:
        """Opens the port.

        Raises:
            PortError: It is in use.
        """
        # The official server fails calls at random once its threads are busy; these wait, and are many.
        threads = max(settings.grpc_max_threads or _four_a_cpu(), _LEAST_GRPC_THREADS)
        self._server: grpc.Server = grpc_service.make_server(core, run, threads=threads)
        try:
            self.port = self._server.add_insecure_port(f"{ports.HOST}:{settings.port}")
        except RuntimeError:
            raise ports.refused("port", settings.port) from None
        self._server.start()

    def drain(self, timeout_s: float) -> None:
        """Takes no further calls and waits for those in flight, at most `timeout_s` seconds."""
        self._server.stop(timeout_s).wait()


class RestListener:
    """The REST API on ``--rest_api_port``."""

    def __init__(self, core: Core[Servable], run: Runner, settings: Settings) -> None:
        """Opens the port.

        Raises:
            PortError: It is in use.
        """
        # waitress warns about every request that waits for a thread.
        logging.getLogger("waitress.queue").setLevel(logging.ERROR)
        self._server = waitress.create_server(
            RestApi(core, run, timeout_ms=settings.rest_api_timeout_in_ms),
            sockets=[ports.bind("rest_api_port", settings.rest_api_port)],
            threads=max(settings.rest_api_num_threads or _four_a_cpu(), _LEAST_REST_THREADS),
            connection_limit=1_000,
            asyncore_use_poll=True,
            inbuf_overflow=64 * 2**20,
            outbuf_overflow=64 * 2**20,
        )
        threading.Thread(target=self._server.run, name="rest", daemon=True).start()

    def drain(self, timeout_s: float) -> None:
        """Takes no further connections and waits for the requests in flight, at most `timeout_s` seconds."""
        # Run by the loop itself: its table of sockets is not to be changed under it.
        self._server.trigger.pull_trigger(lambda: dispatcher.close(self._server))
        deadline_s = time.monotonic() + timeout_s
        while self._busy() and time.monotonic() < deadline_s:
            time.sleep(_IDLE_CHECK_S)

    def _busy(self) -> bool:
        channels = list(self._server.active_channels.values())
        return any(channel.requests or channel.total_outbufs_len for channel in channels)


def _four_a_cpu() -> int:
    return 4 * (os.cpu_count() or 1)
