"""One fact, one value: flags, ports, probes, variables and profiles are the same wherever they are written down."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gateway.settings.settings import Settings
from gateway.settings.table import TABLE
from tests.conftest import ROOT
from tests.deployment.files import COMPOSE, DOCKERFILES, instructions, services, serving_flags
from tests.gateway.conftest import Gateway

DEMO = (ROOT / "demo.py").read_text(encoding="utf-8")
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
CONTAINERS = (ROOT / "docs" / "containers.md").read_text(encoding="utf-8")
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
# Where they differ for a reason: the demo's paths, and its ports, which its options move.
OWN = {"port", "rest_api_port", "model_config_file"}


def test_the_demo_starts_the_model_server_with_the_flags_of_the_containers() -> None:
    flags = dict(re.findall(r'"--(\w+)=(\w+)"', DEMO))
    assert {"allow_version_labels_for_unavailable_models", "load_retry_interval_micros"} <= set(flags)
    containers = serving_flags()
    assert {name: containers[name] for name in flags} == flags


def test_ports_are_the_same_with_and_without_containers() -> None:
    defaults = dict(re.findall(r'"(--\w*-?port)", type=int, default=(?:int\(.*?")?(\d+)', DEMO))
    flags = serving_flags()
    settings = Settings.from_env(services()["gateway"]["environment"])
    assert defaults == {
        "--grpc-port": flags["port"],
        "--rest-port": flags["rest_api_port"],
        "--port": str(settings.port),
    }
    assert settings.port == Settings.from_env({"VITRINE_MODELS": "digits"}).port
    (exposed,) = {one.value for path in DOCKERFILES for one in instructions(path) if one.name == "EXPOSE"}
    assert exposed == str(settings.port)


def probes() -> set[str]:
    """Every path of the gateway that something asks to learn whether it is well."""
    asked = [
        DEMO,
        *(str(one.value) for path in DOCKERFILES for one in instructions(path) if one.name == "HEALTHCHECK"),
        str(services()["gateway"]["healthcheck"]),
    ]
    return {path for text in asked for path in re.findall(r"(?:localhost|127\.0\.0\.1):[^/'\"]+(/\w+z)\b", text)}


def test_what_probes_ask_is_answered(gateway: Gateway) -> None:
    assert probes() == {"/healthz", "/readyz"}
    assert all(gateway.answers(path) for path in probes())


@pytest.mark.parametrize("place", ["demo.py", "Makefile", "docker-compose.yml", "docker/gateway.Dockerfile"])
def test_a_variable_that_is_set_is_one_that_is_read(place: str) -> None:
    command_line = (ROOT / "serving" / "commands" / "options.py").read_text(encoding="utf-8")
    known = {row.variable for row in TABLE} | set(re.findall(r'"(VITRINE_[A-Z_]+)"', command_line))
    assert set(re.findall(r"\bVITRINE_[A-Z_]+\b", (ROOT / place).read_text(encoding="utf-8"))) <= known


def test_every_variable_of_the_compose_file_is_documented_with_its_default() -> None:
    defaults = dict(re.findall(r"\$\{(\w+):-([^}]*)\}", COMPOSE.read_text(encoding="utf-8")))
    host_models = (ROOT / "docker" / "host-models.yml").read_text(encoding="utf-8")
    defaults |= dict.fromkeys(re.findall(r"\$\{(\w+):\?", host_models), "")
    documented: dict[str, str] = {}
    for names, values in re.findall(r"^\| ((?:`[A-Z_]+` ?)+)\| ([^|]*)\|", CONTAINERS, re.MULTILINE):
        of_each = re.findall(r"`([^`]*)`", values) or [""]
        documented |= zip(re.findall(r"\w+", names), of_each, strict=True)
    assert documented == defaults


def test_profiles_are_documented() -> None:
    profiles = {profile for service in services().values() for profile in service.get("profiles", [])}
    table = CONTAINERS.split("| profile |")[1].split("\n\n")[0]
    assert set(re.findall(r"`(\w+)`", "".join(re.findall(r"^\| ([^|]*)\|", table, re.MULTILINE)))) == profiles
    for document in DOCUMENTS:
        assert set(re.findall(r"--profile (\w+)", document.read_text(encoding="utf-8"))) <= profiles, document.name


def anchors(document: Path) -> set[str]:
    """The names of its sections, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", document.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_of_a_document_lead_somewhere(document: Path) -> None:
    text = re.sub(r"```.*?```", "", document.read_text(encoding="utf-8"), flags=re.DOTALL)
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        if "://" in link:
            continue
        path, _, anchor = link.partition("#")
        target = (document.parent / path).resolve() if path else document
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link
