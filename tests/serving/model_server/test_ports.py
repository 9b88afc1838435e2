"""The ports: on every address there is, and never one that somebody else holds."""

from __future__ import annotations

import errno
import socket
from contextlib import closing

import pytest

from serving.model_server import ports
from serving.model_server.flags import Settings
from tests.serving.model_server.conftest import unused_port

needs_ipv6 = pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="there is no IPv6 here")


@pytest.mark.parametrize("host", ["127.0.0.1", pytest.param("::1", marks=needs_ipv6)])
def test_good_port_is_open_to_both_families(host: str) -> None:
    port = unused_port()
    with closing(ports.bind("rest_api_port", port)) as holder:
        holder.listen()
        with socket.create_connection((host, port), timeout=60):
            holder.accept()[0].close()


def test_good_port_is_open_where_there_is_no_ipv6(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "has_dualstack_ipv6", lambda: False)
    with closing(ports.bind("rest_api_port", unused_port())) as holder:
        assert holder.family is socket.AF_INET


@pytest.mark.parametrize("flag", ["port", "rest_api_port"])
@pytest.mark.parametrize(
    ("family", "host"),
    [
        (socket.AF_INET, "0.0.0.0"),
        (socket.AF_INET, "127.0.0.1"),
        pytest.param(socket.AF_INET6, "::", marks=needs_ipv6),
        pytest.param(socket.AF_INET6, "::1", marks=needs_ipv6),
    ],
)
def test_bad_port_that_is_listened_on_in_either_family_is_told(
    flag: str, family: socket.AddressFamily, host: str
) -> None:
    with socket.create_server((host, 0), family=family) as other:
        port = other.getsockname()[1]
        sentence = f"^Port {port} is in use: stop the process that listens on it, or choose another with --{flag}=PORT$"
        with pytest.raises(ports.PortError, match=sentence):
            # Without the defaults, which a running demo holds.
            ports.check(Settings(**{"port": 0, flag: port}))


def test_bad_port_that_may_not_be_opened_is_told() -> None:
    error = ports.refused("port", 80, OSError(errno.EACCES, "Permission denied"))
    assert str(error) == "Port 80 cannot be opened (Permission denied): choose another with --port=PORT"
