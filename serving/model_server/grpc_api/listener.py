"""gRPC's listening server: a port, a UNIX socket, or both."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import grpc

from serving.model_server import ports
from serving.model_server.flags import Settings
from serving.model_server.grpc_api import service
from serving.model_server.grpc_api.channel_arguments import channel_arguments
from serving.model_server.grpc_api.direct import beside
from serving.model_server.grpc_api.tls import credentials
from serving.model_server.inference.predict import Runner
from serving.model_server.inference.servable import Servable
from serving.model_server.metrics import Metrics
from serving.model_server.versions.core import Core

if TYPE_CHECKING:
    from serving.model_server.grpc_api.health import Health

_LEAST_THREADS = 32
_MOST_WAITING_CALLS = 1_000


class GrpcListener:
    """The gRPC API on ``--port`` and ``--grpc_socket_path``."""

    def __init__(self, settings: Settings) -> None:
        """Makes the server without opening anything, so that bad settings are told before models are loaded.

        Raises:
            InvalidArgument: Channel arguments or an SSL configuration that make no sense.
        """
        self._settings = settings
        self._credentials = credentials(settings)
        self._health: Health | None = None
        # The official server fails calls at random once its threads are busy; these wait, and are many.
        threads = max(settings.grpc_max_threads, _LEAST_THREADS)
        self._server: grpc.Server = grpc.server(
            ThreadPoolExecutor(threads, thread_name_prefix="grpc"),
            options=channel_arguments(settings.grpc_channel_arguments),
            # Beyond this a flood is told RESOURCE_EXHAUSTED at once instead of filling the memory.
            maximum_concurrent_rpcs=threads + _MOST_WAITING_CALLS,
        )
        self._direct = beside(self._server, service.PREDICT, threads, waiting=_MOST_WAITING_CALLS)

    def add_services(self, core: Core[Servable], run: Runner, metrics: Metrics) -> None:
        """Says what answers the calls."""
        as_content = self._settings.enable_serialization_as_tensor_content
        service.add_services(self._direct, core, run, metrics, as_content=as_content)

    def open(self) -> list[str]:
        """Answers calls from now on.

        Returns:
            The addresses.

        Raises:
            PortError: One of them cannot be opened.
        """
        if self._settings.enable_grpc_healthcheck_service:
            from serving.model_server.grpc_api.health import add_health

            self._health = add_health(self._server)
        if self._settings.enable_profiler:
            from serving.model_server.grpc_api.profiler import add_profiler

            add_profiler(self._server)
        addresses = []
        if self._settings.port:
            addresses.append(self._bind("port", f"{ports.HOST}:{self._settings.port}"))
        if self._settings.grpc_socket_path:
            addresses.append(self._bind("grpc_socket_path", f"unix:{self._settings.grpc_socket_path}"))
        self._direct.start()
        return addresses

    def drain(self, timeout_s: float) -> None:
        """Takes no further calls and waits for those in flight, at most `timeout_s` seconds."""
        if self._health is not None:
            self._health.drain()
        self._server.stop(timeout_s).wait()

    def _bind(self, flag: str, address: str) -> str:
        try:
            if self._credentials is None:
                self._server.add_insecure_port(address)
            else:
                self._server.add_secure_port(address, self._credentials)
        except RuntimeError:
            raise ports.refused(flag, getattr(self._settings, flag)) from None
        return address
