"""docker-compose.yml agrees with the code that it starts, and gives every container no more than it needs."""

from __future__ import annotations

import re
import subprocess
from ipaddress import ip_address, ip_network

import pytest

from contract.release import FILE_NAME as RELEASE_FILE
from gateway.settings.settings import Settings
from gateway.settings.table import MOST_WORKERS, TABLE
from gateway.upstream.coalescer import MAX_FULL_CALLS
from serving.model_server import command_line
from serving.model_server.batching.parameters import read_batching_parameters
from serving.models_config import FILE_NAME as CONFIG_FILE
from tests.conftest import ROOT
from tests.deployment.files import compose, services, serving_flags

SERVICES = services()
REPOSITORY = "/models"
BATCHING = read_batching_parameters(ROOT / "docker" / "batching.config")
COMMON_VARIABLES = {"VITRINE_SERVING", "MODEL_REPOSITORY"}
ONE_SHOT = {"seed", "training", "operator"}


def gateway_settings() -> Settings:
    return Settings.from_env(SERVICES["gateway"]["environment"])


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_runs_without_privileges(name: str) -> None:
    service = SERVICES[name]
    assert re.fullmatch(r"[1-9]\d*:\d+", service["user"]), "a number, and not root's"
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["init"] is True
    assert not set(service) & {"cap_add", "privileged", "pid", "ipc", "network_mode", "devices", "userns_mode"}


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_has_limits(name: str) -> None:
    service = SERVICES[name]
    assert service["mem_limit"]
    assert float(service["cpus"]) > 0
    assert service["pids_limit"] <= 512
    assert service["ulimits"]["core"] == 0
    assert service["logging"]["options"]["max-size"], "or the log fills the disk"
    (tmp,) = service["tmpfs"]
    assert re.fullmatch(r"/tmp:size=\d+[mg],mode=1777,noexec,nosuid,nodev", tmp)


@pytest.mark.parametrize("name", sorted(set(SERVICES) - ONE_SHOT))
def test_every_service_that_stays_is_watched_and_comes_back(name: str) -> None:
    service = SERVICES[name]
    assert service["restart"] == "unless-stopped"
    assert service["healthcheck"]["test"][0] == "CMD", "without a shell between"
    assert {"interval", "timeout", "retries", "start_period"} < set(service["healthcheck"])


@pytest.mark.parametrize("name", SERVICES)
def test_no_service_gets_the_engine_or_writes_outside_its_volumes(name: str) -> None:
    for mount in SERVICES[name].get("volumes", []):
        if isinstance(mount, str):
            assert re.match(r"[a-z]+:/", mount), "a volume by name"
        elif mount["type"] == "bind":
            assert mount["read_only"] is True
            assert mount["source"].startswith("./docker/")
            assert (ROOT / mount["source"]).is_dir()
            assert mount["bind"] == {"create_host_path": False}, (
                "a folder that is missing is an error, not an empty one"
            )


@pytest.mark.parametrize("name", [name for name in SERVICES if "build" not in SERVICES[name]])
def test_an_image_of_others_is_pinned_to_a_release(name: str) -> None:
    assert re.fullmatch(r"[\w./-]+:v?\d+\.\d+\.\d+[\w.-]*(@sha256:[0-9a-f]{64})?", SERVICES[name]["image"])


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
    return f"127.0.0.1:{port}:{port}"


def test_only_nginx_meets_strangers_unless_asked_otherwise() -> None:
    outside = {
        name for name, service in SERVICES.items() for port in service.get("ports", []) if "127.0.0.1" not in port
    }
    assert outside == {"nginx"}
    asked = services(BIND_ADDRESS="192.0.2.1")
    moved = {name for name, service in asked.items() for port in service.get("ports", []) if "192.0.2.1:" in port}
    assert moved == {"serving", "gateway", "grafana"}, "Prometheus has no login"


def test_a_service_reaches_no_more_than_it_asks() -> None:
    networks = {name: set(service.get("networks", ["default"])) for name, service in SERVICES.items()}
    assert networks == {
        "nginx": {"edge"},
        "gateway": {"default", "edge"},
        "prometheus": {"default", "monitoring"},
        "grafana": {"monitoring"},
    } | {name: {"default"} for name in ("serving", *ONE_SHOT)}


@pytest.mark.parametrize("variables", [{}, {"EDGE_PREFIX": "192.168.7"}])
def test_the_gateway_believes_nginx_and_nobody_else(variables: dict[str, str]) -> None:
    found = services(**variables)
    (network,) = compose(**variables)["networks"]["edge"]["ipam"]["config"]
    addresses = {name: ip_address(found[name]["networks"]["edge"]["ipv4_address"]) for name in ("nginx", "gateway")}
    assert all(address in ip_network(network["subnet"]) for address in addresses.values())
    trusted = Settings.from_env(found["gateway"]["environment"]).trusted_proxies
    assert trusted == (ip_network(addresses["nginx"]),)


def test_the_gateway_understands_its_environment() -> None:
    settings = gateway_settings()
    assert settings.serving == f"serving:{serving_flags()['port']}"
    assert str(settings.repository) == REPOSITORY
    assert set(SERVICES["gateway"]["environment"]) <= {row.variable for row in TABLE}


@pytest.mark.parametrize("name", ["seed", "training", "operator"])
def test_the_toolbox_finds_the_repository_the_model_server_and_the_gateway(name: str) -> None:
    environment = SERVICES[name]["environment"]
    assert environment == {
        **{key: SERVICES["gateway"]["environment"][key] for key in COMMON_VARIABLES},
        "VITRINE_GATEWAYS": f"http://gateway:{gateway_settings().port}",
    }
    assert not set(SERVICES[name].get("networks", ["default"])).isdisjoint(SERVICES["gateway"]["networks"])


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


def test_what_up_does_not_need_waits_to_be_asked_for() -> None:
    profiles = {name: service["profiles"] for name, service in SERVICES.items() if "profiles" in service}
    assert profiles == {
        "training": ["training"],
        "operator": ["operator"],
        "nginx": ["nginx"],
        "prometheus": ["monitoring"],
        "grafana": ["monitoring"],
    }


def test_config_files_exist_and_are_where_the_commands_look() -> None:
    configs = {name: ROOT / config["file"] for name, config in compose()["configs"].items()}
    assert all(path.is_file() for path in configs.values())
    mounted = {one["source"]: one["target"] for service in SERVICES.values() for one in service.get("configs", [])}
    assert set(mounted) == set(configs)
    assert mounted["batching"] == serving_flags()["batching_parameters_file"]
    assert mounted["serving-monitoring"] == serving_flags()["monitoring_config_file"]
    assert mounted["serving-health"] == SERVICES["serving"]["healthcheck"]["test"][-1]
    assert mounted["nginx"] == SERVICES["nginx"]["entrypoint"][-1]


def test_grafana_lets_nobody_in_without_a_password_of_ones_own() -> None:
    grafana = SERVICES["grafana"]
    assert grafana["environment"]["GF_SECURITY_ADMIN_PASSWORD"] == ""
    assert grafana["environment"]["GF_AUTH_ANONYMOUS_ENABLED"] == "false"
    command = [part.replace("$$", "$") for part in grafana["entrypoint"]]
    refused = subprocess.run(command, env={}, capture_output=True, text=True, timeout=20, check=False)
    assert refused.returncode == 1
    assert "Set GRAFANA_PASSWORD" in refused.stderr
