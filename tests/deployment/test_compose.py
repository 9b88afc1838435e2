"""docker-compose.yml agrees with the code that it starts, and gives every container no more than it needs."""

from __future__ import annotations

import re

import pytest

from contract.release import FILE_NAME as RELEASE_FILE
from gateway.settings.settings import Settings
from gateway.settings.table import MOST_WORKERS, TABLE
from gateway.upstream.coalescer import MAX_FULL_CALLS
from serving.model_server import command_line
from serving.model_server.batching.parameters import read_batching_parameters
from serving.models_config import FILE_NAME as CONFIG_FILE
from tests.conftest import ROOT
from tests.deployment.files import COMPOSE, load, services, serving_flags

SERVICES = services()
REPOSITORY = "/models"
BATCHING = read_batching_parameters(ROOT / "docker" / "batching.config")
OPERATOR_VARIABLES = {"VITRINE_SERVING", "MODEL_REPOSITORY"}


def gateway_settings() -> Settings:
    return Settings.from_env(SERVICES["gateway"]["environment"])


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_runs_without_privileges(name: str) -> None:
    service = SERVICES[name]
    assert service["user"] == "10001:10001"
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert "cap_add" not in service
    assert "privileged" not in service
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["init"] is True
    assert any(mount.startswith("/tmp:size=") for mount in service["tmpfs"])
    assert service["mem_limit"]
    assert service["pids_limit"]


def test_the_official_model_server_is_pinned_and_of_the_trained_release() -> None:
    image = SERVICES["serving"]["image"]
    lock = (ROOT / "requirements" / "tensorflow.txt").read_text(encoding="utf-8")
    version = re.search(r"^tensorflow-cpu==([0-9.]+)", lock, re.MULTILINE)
    assert version
    assert re.fullmatch(rf"tensorflow/serving:{re.escape(version[1])}(@sha256:[0-9a-f]{{64}})?", image)


def test_the_model_server_is_the_process_that_gets_signals() -> None:
    assert SERVICES["serving"]["entrypoint"] == ["tensorflow_model_server"]


def test_the_embedded_model_server_takes_the_same_flags() -> None:
    settings = command_line.parse(SERVICES["serving"]["command"])
    assert settings.enable_batching
    assert settings.grpc_max_threads == int(serving_flags()["grpc_max_threads"])


def test_the_model_server_reads_the_rendered_config_and_polls_it() -> None:
    flags = serving_flags()
    assert flags["model_config_file"] == f"{REPOSITORY}/{CONFIG_FILE}"
    assert int(flags["model_config_file_poll_wait_seconds"]) > 0
    # Without it a restart fails as soon as a label names a version that is not loaded yet: that is, always.
    assert flags["allow_version_labels_for_unavailable_models"] == "true"


def test_ports_are_those_that_the_processes_listen_on() -> None:
    flags = serving_flags()
    assert SERVICES["serving"]["ports"] == [published(flags["port"]), published(flags["rest_api_port"])]
    assert SERVICES["gateway"]["ports"] == [published(str(gateway_settings().port))]


def published(port: str) -> str:
    """The same port outside, on this machine alone unless asked otherwise."""
    return f"${{BIND_ADDRESS:-127.0.0.1}}:{port}:{port}"


def test_the_gateway_understands_its_environment() -> None:
    settings = gateway_settings()
    assert settings.serving == f"serving:{serving_flags()['port']}"
    assert str(settings.repository) == REPOSITORY
    assert set(SERVICES["gateway"]["environment"]) <= {row.variable for row in TABLE}


@pytest.mark.parametrize("name", ["seed", "training", "operator"])
def test_the_toolbox_finds_the_repository_and_the_model_server(name: str) -> None:
    environment = SERVICES[name]["environment"]
    assert set(environment) == OPERATOR_VARIABLES
    assert environment == {key: SERVICES["gateway"]["environment"][key] for key in OPERATOR_VARIABLES}


def test_the_gateway_sends_no_more_pictures_at_once_than_the_model_server_takes() -> None:
    assert gateway_settings().max_batch <= BATCHING.max_batch_size


def test_the_model_server_has_a_thread_for_every_call_of_the_gateway() -> None:
    assert gateway_settings().workers <= MOST_WORKERS
    # Requests share calls: a worker has so many out for each version and signature. Two of those at once are many.
    assert int(serving_flags()["grpc_max_threads"]) >= MOST_WORKERS * MAX_FULL_CALLS * 2


def test_requests_can_fill_the_batching_queue_but_not_overflow_it() -> None:
    assert BATCHING.max_enqueued_batches >= int(serving_flags()["grpc_max_threads"])


def test_the_gateway_may_finish_its_requests_before_it_is_killed() -> None:
    grace_s = int(SERVICES["gateway"]["stop_grace_period"].removesuffix("s"))
    assert grace_s > gateway_settings().timeout_s + 5


def test_readers_cannot_write_to_the_repository_nor_change_its_owner() -> None:
    for name in ("serving", "gateway"):
        (mount,) = SERVICES[name]["volumes"]
        assert mount["source"] == "models"
        assert mount["target"] == REPOSITORY
        assert mount["read_only"] is True
        assert mount["volume"] == {"nocopy": True}


def test_the_whole_repository_is_mounted_so_that_renames_are_seen() -> None:
    # A single file that is mounted stays the old one when a new one is renamed over it.
    targets = [mount["target"] for name in ("serving", "gateway") for mount in SERVICES[name]["volumes"]]
    assert not {target for target in targets if target.endswith((CONFIG_FILE, RELEASE_FILE))}


def test_an_empty_repository_is_seeded_before_anything_serves() -> None:
    assert SERVICES["serving"]["depends_on"] == {"seed": {"condition": "service_completed_successfully"}}
    assert SERVICES["gateway"]["depends_on"] == {"serving": {"condition": "service_healthy"}}
    assert "restart" not in SERVICES["seed"]


def test_only_training_and_the_operator_wait_to_be_asked_for() -> None:
    profiles = {name: service["profiles"] for name, service in SERVICES.items() if "profiles" in service}
    assert profiles == {"training": ["training"], "operator": ["operator"]}


def test_config_files_exist_and_are_where_the_commands_look() -> None:
    configs = {name: ROOT / config["file"] for name, config in load(COMPOSE)["configs"].items()}
    assert all(path.is_file() for path in configs.values())
    mounted = {config["source"]: config["target"] for config in SERVICES["serving"]["configs"]}
    assert set(mounted) == set(configs)
    assert mounted["batching"] == serving_flags()["batching_parameters_file"]
    assert mounted["serving-health"] == SERVICES["serving"]["healthcheck"]["test"][-1]
