"""``python -m serving list|status|config`` as an operator runs it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from google.protobuf import text_format
from tensorflow_serving.config import model_server_config_pb2

from contract.release import ModelRelease
from serving.release_store import ReleaseStore
from serving.repository import ModelRepository
from tests.conftest import ROOT
from tests.serving.conftest import Cli, MakeModel, environment
from tests.serving.model_service import ModelService, serving


@pytest.fixture
def two_versions(repository: Path, make_model: MakeModel) -> Path:
    """A repository with digits 1 (stable) and 2 (in the repository only)."""
    models = ModelRepository(repository)
    models.add("digits", make_model("first", 0.9712))
    models.add("digits", make_model("second", 0.9823))
    ReleaseStore(repository, str(repository)).write_model("digits", ModelRelease((1,), {"stable": 1}))
    return repository


def test_list_shows_every_version_with_accuracy_date_labels_and_pin(two_versions: Path, cli: Cli) -> None:
    done = cli("list")

    assert done.returncode == 0, done.stderr
    heading, second, first = (line.split() for line in done.stdout.splitlines())
    assert heading == ["MODEL", "VERSION", "ACCURACY", "CREATED", "LABELS", "PINNED"]
    assert second == ["digits", "2", "0.9823", "2026-01-02T03:04:05+00:00", "no"]
    assert first == ["digits", "1", "0.9712", "2026-01-02T03:04:05+00:00", "stable", "yes"]


def test_list_for_programs_is_json(two_versions: Path, cli: Cli) -> None:
    listed = json.loads(cli("list", "--json").stdout)

    assert listed["repository"] == str(two_versions)
    assert listed["models"]["digits"][1] == {
        "version": 1,
        "accuracy": 0.9712,
        "created": "2026-01-02T03:04:05+00:00",
        "labels": ["stable"],
        "pinned": True,
        "note": "",
    }


def test_list_says_what_is_wrong_with_a_version(two_versions: Path, cli: Cli) -> None:
    (two_versions / "digits" / "2" / "assets.extra" / "card.json").write_text("[]")
    (two_versions / "digits" / "1" / "assets.extra" / "card.json").unlink()
    (two_versions / "digits" / "3").mkdir()
    ReleaseStore(two_versions, "/models").write_model("flowers", ModelRelease((7,)))

    notes = {(row[0], row[1]): line for line in cli("list").stdout.splitlines() if (row := line.split())}

    assert notes["digits", "1"].endswith("no card")
    assert "card: the model card must be a JSON object" in notes["digits", "2"]
    assert notes["digits", "3"].endswith("no SavedModel here")
    assert notes["flowers", "7"].endswith("no SavedModel here")


def test_an_empty_repository_is_no_error(cli: Cli, repository: Path) -> None:
    done = cli("list")

    assert (done.returncode, done.stdout) == (0, f"No models in {repository}.\n")
    assert not repository.exists()


@pytest.mark.parametrize("place", ["before", "after"])
def test_the_repository_may_be_named_before_or_after_the_command(two_versions: Path, cli: Cli, place: str) -> None:
    words = ["--repository", two_versions, "list"] if place == "before" else ["list", "--repository", two_versions]

    assert "0.9823" in cli(*words, MODEL_REPOSITORY="/nowhere").stdout


def test_a_damaged_release_state_is_one_sentence_and_status_1(two_versions: Path, cli: Cli) -> None:
    (two_versions / "release.json").write_text('{"models": {"digits": {"versions": [1], "labels": {"stable": 2}}}}')

    done = cli("list")

    assert done.returncode == 1
    assert done.stderr == "error: release.json: label 'stable' must name one of [1]. Received: 2\n"


def test_config_is_models_config_for_another_place(two_versions: Path, cli: Cli) -> None:
    for words, settings in ((["--base-path", "/models"], {}), ([], {"MODEL_BASE_PATH": "/models"})):
        text = cli("config", *words, **settings).stdout
        parsed = text_format.Parse(text, model_server_config_pb2.ModelServerConfig())
        assert parsed.model_config_list.config[0].base_path == "/models/digits"
    assert f'base_path: "{two_versions}/digits"' in cli("config").stdout


def test_config_refuses_a_relative_base_path(cli: Cli) -> None:
    done = cli("config", "--base-path", "models")

    assert done.returncode == 1
    assert done.stderr.startswith("error: Expected an absolute base path")


def test_status_shows_what_every_replica_reports(two_versions: Path, cli: Cli) -> None:
    first = ModelService(states={"digits": {1: "AVAILABLE", 2: "LOADING"}})
    second = ModelService(states={"digits": {1: "AVAILABLE", 2: "END: no such op\nFoo"}})
    with serving(first), serving(second):
        done = cli("status", "--replica", first.address, second.address)

    assert done.returncode == 0, done.stderr
    heading, two, one = done.stdout.splitlines()
    assert heading.split() == ["MODEL", "VERSION", "LABELS", first.address, second.address]
    assert two.split(maxsplit=3) == ["digits", "2", "LOADING", "END: no such op Foo"]
    assert one.split() == ["digits", "1", "stable", "AVAILABLE", "AVAILABLE"]


def test_status_asks_the_server_that_the_environment_names(two_versions: Path, cli: Cli) -> None:
    with serving(ModelService(states={"digits": {1: "AVAILABLE"}})) as server:
        reported = json.loads(cli("status", "--json", VITRINE_SERVING=server.address).stdout)

    assert reported == {
        "replicas": [server.address],
        "away": {},
        "models": {
            "digits": [
                {"version": 1, "labels": ["stable"], "pinned": True, "states": {server.address: "AVAILABLE"}},
            ]
        },
    }


def test_an_address_stands_in_the_heading_as_it_was_given(two_versions: Path, cli: Cli) -> None:
    with serving(ModelService(states={"digits": {1: "AVAILABLE"}})) as server:
        assert f"  localhost:{server.port}\n" in cli("status", "--replica", f"localhost:{server.port}").stdout


def test_a_pinned_version_that_the_server_does_not_know_is_not_seen(two_versions: Path, cli: Cli) -> None:
    with serving(ModelService()) as server:
        assert cli("status", "--replica", server.address).stdout.splitlines()[1].endswith("not seen")


def test_a_server_that_is_away_is_said_plainly_and_the_others_still_shown(
    two_versions: Path, cli: Cli, free_port: Callable[[], int]
) -> None:
    nobody = f"127.0.0.1:{free_port()}"
    with serving(ModelService(states={"digits": {1: "AVAILABLE"}})) as server:
        done = cli("status", "--replica", server.address, "--replica", nobody)
        as_json = json.loads(cli("status", "--json", "--replica", server.address, nobody).stdout)

    assert done.returncode == 1
    assert "AVAILABLE" in done.stdout
    assert f"No model server answers at {nobody} (" in done.stdout
    assert list(as_json["away"]) == [nobody]


def test_status_in_an_empty_repository_tells_whether_the_server_is_there(
    cli: Cli, free_port: Callable[[], int]
) -> None:
    with serving(ModelService()) as server:
        there = cli("status", "--replica", server.address)
    away = cli("status", "--replica", f"127.0.0.1:{free_port()}")

    assert (there.returncode, there.stdout) == (0, "No models.\n")
    assert away.returncode == 1


def test_an_unknown_command_gets_the_usage(cli: Cli) -> None:
    done = cli("deploy")

    assert done.returncode == 2
    assert "usage: python -m serving" in done.stderr


def test_status_needs_at_most_80_mb(two_versions: Path) -> None:
    measure = (
        "import re, sys; from pathlib import Path; from serving.__main__ import main; main(['status']);"
        "assert not any(name.split('.')[0] in ('tensorflow', 'keras', 'flask') for name in sys.modules);"
        "print(re.search(r'VmHWM:\\s+(\\d+) kB', Path('/proc/self/status').read_text())[1])"
    )
    with serving(ModelService(states={"digits": {1: "AVAILABLE"}})) as server:
        env = environment(MODEL_REPOSITORY=str(two_versions), VITRINE_SERVING=server.address)
        done = subprocess.run(
            [sys.executable, "-c", measure], env=env, cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
        )

    assert "AVAILABLE" in done.stdout
    assert int(done.stdout.split()[-1]) <= 80 * 1024
