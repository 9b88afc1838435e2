"""The deployment's files, read for the tests."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.conftest import ROOT

COMPOSE = ROOT / "docker-compose.yml"
HOST_MODELS = ROOT / "docker" / "host-models.yml"
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
MONITORING = ROOT / "docker" / "monitoring"
NGINX = ROOT / "docker" / "nginx.conf"
DEPENDABOT = ROOT / ".github" / "dependabot.yml"
DOCKERFILES = sorted((ROOT / "docker").glob("*.Dockerfile"))
LOCKS = sorted((ROOT / "requirements").glob("*.txt"))


@dataclass(frozen=True)
class Instruction:
    """One instruction of a Dockerfile: COPY, RUN, …, and the rest of its (joined) line."""

    name: str
    value: str

    @property
    def words(self) -> list[str]:
        """What is not an option, as a shell splits it."""
        return [word for word in shlex.split(self.value) if not word.startswith("--")]


def load(path: Path) -> Any:
    """A YAML file, its anchors and merge keys resolved."""
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def compose(**variables: str) -> dict[str, Any]:
    """docker-compose.yml as Compose reads it with these variables set, and no others."""

    def value(match: re.Match[str]) -> str:
        return variables.get(match["name"]) or match["default"]

    def filled(node: Any) -> Any:
        if isinstance(node, dict):
            return {key: filled(one) for key, one in node.items()}
        if isinstance(node, list):
            return [filled(one) for one in node]
        return re.sub(r"\$\{(?P<name>\w+):-(?P<default>[^}]*)\}", value, node) if isinstance(node, str) else node

    found: dict[str, Any] = filled(load(COMPOSE))
    return found


def services(**variables: str) -> dict[str, dict[str, Any]]:
    """The services of docker-compose.yml by name, as Compose reads them with these variables set."""
    found: dict[str, dict[str, Any]] = compose(**variables)["services"]
    return found


def serving_flags() -> dict[str, str]:
    """What TensorFlow Serving is started with, by flag name without dashes."""
    flags = (str(flag).removeprefix("--").partition("=") for flag in services()["serving"]["command"])
    return {name: value for name, _, value in flags}


def instructions(dockerfile: Path) -> list[Instruction]:
    """A Dockerfile's instructions; comments left out, continued lines joined."""
    lines = [line for line in dockerfile.read_text(encoding="utf-8").splitlines() if not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n\s*", "", "\n".join(lines))
    return [Instruction(*line.split(maxsplit=1)) for line in joined.splitlines() if line.strip()]


def copied(dockerfile: Path) -> list[str]:
    """The paths that a Dockerfile takes from the build context, not from an earlier stage."""
    copies = (one for one in instructions(dockerfile) if one.name == "COPY" and "--from=" not in one.value)
    return [source for one in copies for source in one.words[:-1]]


def pinned(lock: Path) -> set[str]:
    """The names of the packages in a lock file."""
    return set(re.findall(r"^([a-z0-9][a-z0-9._-]*)==", lock.read_text(encoding="utf-8"), re.MULTILINE))
