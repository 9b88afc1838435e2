"""Places for versions: a folder, an object store in memory, and one behind the real API of S3 over HTTP."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import fsspec  # type: ignore[import-untyped]  # has no types
import pytest
import requests

from serving.stores.opening import open_store
from serving.stores.store import VersionStore
from tests.conftest import pick_port, skip_unless_ci
from tests.processes import Process

KINDS = ("folder", "memory", "s3")


@pytest.fixture(scope="session")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """A server that speaks S3; the environment of those who are to use it."""
    for package in ("s3fs", "moto"):
        try:
            __import__(package)
        except ImportError:
            skip_unless_ci(f"{package} is not installed")
    port = pick_port()
    url = f"http://127.0.0.1:{port}"
    environment = {
        "AWS_ENDPOINT_URL": url,
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    log = tmp_path_factory.mktemp("s3") / "moto.log"
    with Process(["-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)], log) as server:
        server.wait_ready(url)
        yield environment


@pytest.fixture(params=KINDS)
def place(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """An empty place of each kind."""
    return make_place(request.param, request, tmp_path, monkeypatch)


@pytest.fixture(params=[kind for kind in KINDS if kind != "folder"])
def url(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """An empty object store of each kind."""
    return make_place(request.param, request, tmp_path, monkeypatch)


@pytest.fixture
def s3_url(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """An empty one behind S3."""
    return make_place("s3", request, tmp_path, monkeypatch)


def make_place(kind: str, request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A new place of a kind."""
    name = f"vitrine-{uuid.uuid4().hex}"
    match kind:
        case "folder":
            return str(tmp_path / name)
        case "memory":
            return f"memory://{name}"
    environment = request.getfixturevalue("s3")
    for key, value in environment.items():
        monkeypatch.setenv(key, value)
    requests.put(f"{environment['AWS_ENDPOINT_URL']}/{name}", timeout=30).raise_for_status()
    return f"s3://{name}/models"


@pytest.fixture
def store(place: str) -> VersionStore:
    """The store there."""
    return open_store(place)


def contents(url: str) -> set[str]:
    """Every file under a URL, by whatever hand."""
    fs, root = fsspec.url_to_fs(url, use_listings_cache=False)
    return {path.removeprefix(f"{root}/") for path in fs.find(root)}
