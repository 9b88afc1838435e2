"""``--grpc_channel_arguments``: integers and texts, over the server's own arguments."""

from __future__ import annotations

from pathlib import Path

import pytest
from grpc._cython import cygrpc  # type: ignore[attr-defined]  # compiled

from serving.model_server.errors import InvalidArgument
from serving.model_server.grpc_api.channel_arguments import channel_arguments


def test_good_without_the_flag_messages_have_no_limit_and_a_port_has_one_server() -> None:
    own = dict(channel_arguments(""))
    assert own["grpc.max_receive_message_length"] == own["grpc.max_send_message_length"] == -1
    assert own["grpc.so_reuseport"] == 0


def test_good_every_argument_of_its_own_is_one_that_grpc_knows() -> None:
    binding = Path(cygrpc.__file__).read_bytes()
    assert [name for name in dict(channel_arguments("")) if name.encode() not in binding] == []


def test_good_integers_are_passed_as_such_and_everything_else_as_text() -> None:
    given = dict(channel_arguments("grpc.max_connection_age_ms=2000,a=-1,b=x=y,c=2147483648,d=1.5"))
    expected = {"grpc.max_connection_age_ms": 2000, "a": -1, "b": "x=y", "c": "2147483648", "d": "1.5"}
    assert expected.items() <= given.items()


def test_good_the_flag_goes_before_the_servers_own_arguments() -> None:
    assert dict(channel_arguments("grpc.max_receive_message_length=100"))["grpc.max_receive_message_length"] == 100


@pytest.mark.parametrize("part", ["grpc.max_connection_age_ms", "=1"])
def test_bad_a_part_without_key_or_value_is_refused(part: str) -> None:
    with pytest.raises(
        InvalidArgument, match=f"Expected key=value,... in --grpc_channel_arguments. Received: '{part}'"
    ):
        channel_arguments(f"a=1,{part}")
