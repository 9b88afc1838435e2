"""The gRPC listener under a flood, and when it is told to stop."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, cast

import grpc
import pytest
from tensorflow_serving.apis import get_model_status_pb2, model_service_pb2_grpc

from serving.model_server.flags import Settings
from serving.model_server.grpc_api.listener import GrpcListener
from serving.model_server.inference.predict import run_directly
from serving.model_server.metrics import Metrics
from serving.model_server.ports import PortError
from tests.serving.model_server.conftest import answers, eventually, unused_port

CALL_S = 60.0
MORE_THAN_WAIT = 1_500


class Stuck:
    """A core whose answers wait to be released."""

    def __init__(self) -> None:
        self.release = threading.Event()
        self.asked = 0

    def statuses(self, _spec: Any) -> list[Any]:
        self.asked += 1
        self.release.wait()
        return []


@contextmanager
def listening(core: Stuck) -> Iterator[tuple[GrpcListener, int, Callable[[], Any]]]:
    """A listener in this process, its port, and a way to send it a call without waiting."""
    port = unused_port()
    listener = GrpcListener(Settings(port=port))
    listener.add_services(cast("Any", core), run_directly, Metrics())
    assert listener.open() == [f"0.0.0.0:{port}"]
    request = get_model_status_pb2.GetModelStatusRequest()
    request.model_spec.name = "m"
    with grpc.insecure_channel(f"localhost:{port}") as channel:
        stub = model_service_pb2_grpc.ModelServiceStub(channel)
        try:
            yield listener, port, lambda: stub.GetModelStatus.future(request, timeout=CALL_S)
        finally:
            core.release.set()
            listener.drain(CALL_S)


def test_good_a_flood_is_refused_at_once_beyond_what_may_wait_and_the_rest_is_answered() -> None:
    core = Stuck()
    with listening(core) as (_, _, call):
        calls = [call() for _ in range(MORE_THAN_WAIT)]
        eventually(lambda: sum(one.done() for one in calls) > 0)
        refused = next(one for one in calls if one.done())
        assert refused.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        core.release.set()
        codes = [one.code() for one in calls]
    assert set(codes) == {grpc.StatusCode.OK, grpc.StatusCode.RESOURCE_EXHAUSTED}
    assert codes.count(grpc.StatusCode.OK) >= 1_000


def test_good_a_drain_takes_no_new_connections_and_waits_for_what_is_in_flight() -> None:
    core = Stuck()
    with listening(core) as (listener, port, call), ThreadPoolExecutor(1) as pool:
        slow = call()
        eventually(lambda: core.asked)
        drained = pool.submit(listener.drain, CALL_S)
        eventually(lambda: not answers(port))
        assert not drained.done()
        core.release.set()
        assert slow.code() is grpc.StatusCode.OK
        drained.result(CALL_S)


def test_good_a_drain_gives_up_after_its_time() -> None:
    core = Stuck()
    with listening(core) as (listener, _, call):
        slow = call()
        eventually(lambda: core.asked)
        listener.drain(0.1)
        assert slow.code() in (grpc.StatusCode.CANCELLED, grpc.StatusCode.UNAVAILABLE)


def test_bad_a_second_listener_on_the_same_port_is_refused() -> None:
    with socket.create_server(("0.0.0.0", 0)) as holder:
        port = holder.getsockname()[1]
        with pytest.raises(PortError, match=rf"Port {port} is in use: stop the process that listens on it, or choose"):
            GrpcListener(Settings(port=port)).open()
