"""gRPC over TLS, on the port and on the UNIX socket, for clients that the authority vouches for."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from tensorflow_serving.apis import get_model_status_pb2, model_service_pb2_grpc

from serving.model_server.errors import InvalidArgument
from serving.model_server.flags import Settings
from serving.model_server.grpc_api.tls import credentials
from tests.serving.model_server import certificates
from tests.serving.model_server.certificates import Pair
from tests.serving.model_server.conftest import start_server

CALL_S = 20.0


@dataclass(frozen=True)
class Guarded:
    """A server that asks for certificates: where it listens, and what opens it."""

    addresses: tuple[str, ...]
    authority: Pair
    client: Pair
    stranger: Pair
    log: Path

    def channel(self, address: str, client: Pair | None) -> grpc.Channel:
        """A channel that trusts the server's authority and shows the client's certificate, if it has one."""
        pair = (client.key, client.certificate) if client else (None, None)
        secrets = grpc.ssl_channel_credentials(self.authority.certificate, *pair)
        return grpc.secure_channel(address, secrets, [("grpc.ssl_target_name_override", "localhost")])


def ssl_config(folder: Path, *, server: Pair, authority: Pair | None, client_verify: bool = True) -> Path:
    """A text-proto ``SSLConfig``; keys and certificates stand in it themselves, with their line ends written out."""

    def quoted(pem: bytes) -> str:
        return '"' + pem.decode().replace("\n", "\\n") + '"'

    lines = [f"server_key: {quoted(server.key)}", f"server_cert: {quoted(server.certificate)}"]
    if authority:
        lines.append(f"custom_ca: {quoted(authority.certificate)}")
    lines.append(f"client_verify: {str(client_verify).lower()}")
    path = folder / "ssl.config"
    path.write_text("\n".join(lines))
    return path


@pytest.fixture(scope="module")
def guarded(saved_models: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    folder = tmp_path_factory.mktemp("tls")
    authority = certificates.authority(folder, "authority")
    server, client = (certificates.issue(folder, name, by="authority") for name in ("server", "client"))
    certificates.authority(folder, "elsewhere")
    stranger = certificates.issue(folder, "stranger", by="elsewhere")
    config = ssl_config(folder, server=server, authority=authority)
    shutil.copytree(saved_models / "half_plus_two", folder / "m" / "1")
    # A socket's path has room for 107 characters, fewer than pytest's folders may need.
    with tempfile.TemporaryDirectory() as short:
        socket = f"{short}/grpc.sock"
        flags = (f"--model_base_path={folder / 'm'}", f"--ssl_config_file={config}", f"--grpc_socket_path={socket}")
        health = "--enable_grpc_healthcheck_service"
        with start_server(folder, *flags, health, "--grpc_channel_arguments=grpc.max_metadata_size=2000") as running:
            addresses = (f"localhost:{running.port}", f"unix:{socket}")
            yield Guarded(addresses, authority, client, stranger, running.log)


def status(channel: grpc.Channel, metadata: tuple[tuple[str, str], ...] = ()) -> int:
    """The state of the newest version."""
    request = get_model_status_pb2.GetModelStatusRequest()
    request.model_spec.name = "default"
    stub = model_service_pb2_grpc.ModelServiceStub(channel)
    return int(stub.GetModelStatus(request, timeout=CALL_S, metadata=metadata).model_version_status[0].state)


@pytest.mark.parametrize("place", [0, 1], ids=["port", "socket"])
def test_good_a_client_with_a_certificate_is_answered(guarded: Guarded, place: int) -> None:
    with guarded.channel(guarded.addresses[place], guarded.client) as channel:
        assert status(channel) == get_model_status_pb2.ModelVersionStatus.AVAILABLE


@pytest.mark.parametrize("who", ["nobody", "stranger"])
def test_bad_a_client_without_a_certificate_of_the_authority_is_turned_away(guarded: Guarded, who: str) -> None:
    with (
        guarded.channel(guarded.addresses[0], guarded.stranger if who == "stranger" else None) as channel,
        pytest.raises(grpc.RpcError) as caught,
    ):
        status(channel)
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE


def test_bad_plain_text_is_turned_away(guarded: Guarded) -> None:
    with grpc.insecure_channel(guarded.addresses[0]) as channel, pytest.raises(grpc.RpcError) as caught:
        status(channel)
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE


@pytest.mark.parametrize("service", ["", "ModelService", "PredictionService"])
def test_good_the_health_service_tells_that_both_services_serve(guarded: Guarded, service: str) -> None:
    with guarded.channel(guarded.addresses[1], guarded.client) as channel:
        request = health_pb2.HealthCheckRequest(service=service)
        answer = health_pb2_grpc.HealthStub(channel).Check(request, timeout=CALL_S)
    assert answer.status == health_pb2.HealthCheckResponse.SERVING


def test_good_channel_arguments_reach_the_server(guarded: Guarded) -> None:
    with guarded.channel(guarded.addresses[0], guarded.client) as channel:
        assert status(channel, (("padding", "x" * 1_000),))
        with pytest.raises(grpc.RpcError, match="metadata") as caught:
            status(channel, (("padding", "x" * 50_000),))
    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


def test_the_log_names_the_port_and_the_socket(guarded: Guarded) -> None:
    text = guarded.log.read_text()
    assert re.search(r"Running gRPC ModelServer at 0\.0\.0\.0:\d+ \.\.\.", text)
    assert f"Running gRPC ModelServer at {guarded.addresses[1]} ..." in text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("server_key {", r"Invalid protobuf file: '.*ssl\.config'"),
        ('server_key: "k"', "Expected server_key and server_cert, the PEM texts themselves, in '"),
        ('server_key: "k" server_cert: "c"', "Expected a PEM key and its certificate in '.*'; gRPC cannot use these"),
        ('server_key: "k" server_cert: "c" client_verify: true', "Expected custom_ca, the authority to verify clients"),
    ],
)
def test_bad_ssl_config_is_refused_with_what_was_wanted(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "ssl.config"
    path.write_text(text)
    with pytest.raises(InvalidArgument, match=message):
        credentials(Settings(ssl_config_file=str(path)))


def test_good_without_flags_there_are_no_credentials_and_alts_has_its_own() -> None:
    assert credentials(Settings()) is None
    assert credentials(Settings(use_alts_credentials=True)) is not None
