"""k8s/components/object-store/store.sh, run for real: rclone, a server that speaks S3, in the end a model server."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from contract.release import ModelRelease
from serving.release_store import ReleaseStore
from serving.repository import ModelRepository
from tests.conftest import pick_port
from tests.deployment.kubernetes import K8S, Variant, pods, program
from tests.e2e.faulty import Library
from tests.e2e.stack import model_server, released, run
from tests.processes import wait_until

SCRIPT = K8S / "components" / "object-store" / "store.sh"
SECONDS = "0.2"


@dataclass(frozen=True)
class Bucket:
    """An empty bucket of a server that speaks S3, and how rclone finds it."""

    folder: Path
    environment: Mapping[str, str]


@contextmanager
def s3(folder: Path, port: int) -> Iterator[None]:
    """Serves the folders in `folder` as buckets."""
    command = [
        program("rclone"),
        "serve",
        "s3",
        "--auth-key",
        "test-access,test-secret",
        "--addr",
        f"127.0.0.1:{port}",
        str(folder),
    ]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            wait_until(lambda: listens(port), what="the S3 server")
            yield
        finally:
            process.terminate()


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture
def port() -> int:
    return pick_port()


@pytest.fixture
def bucket(tmp_path: Path, port: int) -> Bucket:
    """A bucket whose server does not run yet."""
    folder = tmp_path / "s3" / "bucket"
    folder.mkdir(parents=True)
    config = tmp_path / "rclone.conf"
    config.write_text(
        "[store]\ntype = s3\nprovider = Other\naccess_key_id = test-access\nsecret_access_key = test-secret\n"
        f"endpoint = http://127.0.0.1:{port}\nforce_path_style = true\nno_check_bucket = true\n"
    )
    environment = {
        "PATH": f"{Path(program('rclone')).parent}:{os.environ['PATH']}",
        "HOME": str(tmp_path),
        "RCLONE_CONFIG": str(config),
        "RCLONE_RETRIES": "1",
        "RCLONE_LOW_LEVEL_RETRIES": "1",
        "STORE": "store:bucket/models",
        "STORE_EVERY_S": SECONDS,
    }
    return Bucket(folder / "models", environment)


@pytest.fixture
def served(bucket: Bucket, port: int) -> Iterator[Bucket]:
    with s3(bucket.folder.parent.parent, port):
        yield bucket


@contextmanager
def script(direction: str, bucket: Bucket, repository: Path, **environment: str) -> Iterator[subprocess.Popen[bytes]]:
    """The script, beside the block; ended by SIGTERM, at which it has to end well."""
    repository.mkdir(exist_ok=True)
    work = repository.with_name(f"{repository.name}-{direction}")
    work.mkdir(exist_ok=True)
    settings = {"MODEL_REPOSITORY": str(repository), "STORE_WORK": str(work), **bucket.environment, **environment}
    with subprocess.Popen(["sh", SCRIPT, direction], env=settings) as process:
        try:
            yield process
            process.send_signal(signal.SIGTERM)
            assert process.wait(20) == 0
        finally:
            process.kill()


def restore(bucket: Bucket, repository: Path) -> int:
    repository.mkdir(exist_ok=True)
    settings = {**bucket.environment, "MODEL_REPOSITORY": str(repository)}
    return subprocess.run(["sh", SCRIPT, "restore"], env=settings, timeout=60, check=False).returncode


def add(repository: Path, *versions: str) -> None:
    """Versions, as NAME/VERSION, of a few files."""
    for version in versions:
        for path in ("saved_model.pb", "variables/variables.index", "assets.extra/samples/0-three.png"):
            file = repository / version / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(f"{version} {path}")


def release(repository: Path, name: str, *versions: int) -> None:
    """Writes the release state as the operator's command line does."""
    store = ReleaseStore(repository, "/models")
    store.write_model(name, ModelRelease(versions, {"stable": versions[0]} if versions else {}))


def files(folder: Path) -> dict[str, bytes]:
    """The contents of a repository, but for what its owner keeps for itself."""
    found = {str(path.relative_to(folder)): path for path in folder.rglob("*") if path.is_file()}
    return {name: path.read_bytes() for name, path in found.items() if not name.startswith(".")}


def same_release(one: Path, other: Path) -> bool:
    names = ("release.json", "models.config")
    return all((other / name).exists() and (one / name).read_bytes() == (other / name).read_bytes() for name in names)


@pytest.fixture
def origin(tmp_path: Path) -> Path:
    """The operator's repository: two models, three versions, two of them released."""
    repository = tmp_path / "origin"
    add(repository, "digits/1", "digits/2", "clothes/7")
    release(repository, "digits", 1)
    release(repository, "clothes", 7)
    return repository


def test_readers_get_what_is_released_and_nothing_else(served: Bucket, origin: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    with script("push", served, origin), script("pull", served, copy):
        wait_until(lambda: same_release(origin, copy), what="the first release")
        assert files(copy) == {name: text for name, text in files(origin).items() if not name.startswith("digits/2")}


def test_a_new_release_follows_and_what_left_it_twice_is_removed(served: Bucket, origin: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    with script("push", served, origin), script("pull", served, copy):
        wait_until(lambda: same_release(origin, copy), what="the first release")
        release(origin, "digits", 1, 2)
        wait_until(lambda: same_release(origin, copy), what="both versions")
        assert (copy / "digits" / "1" / "saved_model.pb").exists()
        assert (copy / "digits" / "2" / "saved_model.pb").exists()
        release(origin, "digits", 2)
        wait_until(lambda: same_release(origin, copy), what="the second version alone")
        assert (copy / "digits" / "1").exists(), "model servers may still have it"
        release(origin, "clothes")
        wait_until(lambda: same_release(origin, copy), what="one model alone")
        assert not (copy / "digits" / "1").exists()
        assert (copy / "clothes" / "7").exists()
    assert (served.folder / "digits" / "1").exists(), "the store forgets nothing"


def test_a_reader_of_pictures_alone_gets_those_of_each_version(served: Bucket, origin: Path, tmp_path: Path) -> None:
    (gateway,) = (pod for pod in pods(Variant("digitalocean")) if pod.name == "gateway")
    (only,) = (one["value"] for one in gateway.spec["initContainers"][0]["env"] if one["name"] == "ONLY")
    copy = tmp_path / "copy"
    with script("push", served, origin), script("pull", served, copy, ONLY=only):
        wait_until(lambda: same_release(origin, copy), what="the first release")
        pictures = {f"{version}/assets.extra/samples/0-three.png" for version in ("digits/1", "clothes/7")}
        assert set(files(copy)) == {"release.json", "models.config", *pictures}


def test_the_release_comes_after_the_versions_that_it_names(served: Bucket, origin: Path, tmp_path: Path) -> None:
    notes, folder = tmp_path / "notes", tmp_path / "bin"
    folder.mkdir()
    wrapper = folder / "rclone"
    wrapper.write_text(f'#!/bin/sh\necho "$@" >>"{notes}"\nexec "{program("rclone")}" "$@"\n')
    wrapper.chmod(0o755)
    path = f"{folder}:{os.environ['PATH']}"
    with script("push", served, origin, PATH=path):
        wait_until(lambda: same_release(origin, served.folder), what="the first release")
    copies = [line for line in notes.read_text().splitlines() if "--include /release.json" not in line]
    targets = [line.split(" --include")[0].split()[-1] for line in copies]
    assert targets[:3] == ["store:bucket/models/clothes/7", "store:bucket/models/digits/1", "store:bucket/models"]


def test_what_was_released_in_the_last_moment_is_still_pushed(served: Bucket, origin: Path) -> None:
    with script("push", served, origin, STORE_EVERY_S="3600"):
        wait_until(lambda: same_release(origin, served.folder), what="the first release")
        release(origin, "digits", 2)
    assert same_release(origin, served.folder)
    assert (served.folder / "digits" / "2" / "saved_model.pb").exists()


def test_a_store_that_is_away_is_waited_for(bucket: Bucket, origin: Path, tmp_path: Path, port: int) -> None:
    copy = tmp_path / "copy"
    with script("push", bucket, origin) as push, script("pull", bucket, copy) as pull:
        with s3(bucket.folder.parent.parent, port):
            wait_until(lambda: same_release(origin, copy), what="the first release")
        assert push.poll() is None
        assert pull.poll() is None
        release(origin, "digits", 1, 2)
        with s3(bucket.folder.parent.parent, port):
            wait_until(lambda: same_release(origin, copy), what="both versions")


def test_a_lost_volume_gets_back_what_the_store_has(served: Bucket, origin: Path, tmp_path: Path) -> None:
    with script("push", served, origin):
        wait_until(lambda: same_release(origin, served.folder), what="the first release")
    new = tmp_path / "new"
    assert restore(served, new) == 0
    assert files(new) == files(served.folder)
    release(new, "digits", 1, 2)
    changed = files(new)
    assert restore(served, new) == 0
    assert files(new) == changed, "a repository with a release is left alone"


def test_an_empty_store_leaves_an_empty_volume_to_the_seed(served: Bucket, tmp_path: Path) -> None:
    assert restore(served, tmp_path / "new") == 0
    assert files(tmp_path / "new") == {}


def test_a_store_that_is_away_is_not_taken_for_an_empty_one(bucket: Bucket, tmp_path: Path) -> None:
    assert restore(bucket, tmp_path / "new") != 0


def test_the_image_holds_the_rclone_that_is_tried_here() -> None:
    version = subprocess.run([program("rclone"), "version"], capture_output=True, text=True, timeout=60, check=True)
    images = {one["image"] for pod in pods(Variant("digitalocean")) for one in pod.containers}
    assert f"rclone/rclone:{version.stdout.split()[1].removeprefix('v')}" in images


def test_a_version_rolls_on_a_server_that_sees_but_the_copy(served: Bucket, tmp_path: Path) -> None:
    origin, copy = tmp_path / "origin", tmp_path / "copy"
    library = Library(tmp_path / "library")
    at = ("serving", "--repository", str(origin))
    base = ("--base-path", str(copy))
    ModelRepository(origin).add("digits", library.path(mark=1))
    ReleaseStore(origin, str(copy)).write_model("digits", ModelRelease((1,), {"stable": 1}))
    with script("push", served, origin), script("pull", served, copy):
        wait_until(lambda: same_release(origin, copy), what="the first release")
        with model_server(tmp_path, *released(copy)) as server:
            where = ("--replica", server.address, *base)
            run(*at, "publish", "digits", str(library.path(mark=2)), *where, "--drain", "1")
            wait_until(lambda: '"stable": 2' in (copy / "release.json").read_text(), what="the new release")
            run(*at, "rollback", "digits", *where, "--drain", "1")
            assert '"stable": 1' in (origin / "release.json").read_text()
