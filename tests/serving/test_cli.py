"""``python -m serving list|config`` as an operator runs it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from google.protobuf import text_format
from tensorflow_serving.config import model_server_config_pb2

from contract.release import ModelRelease
from serving.release_store import ReleaseStore
from tests.conftest import ROOT
from tests.serving.conftest import Cli, command, environment
from tests.serving.model_service import ModelService, serving


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


@pytest.mark.parametrize("folder", ["two words", "lost+found", "old.config", ".trash"])
def test_a_folder_with_a_name_that_no_model_has_is_passed_over(two_versions: Path, cli: Cli, folder: str) -> None:
    (two_versions / folder / "1").mkdir(parents=True)

    done = cli("list")

    assert (done.returncode, done.stdout.count("\n")) == (0, 3)
    assert cli("prune", "--all", "--dry-run").stdout.count("\n") == 1


def test_nobody_complains_where_the_output_is_not_read_to_its_end(two_versions: Path) -> None:
    words = " ".join(command("config"))
    env = environment(MODEL_REPOSITORY=str(two_versions))

    done = subprocess.run(
        ["bash", "-c", f"{words} | true; echo ${{PIPESTATUS[0]}}"],
        env=env,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )

    assert (done.stdout, done.stderr) == ("141\n", "")


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
