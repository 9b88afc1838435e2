"""Every replica is asked on its own, wherever its name leads."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from contract.client import ModelSpec
from contract.errors import ModelServerUnavailable, PreconditionFailed
from contract.release import ModelRelease, Release
from serving.addresses import resolve
from serving.models_config import to_proto
from serving.replicas import Replicas
from tests.serving.model_service import ModelService, serving

NAME = "model-servers.test"


@dataclass
class Names:
    """The addresses of `NAME`, as a cluster's DNS would tell them; every other name is asked of the system."""

    ips: list[str] = field(default_factory=list)


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Names:
    known, real = Names(), socket.getaddrinfo

    def lookup(host: str, port: str, **options: Any) -> list[Any]:
        if host != NAME:
            return list(real(host, port, **options))
        if not known.ips:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return [
            (socket.AF_INET6 if ":" in ip else socket.AF_INET, socket.SOCK_STREAM, 6, "", (ip, int(port)))
            for ip in known.ips
        ]

    monkeypatch.setattr(socket, "getaddrinfo", lookup)
    return known


def replica(ip: str, port: int, version: int) -> Any:
    return serving(ModelService(states={"digits": {version: "AVAILABLE"}}, host=ip), port)


def versions(replicas: Replicas) -> dict[str, list[int]]:
    return {one.replica: [status.version for status in one.versions] for one in replicas.status("digits")}


def test_a_name_of_many_addresses_is_as_many_replicas_which_come_and_go(
    names: Names, free_port: Callable[[], int]
) -> None:
    port = free_port()
    with Replicas([f"{NAME}:{port}"]) as replicas, replica("127.0.0.2", port, 2), replica("127.0.0.10", port, 10):
        names.ips = ["127.0.0.10", "127.0.0.2"]
        assert versions(replicas) == {f"127.0.0.2:{port}": [2], f"127.0.0.10:{port}": [10]}

        names.ips.append("127.0.0.3")
        with replica("127.0.0.3", port, 3):
            assert list(versions(replicas).values()) == [[2], [3], [10]]

        names.ips.remove("127.0.0.10")
        seen = {one.replica: one.away for one in replicas.status("digits")}
        assert seen[f"127.0.0.2:{port}"] == ""
        assert "127.0.0.3" in seen[f"127.0.0.3:{port}"]
        assert len(seen) == 2


def test_one_address_keeps_the_name_that_was_given(names: Names, free_port: Callable[[], int]) -> None:
    names.ips = ["127.0.0.2"]
    assert resolve(f"{NAME}:8500") == [f"{NAME}:8500"]
    with serving(ModelService()) as server, Replicas([f"localhost:{server.port}", server.address]) as replicas:
        assert list(versions(replicas)) == [f"localhost:{server.port}", server.address]


@pytest.mark.parametrize(
    ("ips", "found"),
    [
        (["10.0.0.2", "fd00::2", "10.0.0.1", "fd00::1"], ["10.0.0.1:8500", "10.0.0.2:8500"]),
        (["fd00::2", "fd00::1"], ["[fd00::1]:8500", "[fd00::2]:8500"]),
        (["127.0.0.1", "::1"], [f"{NAME}:8500"]),
    ],
)
def test_a_server_with_addresses_of_both_kinds_is_counted_once(names: Names, ips: list[str], found: list[str]) -> None:
    names.ips = ips
    assert resolve(f"{NAME}:8500") == found
    assert resolve(f"dns:///{NAME}:8500") == found


def test_grpcs_own_ways_to_write_addresses_are_understood() -> None:
    assert resolve("ipv4:10.0.0.1:8500,10.0.0.2:8501") == ["10.0.0.1:8500", "10.0.0.2:8501"]
    assert resolve("unix:/run/serving.sock") == ["unix:/run/serving.sock"]
    assert resolve("[::1]:8500") == ["[::1]:8500"]


def test_a_name_that_does_not_resolve_is_away_and_the_others_answer(names: Names) -> None:
    with (
        serving(ModelService(states={"digits": {1: "AVAILABLE"}})) as server,
        Replicas([f"{NAME}:8500", server.address, "no-port"]) as replicas,
    ):
        unknown, there, wrong = replicas.status("digits")

    assert (unknown.replica, unknown.away) == (f"{NAME}:8500", "the name cannot be resolved: Name or service not known")
    assert there.versions[0].available
    assert wrong.away == "Expected an address host:port. Received: 'no-port'"


def test_replicas_are_asked_side_by_side_so_that_one_that_hangs_holds_up_no_other() -> None:
    met = threading.Barrier(5, timeout=30)
    with Replicas([f"127.0.0.{number}:9" for number in range(1, 6)]) as replicas:
        # One after the other, the first would wait for ever.
        assert set(replicas.ask(lambda _: met.wait()).values()) == {0, 1, 2, 3, 4}


def test_a_replica_that_takes_connections_and_says_nothing_is_away() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as silent,
        Replicas([f"127.0.0.1:{silent.getsockname()[1]}"]) as replicas,
    ):
        assert replicas.status("digits")[0].away


def test_every_replica_gets_a_new_configuration_and_each_refusal_is_told(free_port: Callable[[], int]) -> None:
    first = ModelService()
    second = ModelService(verdicts={("digits", 2): "LOADING"})
    nobody = f"127.0.0.1:{free_port()}"
    with serving(first), serving(second), Replicas([first.address, second.address, nobody]) as replicas:
        for version in (1, 2):
            release = Release({"digits": ModelRelease((1, 2), {"stable": version})})
            errors = replicas.reload(to_proto(release, "/models"))

    assert set(errors) == {second.address, nobody}
    assert isinstance(errors[second.address], PreconditionFailed)
    assert isinstance(errors[nobody], ModelServerUnavailable)
    assert first.labels["digits"] == {"stable": 2}


def test_any_question_may_be_asked_of_every_replica() -> None:
    with serving(ModelService()) as server, Replicas([server.address]) as replicas:
        answers = replicas.ask(lambda client: client.signatures(ModelSpec("digits")))

    assert list(answers) == [server.address]
    assert isinstance(answers[server.address], Exception)
