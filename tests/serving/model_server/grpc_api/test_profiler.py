"""The profiler service, asked by TensorFlow's own client."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
from tensorflow.python.profiler import profiler_client
from tensorflow.tsl.profiler.protobuf import xplane_pb2

from contract.client import ModelSpec
from tests.serving.model_server.conftest import ModelServer, eventually


def test_good_trace_is_written_where_the_client_says_while_the_server_goes_on_serving(
    server: ModelServer, tmp_path: Path
) -> None:
    profiler_client.trace(f"localhost:{server.port}", str(tmp_path), 200)
    (trace,) = tmp_path.glob("plugins/profile/*/*.xplane.pb")
    planes = xplane_pb2.XSpace.FromString(trace.read_bytes()).planes
    assert "/host:CPU" in {plane.name for plane in planes}
    prediction = server.client.predict(ModelSpec("m", version=1), {"x": np.array([2.0], np.float32)})
    assert prediction.outputs["y"].tolist() == [3.0]


def test_bad_trace_request_that_is_no_message_is_refused_and_the_next_is_answered(server: ModelServer) -> None:
    ask: Any = server.channel.unary_unary("/tensorflow.ProfilerService/Profile")
    with pytest.raises(grpc.RpcError):
        ask(b"\xff", timeout=60)
    assert ask(b"", timeout=60) in (b"", b"8\x01")


def test_bad_second_trace_at_the_same_time_is_refused_and_the_first_ends_with_its_caller(server: ModelServer) -> None:
    ask: Any = server.channel.unary_unary("/tensorflow.ProfilerService/Profile")
    as_long_as_can_be = b"\x08" + b"\xff" * 9 + b"\x01"
    first = ask.future(as_long_as_can_be, timeout=60)

    def refused() -> bool:
        try:
            ask(b"", timeout=60)
        except grpc.RpcError as error:
            return (error.code().name, error.details()) == ("ALREADY_EXISTS", "Another profiler session active.")
        return False

    eventually(refused, what="the second trace was refused")
    assert not first.done()
    first.cancel()
    eventually(lambda: not refused(), what="the first trace had ended")
