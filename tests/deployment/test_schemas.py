"""The files are well-formed, by the published schemas and linters."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.deployment.files import COMPOSE, DEPENDABOT, DOCKERFILES, HOST_MODELS, WORKFLOWS


def check(*command: str | Path) -> None:
    """Runs a checker; fails with what it prints."""
    result = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize(
    ("schema", "path"),
    [
        ("vendor.compose-spec", COMPOSE),
        ("vendor.compose-spec", HOST_MODELS),
        ("vendor.dependabot", DEPENDABOT),
        *(("vendor.github-workflows", path) for path in WORKFLOWS),
        *(("custom.github-workflows-require-timeout", path) for path in WORKFLOWS),
    ],
)
def test_file_follows_its_published_schema(schema: str, path: Path) -> None:
    check(sys.executable, "-m", "check_jsonschema", "--builtin-schema", schema, path)


def test_zizmor_finds_no_way_into_the_workflows() -> None:
    check(Path(sys.executable).parent / "zizmor", "--offline", "--no-progress", ROOT / ".github")


@pytest.mark.parametrize("dockerfile", DOCKERFILES, ids=lambda path: path.name)
def test_hadolint_finds_nothing_in_a_dockerfile(dockerfile: Path) -> None:
    check(Path(sys.executable).parent / "hadolint", dockerfile)


@pytest.mark.parametrize(
    ("shell", "script"),
    [
        ("sh", "docker/seed.sh"),
        ("bash", "docker/serving-health.sh"),
        ("bash", "tests/deployment/roll.sh"),
        ("bash", ".ci/run"),
    ],
)
def test_shell_script_parses(shell: str, script: str) -> None:
    check(shell, "-n", ROOT / script)
