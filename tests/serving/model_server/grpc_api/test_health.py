"""The health service: SERVING until the server drains, whatever else it has to do."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from serving.model_server.grpc_api.health import Health, add_health

SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING
CALL_S = 20.0


@dataclass(frozen=True)
class Probed:
    """A gRPC server with nothing but the health service, and a client of it."""

    pool: ThreadPoolExecutor
    health: Health
    stub: health_pb2_grpc.HealthStub


def asked(service: str) -> health_pb2.HealthCheckRequest:
    return health_pb2.HealthCheckRequest(service=service)


@pytest.fixture
def probed() -> Iterator[Probed]:
    pool = ThreadPoolExecutor(1)
    server = grpc.server(pool)
    health = add_health(server)
    port = server.add_insecure_port("localhost:0")
    server.start()
    with grpc.insecure_channel(f"localhost:{port}") as channel:
        yield Probed(pool, health, health_pb2_grpc.HealthStub(channel))
    server.stop(None).wait()


def test_bad_an_unknown_service_is_not_found_in_the_official_words(probed: Probed) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        probed.stub.Check(asked("model"), timeout=CALL_S)
    assert (caught.value.code(), caught.value.details()) == (grpc.StatusCode.NOT_FOUND, "service name unknown")


def test_good_a_drain_tells_the_watchers_and_is_not_held_up_by_them(probed: Probed) -> None:
    watched = probed.stub.Watch(asked("ModelService"), timeout=CALL_S)
    assert next(watched).status == SERVING
    probed.health.drain()
    assert next(watched).status == NOT_SERVING
    assert list(watched) == []
    assert probed.stub.Check(asked(""), timeout=CALL_S).status == NOT_SERVING


def test_good_a_probe_is_answered_while_every_thread_is_busy(probed: Probed) -> None:
    release = threading.Event()
    probed.pool.submit(release.wait)
    try:
        assert probed.stub.Check(asked("PredictionService"), timeout=CALL_S).status == SERVING
    finally:
        release.set()
