"""The standard gRPC health service, as ``--enable_grpc_healthcheck_service`` offers it."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

SERVICES = ("ModelService", "PredictionService")


class Health(health.HealthServicer):  # type: ignore[misc]  # untyped base
    """SERVING for both services and for the server as a whole, until it drains.

    It is made after the first models are loaded, so a probe that asks for it waits for them.
    """

    def __init__(self) -> None:
        super().__init__()
        self._streams: set[Callable[[Any], None]] = set()
        for service in SERVICES:
            self.set(service, health_pb2.HealthCheckResponse.SERVING)

    def Check(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Tells the status of one service; NOT_FOUND for others."""
        response = super().Check(request, context)
        if context.code() is grpc.StatusCode.NOT_FOUND:
            context.set_details("service name unknown")
        return response

    # A probe is answered although all threads for calls are busy.
    Check.experimental_thread_pool = ThreadPoolExecutor(1, thread_name_prefix="health")  # type: ignore[attr-defined]

    def Watch(self, request: Any, context: Any, send_response_callback: Any = None) -> Any:  # noqa: N802
        """Sends the status now and at every change."""
        self._streams.add(send_response_callback)
        context.add_callback(lambda: self._streams.discard(send_response_callback))
        return super().Watch(request, context, send_response_callback)

    def drain(self) -> None:
        """Says NOT_SERVING from now on, and ends the streams, which would hold up the drain."""
        self.enter_graceful_shutdown()
        for end in list(self._streams):
            end(None)


def add_health(server: grpc.Server) -> Health:
    """Puts the service on a server."""
    servicer = Health()
    health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
    return servicer
