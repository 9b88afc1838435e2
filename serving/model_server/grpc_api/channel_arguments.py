"""The gRPC server's channel arguments: this server's own and those of ``--grpc_channel_arguments``."""

from __future__ import annotations

from serving.model_server.errors import InvalidArgument

_OWN: dict[str, str | int] = {
    "grpc.max_receive_message_length": -1,
    "grpc.max_send_message_length": -1,
    # Without this a second server on the same port would silently share its connections.
    "grpc.so_reuseport": 0,
    # Clients ping every 30 s during a long call; gRPC's default takes two of those for an attack and hangs up.
    "grpc.http2.min_ping_interval_without_data_ms": 10_000,
    # gRPC's core ends calls that it cannot hand on at once in CANCELLED: at random from a thousand on, all after 30 s.
    # Those that are too many are refused here, where the client is told why.
    "grpc.server.max_pending_requests": 100_000,
    "grpc.server.max_pending_requests_hard_limit": 100_000,
    "grpc.server_max_unrequested_time_in_server": 3_600,
}


def channel_arguments(flag: str) -> list[tuple[str, str | int]]:
    """All arguments for ``grpc.server``; the flag's win.

    Args:
        flag: ``key=value,key=value``. A value that is a 32-bit integer is passed as one.

    Raises:
        InvalidArgument: A part without an equals sign.
    """
    given: dict[str, str | int] = {}
    for part in filter(None, flag.split(",")):
        key, equals, value = part.partition("=")
        if not (key and equals):
            raise InvalidArgument(f"Expected key=value,... in --grpc_channel_arguments. Received: '{part}'")
        given[key] = _integer_or_text(value)
    return list({**_OWN, **given}.items())


def _integer_or_text(value: str) -> str | int:
    try:
        number = int(value)
    except ValueError:
        return value
    return number if -(2**31) <= number < 2**31 else value
