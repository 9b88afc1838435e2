"""k8s/ agrees with docker-compose.yml, with `make demo`, and with the code that both start."""

from __future__ import annotations

import re
import tomllib
from typing import Any

import pytest

from contract.release import FILE_NAME as RELEASE_FILE
from gateway.settings.settings import Settings
from gateway.settings.table import TABLE
from serving.model_server import command_line
from serving.model_server.grpc_api.channel_arguments import channel_arguments
from serving.model_server.grpc_api.health import SERVICES as HEALTH_SERVICES
from serving.models_config import FILE_NAME as CONFIG_FILE
from tests.conftest import ROOT
from tests.deployment.files import COMPOSE, DOCKERFILES, copied, instructions, load, services, serving_flags
from tests.deployment.kubernetes import K8S, OVERLAYS, Manifest, Pods, Variant, of_kind, pods, workload

BASE = Variant("production")

# What only a cluster needs: replicas that come and go, and probes.
OF_A_CLUSTER = {"grpc_channel_arguments", "enable_grpc_healthcheck_service"}
# How long a cluster's DNS gives an address that is gone: CoreDNS keeps answers for as long.
DNS_S = 30
JITTER = 1.1  # gRPC spreads the ends of connections by a tenth


def serving() -> Pods:
    return workload(BASE, "serving")


def gateway() -> Pods:
    return workload(BASE, "gateway")


def operator() -> Pods:
    return workload(BASE, "operator")


def flags(pod: Pods) -> dict[str, str]:
    """TensorFlow Serving's flags by name."""
    parts = (str(flag).removeprefix("--").partition("=") for flag in pod.main["args"])
    return {name: value for name, _, value in parts}


def environment(container: dict[str, Any]) -> dict[str, str]:
    return {one["name"]: one["value"] for one in container["env"]}


def settings(overlay: str) -> Settings:
    """The gateway's, as it reads them in a container of that overlay."""
    return Settings.from_env(environment(workload(Variant(overlay), "gateway").main))


def memory(text: str) -> int:
    """Bytes, of Docker's notation or Kubernetes's."""
    number, unit = re.fullmatch(r"(\d+)([kmg]|[KMG]i)", text).groups()  # type: ignore[union-attr]
    return int(number) << {"k": 10, "m": 20, "g": 30}[unit[0].lower()]


def default(text: object) -> str:
    """The value of a compose file's `${NAME:-default}`."""
    return re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", str(text))


def test_the_model_server_has_the_flags_of_the_compose_file() -> None:
    assert {name: value for name, value in flags(serving()).items() if name not in OF_A_CLUSTER} == serving_flags()
    assert set(flags(serving())) - set(serving_flags()) == OF_A_CLUSTER


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_overlay_has_the_same_flags_and_the_same_settings(overlay: str) -> None:
    assert flags(workload(Variant(overlay), "serving")) == flags(serving())
    own = environment(workload(Variant(overlay), "gateway").main)
    assert environment(gateway().main).items() <= own.items()


def test_the_demo_starts_its_model_server_no_other_way() -> None:
    given = dict(re.findall(r'"--(\w+)=(\w+)"', (ROOT / "demo.py").read_text(encoding="utf-8")))
    assert given
    assert given.items() <= flags(serving()).items()


def test_the_embedded_model_server_takes_the_flags_too() -> None:
    assert command_line.parse(serving().main["args"]).enable_grpc_healthcheck_service


def test_image_command_and_bounds_are_those_of_the_compose_file() -> None:
    compose = services()["serving"]
    assert serving().main["image"] == compose["image"]
    assert {one["image"] for one in serving().containers} == {compose["image"]}
    assert serving().main["command"] == compose["entrypoint"] == ["tensorflow_model_server"]
    assert workload(Variant("gpu"), "serving").main["image"] == f"{compose['image']}-gpu"
    for name, pod in (("serving", serving()), ("gateway", gateway())):
        limits = pod.main["resources"]["limits"]
        assert memory(limits["memory"]) == memory(default(services()[name]["mem_limit"]))
        assert limits["cpu"] == default(services()[name]["cpus"])
        (compose_tmp,) = (mount for mount in services()[name]["tmpfs"] if mount.startswith("/tmp:"))
        (tmp,) = (one["emptyDir"] for one in pod.spec["volumes"] if one["name"] == "tmp")
        assert (tmp["medium"], memory(tmp["sizeLimit"])) == (
            "Memory",
            memory(re.findall(r"size=(\w+)", compose_tmp)[0]),
        )


def test_the_files_beside_the_image_are_those_of_the_compose_file() -> None:
    name = next(one["configMap"]["name"] for one in serving().spec["volumes"] if one["name"] == "config")
    data = of_kind(BASE, "ConfigMap")[name]["data"]
    compose = load(COMPOSE)["configs"]
    mounted = {one["target"]: compose[one["source"]]["file"] for one in services()["serving"]["configs"]}
    (mount,) = (one for one in serving().main["volumeMounts"] if one["name"] == "config")
    assert {f"{mount['mountPath']}/{key}" for key in data} == set(mounted)
    for target, file in mounted.items():
        assert data[target.rpartition("/")[2]] == (ROOT / file).read_text(encoding="utf-8")
    assert name != "serving", "with a suffix of its content, so that a change restarts what reads it at the start only"


def test_ports_have_the_numbers_that_the_processes_listen_on() -> None:
    ports = {one["name"]: str(one["containerPort"]) for one in serving().main["ports"]}
    assert ports == {"grpc": flags(serving())["port"], "rest": flags(serving())["rest_api_port"]}
    assert [one["containerPort"] for one in gateway().main["ports"]] == [settings("production").port]


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_the_gateway_understands_its_environment_and_finds_every_replica(overlay: str) -> None:
    host, _, port = settings(overlay).serving.partition(":")
    service = of_kind(Variant(overlay), "Service")[host]["spec"]
    assert service["clusterIP"] == "None", "one address for all would send every call of a connection to one replica"
    assert int(port) in {one["port"] for one in service["ports"]}
    # A headless Service passes nothing on: the ports are the containers' own.
    assert {str(one["port"]) for one in service["ports"]} == {
        flags(serving())["port"],
        flags(serving())["rest_api_port"],
    }
    assert environment(gateway().main)["VITRINE_SERVING"] == services()["gateway"]["environment"]["VITRINE_SERVING"]
    assert set(environment(workload(Variant(overlay), "gateway").main)) <= {row.variable for row in TABLE}


def test_the_operator_finds_the_repository_every_replica_and_every_gateway() -> None:
    own = environment(operator().main)
    compose = services()["operator"]["environment"]
    assert own.items() >= {**compose, "VITRINE_GATEWAYS": own["VITRINE_GATEWAYS"]}.items()
    host, _, port = own["VITRINE_GATEWAYS"].removeprefix("http://").partition(":")
    service = of_kind(BASE, "Service")[host]["spec"]
    assert service["clusterIP"] == "None", "counts of one gateway at random add up to nothing"
    assert int(port) == settings("production").port
    assert service["selector"].items() <= gateway().labels.items()


@pytest.mark.parametrize("name", ["serving", "gateway"])
def test_readers_cannot_write_to_the_repository(name: str) -> None:
    pod = workload(BASE, name)
    mounts = {one["mountPath"]: one.get("readOnly", False) for one in pod.main["volumeMounts"]}
    assert mounts["/models"] is True
    assert mounts["/tmp"] is False
    assert not {path for path in mounts if path.endswith((CONFIG_FILE, RELEASE_FILE))}


def test_an_empty_repository_is_seeded_with_the_command_of_the_compose_file() -> None:
    (seed,) = operator().spec["initContainers"]
    assert seed["command"] == services()["seed"]["entrypoint"]
    assert seed["image"] == operator().main["image"]
    (training,) = (path for path in DOCKERFILES if path.name.startswith("training"))
    assert any(one.value.endswith(f"/bin/{seed['command'][0]}") for one in instructions(training) if one.name == "COPY")
    assert "docker/seed.sh" in copied(training)


def test_a_model_server_that_loads_is_not_taken_for_a_dead_one() -> None:
    startup, ready, live = (serving().main[f"{kind}Probe"] for kind in ("startup", "readiness", "liveness"))
    assert startup["exec"]["command"][:2] == ["bash", "/etc/vitrine/serving-health.sh"]
    assert startup["exec"]["command"][2:] == [flags(serving())["model_config_file"], flags(serving())["rest_api_port"]]
    assert startup["periodSeconds"] * startup["failureThreshold"] >= 600
    deployment = of_kind(BASE, "Deployment")["serving"]["spec"]
    assert deployment["progressDeadlineSeconds"] > startup["periodSeconds"] * startup["failureThreshold"]
    for probe in (ready, live):
        assert probe["grpc"]["port"] == int(flags(serving())["port"])
        assert probe["grpc"]["service"] in HEALTH_SERVICES
    assert flags(serving())["enable_grpc_healthcheck_service"] == "true"
    assert live["periodSeconds"] * live["failureThreshold"] > 4 * ready["periodSeconds"] * ready["failureThreshold"]


def test_a_gateway_is_restarted_for_its_own_sake_alone() -> None:
    probes = {kind: gateway().main[f"{kind}Probe"]["httpGet"]["path"] for kind in ("startup", "readiness", "liveness")}
    assert probes == {"startup": "/healthz", "readiness": "/readyz", "liveness": "/healthz"}


def arguments(pod: Pods) -> dict[str, int]:
    return {name: int(value) for name, value in channel_arguments(flags(pod)["grpc_channel_arguments"])}


def test_gateways_leave_a_model_server_before_it_ends() -> None:
    given, timeout_s = arguments(serving()), settings("production").timeout_s
    age_s, call_s = given["grpc.max_connection_age_ms"] / 1000, given["grpc.max_connection_age_grace_ms"] / 1000
    assert call_s > timeout_s, "no call is cut off because its connection is old"
    drain_s = serving().main["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert drain_s >= DNS_S + age_s * JITTER + timeout_s
    assert serving().spec["terminationGracePeriodSeconds"] > drain_s
    # As process 1 it would not hear SIGTERM, and stay until it is killed.
    assert serving().spec["shareProcessNamespace"] is True


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_a_gateway_may_finish_its_requests_before_it_is_killed(overlay: str) -> None:
    pod = workload(Variant(overlay), "gateway")
    drain_s = pod.main["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert pod.spec["terminationGracePeriodSeconds"] > drain_s + settings(overlay).timeout_s + 5


def test_the_ingress_lets_bodies_pass_that_the_gateway_takes() -> None:
    variant = Variant("production", ("ingress",))
    (ingress,) = of_kind(variant, "Ingress").values()
    nginx = "nginx.ingress.kubernetes.io"
    most = memory(ingress["metadata"]["annotations"][f"{nginx}/proxy-body-size"])
    read = Settings.from_env(environment(workload(variant, "gateway").main))
    assert read.max_body_bytes < most <= read.max_body_bytes * 1.1
    assert int(ingress["metadata"]["annotations"][f"{nginx}/proxy-read-timeout"]) > read.timeout_s
    assert read.trusted_proxies


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_a_load_balancer_that_speaks_for_users_is_believed(overlay: str) -> None:
    service = of_kind(Variant(overlay), "Service")["gateway"]
    assert bool(settings(overlay).trusted_proxies) == (service["spec"].get("type") == "LoadBalancer")


def test_keys_are_mounted_where_the_gateway_looks_for_them() -> None:
    variant = Variant("production", ("api-keys",))
    main = workload(variant, "gateway").main
    (mount,) = (one for one in main["volumeMounts"] if one["name"] == "api-keys")
    assert environment(main)["VITRINE_API_KEYS_FILE"] == f"{mount['mountPath']}/keys.txt"
    assert "VITRINE_API_KEYS_FILE" in {row.variable for row in TABLE}


def test_images_are_of_this_release() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    own = {one["image"] for pod in pods(BASE) for one in pod.containers if "/vitrine/" in one["image"]}
    assert {image.rpartition(":")[2] for image in own} == {project["version"]}


def test_training_starts_the_commands_of_the_compose_file() -> None:
    training = workload(BASE, "training")
    (train,), (export,) = training.spec["initContainers"], training.spec["containers"]
    compose = services()["training"]
    assert (train["command"], train["args"]) == (compose["entrypoint"], compose["command"])
    assert export["args"] == ["export", "latest", "--name", "digits"]
    job: Manifest = of_kind(BASE, "CronJob")["training"]
    assert job["spec"]["suspend"] is True, "nothing trains by itself until someone says so"
    mounts = {one["mountPath"] for one in train["volumeMounts"]}
    assert {mount.partition(":")[2] for mount in compose["volumes"]} <= mounts


def test_commands_of_the_readme_name_what_there_is() -> None:
    text = (K8S / "README.md").read_text(encoding="utf-8")
    named = set(re.findall(r"k8s/(?:overlays|components)/[\w-]+(?:/[\w.-]+)?", text))
    assert named
    assert all((ROOT / path).exists() for path in named), named
    for kind, name in re.findall(r"\b(deploy|cronjob|svc)/([\w-]+)", text):
        full = {"deploy": "Deployment", "cronjob": "CronJob", "svc": "Service"}[kind]
        assert name in of_kind(BASE, full), f"{kind}/{name}"
