"""The Dockerfiles can be built from a clone, and their images hold what they start and nothing that they must not."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.deployment.files import DOCKERFILES, LOCKS, copied, instructions, pinned, services
from tests.processes import answers, wait_until

GATEWAY = ROOT / "docker" / "gateway.Dockerfile"
TRAINING = ROOT / "docker" / "training.Dockerfile"
# Of the gateway's image, and of python:3.11-slim-bookworm in it.
MOST_MEGABYTES, BASE_MEGABYTES = 300, 130
INSTALL_OPTIONS = ["--disable-pip-version-check", "--only-binary", ":all:", "--require-hashes"]


@pytest.mark.parametrize("dockerfile", DOCKERFILES, ids=lambda path: path.name)
def test_everything_copied_exists_and_reaches_the_builder(dockerfile: Path) -> None:
    ignore = (ROOT / ".dockerignore").read_text(encoding="utf-8").split("\n")
    sent = [line.removeprefix("!") for line in ignore if line.startswith("!")]
    assert "*" in ignore
    for source in copied(dockerfile):
        assert (ROOT / source).exists(), source
        assert any(source == path or source.startswith(f"{path}/") for path in sent), source


@pytest.mark.parametrize("dockerfile", DOCKERFILES, ids=lambda path: path.name)
def test_the_image_runs_as_a_numbered_user_and_its_process_gets_signals(dockerfile: Path) -> None:
    last = {one.name: one.value for one in instructions(dockerfile)}
    assert last["USER"] == "10001:10001"
    assert last["CMD"].startswith('["python", "-m", ')


@pytest.mark.parametrize("dockerfile", DOCKERFILES, ids=lambda path: path.name)
def test_the_running_image_cannot_install_anything(dockerfile: Path) -> None:
    stages = [place for place, one in enumerate(instructions(dockerfile)) if one.name == "FROM"]
    run = " ".join(one.value for one in instructions(dockerfile)[stages[-1] :] if one.name == "RUN")
    assert "python -m pip uninstall --yes --root-user-action ignore setuptools wheel pip" in run
    assert "python -m venv --without-pip /venv" in dockerfile.read_text(encoding="utf-8")


@pytest.mark.parametrize("dockerfile", DOCKERFILES, ids=lambda path: path.name)
def test_the_base_image_may_be_pinned_by_its_digest(dockerfile: Path) -> None:
    image, *stages = [one.value for one in instructions(dockerfile) if one.name in {"ARG", "FROM"}]
    assert re.fullmatch(r"PYTHON_IMAGE=python:3\.\d+-slim-\w+", image)
    assert all(stage.startswith("${PYTHON_IMAGE}") for stage in stages)


@pytest.mark.parametrize("dockerfile", DOCKERFILES, ids=lambda path: path.name)
def test_the_builder_checks_hashes_and_never_compiles(dockerfile: Path) -> None:
    run = " ".join(one.value for one in instructions(dockerfile) if one.name == "RUN")
    assert " ".join(INSTALL_OPTIONS) in run


def test_the_images_hold_the_packages_that_their_commands_import() -> None:
    packages = {path.name for path in ROOT.iterdir() if (path / "__init__.py").is_file()} - {"tests"}
    assert packages.intersection(copied(GATEWAY)) == {"contract", "gateway"}
    assert packages.intersection(copied(TRAINING)) == {"contract", "serving", "training"}


def test_the_gateway_image_checks_that_its_process_lives() -> None:
    (health,) = (one.value for one in instructions(GATEWAY) if one.name == "HEALTHCHECK")
    assert 'CMD ["python", ' in health, "no shell between"
    assert [one.value for one in instructions(GATEWAY) if one.name == "STOPSIGNAL"] == ["SIGTERM"]
    assert "http://127.0.0.1:8080/healthz" in health
    assert "http://127.0.0.1:8080/readyz" in services()["gateway"]["healthcheck"]["test"][-1]


def test_directories_that_volumes_cover_belong_to_the_user_of_the_containers() -> None:
    (install,) = (one.value for one in instructions(TRAINING) if one.value.startswith("install "))
    volumes = [mount.partition(":")[2] for mount in services()["training"]["volumes"]]
    assert install.startswith(f"install -d -o 10001 -g 10001 {' '.join(volumes)} && ")


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.name)
def test_a_lock_file_has_hashes_and_names_no_host(lock: Path) -> None:
    text = lock.read_text(encoding="utf-8")
    assert "://" not in text
    assert not re.search(r"^\s*--?(i|f|index|extra-index|find-links|trusted-host)", text, re.MULTILINE)
    requirements = re.findall(r"^[a-z0-9].*==.*", text, re.MULTILINE)
    assert requirements
    assert all(line.endswith("\\") for line in requirements), "each is followed by its hashes"
    assert text.count("--hash=sha256:") >= len(requirements)


@pytest.mark.parametrize("name", ["gateway.txt", "serving.txt"])
def test_the_gateway_and_the_operator_need_no_tensorflow(name: str) -> None:
    packages = pinned(ROOT / "requirements" / name)
    assert {"grpcio", "numpy", "pillow", "protobuf"} <= packages
    assert not {package for package in packages if package.startswith(("tensor", "keras"))}


def test_what_the_gateway_image_installs_is_enough_to_start_it(tmp_path: Path, free_port: Callable[[], int]) -> None:
    """The builder's own steps, in an empty virtualenv, with nothing but what the image copies."""
    venv, app = tmp_path / "venv", tmp_path / "app"
    python = venv / "bin" / "python"
    lock = ROOT / "requirements" / "gateway.txt"
    execute(sys.executable, "-m", "venv", "--without-pip", venv)
    execute(sys.executable, "-m", "pip", "--quiet", "--python", python, "install", *INSTALL_OPTIONS, "-r", lock)
    for source in copied(GATEWAY):
        if (ROOT / source).is_dir():
            shutil.copytree(ROOT / source, app / source, ignore=shutil.ignore_patterns("__pycache__"))
    execute("find", venv, "-depth", "-type", "d", "-name", "tests", "-exec", "rm", "-rf", "{}", "+")
    execute(python, "-m", "compileall", "-q", app)
    assert megabytes(venv) + megabytes(app) < MOST_MEGABYTES - BASE_MEGABYTES
    loaded = "import sys, gateway.asgi; print(sorted(name for name in sys.modules if name.startswith('tensor')))"
    assert execute(python, "-c", loaded, cwd=app) == "[]"
    port = free_port()
    environment = {"PATH": os.environ["PATH"], "VITRINE_HOST": "127.0.0.1", "VITRINE_PORT": str(port)}
    with subprocess.Popen([python, "-m", "gateway"], cwd=app, env=environment) as gateway:
        try:
            wait_until(lambda: answers(f"http://127.0.0.1:{port}/healthz"), what="the gateway of the image")
        finally:
            gateway.terminate()


def megabytes(folder: Path) -> float:
    """What a folder takes, as an image counts it."""
    return sum(path.lstat().st_size for path in folder.rglob("*") if not path.is_dir()) / 1e6


def execute(*command: str | Path, cwd: Path | None = None) -> str:
    """Runs a command; its output, or a failure with what it said."""
    result = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=240, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout.strip()
