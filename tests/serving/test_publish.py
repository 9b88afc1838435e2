"""``python -m serving publish`` against a real gRPC server that follows the models.config it writes."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from contract.release import ModelRelease, Release
from serving.models_config import render
from serving.repository import ModelRepository
from tests.conftest import ROOT
from tests.serving.conftest import Cli, MakeModel, command, environment
from tests.serving.model_service import ModelService, serving

Process = subprocess.Popen[bytes]

# Kills the command line just before its N-th rename: each change to the repository is one.
KILLED = """
import os, runpy, signal, sys
turns = int(sys.argv.pop(1))
def watch(event, arguments):
    global turns
    if event == "os.rename":
        turns -= 1
        if turns == 0:
            os.kill(os.getpid(), signal.SIGKILL)
sys.addaudithook(watch)
runpy.run_module("serving", run_name="__main__", alter_sys=True)
"""


@pytest.fixture
def server(repository: Path) -> Iterator[ModelService]:
    """A model server that polls the repository's models.config and has digits 1 loaded at first."""
    with serving(ModelService(config=repository / "models.config")) as service:
        yield service


def running_publish(repository: Path, server: ModelService, source: Path, *more: ModelService) -> Process:
    """Starts ``publish digits`` and gives the process."""
    replicas = [one.address for one in (server, *more)]
    words: list[str | Path] = ["--repository", repository, "publish", "digits", source, "--replica", *replicas]
    return subprocess.Popen(command(*words), env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


@pytest.fixture
def publish(cli: Cli, server: ModelService) -> Cli:
    """Runs ``publish`` against the server."""

    def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
        return cli("publish", *arguments, "--replica", server.address)

    return run


@pytest.fixture
def one_live(publish: Cli, server: ModelService, make_model: MakeModel) -> None:
    """Digits 1 is stable."""
    done = publish("digits", make_model("one", 0.91))
    assert done.returncode == 0, done.stderr


def digits(repository: Path) -> ModelRelease:
    return Release.read(repository).models.get("digits", ModelRelease())


def history(repository: Path) -> list[tuple[str, int, str]]:
    return [(entry.action, entry.version, entry.note) for entry in digits(repository).history]


def files(repository: Path) -> dict[str, str]:
    return {name: (repository / name).read_text() for name in ("release.json", "models.config")}


def settled(repository: Path) -> dict[str, Any]:
    """The end state without its times: what serves, what was done, what lies on disk, and nothing left over."""
    for name in ("release.json", "models.config"):
        assert not list(repository.glob(f".{name}.*"))
    release = Release.read(repository)
    assert (repository / "models.config").read_text() == render(release, str(repository))
    model = release.models["digits"]
    return {
        "versions": model.versions,
        "labels": dict(model.labels),
        "history": history(repository),
        "disk": ModelRepository(repository).versions("digits"),
    }


def until(condition: Callable[[], bool], timeout_s: float = 20) -> None:
    """Returns when the condition holds."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "not in time"
        time.sleep(0.01)


def test_the_first_version_of_a_source_goes_live(
    repository: Path, publish: Cli, server: ModelService, make_model: MakeModel
) -> None:
    done = publish("digits", make_model())

    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "digits 1 is stable."
    assert settled(repository) == {
        "versions": (1,),
        "labels": {"stable": 1},
        "history": [("publish", 1, "")],
        "disk": [1],
    }
    server.poll()
    assert (server.labels, server.refused) == ({"digits": {"stable": 1}}, [])


@pytest.mark.usefixtures("one_live")
def test_the_newest_version_in_the_repository_goes_live_and_one_version_back_stays(
    repository: Path, publish: Cli, server: ModelService, make_model: MakeModel
) -> None:
    for number in (2, 3):
        ModelRepository(repository).add("digits", make_model(f"model{number}", 0.9 + number / 100))
        done = publish("digits")
        assert done.returncode == 0, done.stderr

    assert done.stdout.splitlines()[-1] == "digits 3 is stable; before it was 2; still loaded: 2; retired: 1."
    assert digits(repository).versions == (2, 3)
    assert history(repository) == [("publish", 1, ""), ("publish", 2, "was 1"), ("publish", 3, "was 2")]
    server.poll()
    assert server.states["digits"] == {1: "END", 2: "AVAILABLE", 3: "AVAILABLE"}
    assert server.refused == []


@pytest.mark.usefixtures("one_live")
def test_a_version_by_number_goes_live_again(
    repository: Path, publish: Cli, server: ModelService, make_model: MakeModel
) -> None:
    publish("digits", make_model("two", 0.92))
    publish("digits", make_model("three", 0.93))

    done = publish("digits", "--version", "1")

    assert done.returncode == 0, done.stderr
    assert (digits(repository).versions, digits(repository).labels) == ((1, 3), {"stable": 1})
    assert server.refused == []


@pytest.mark.usefixtures("one_live")
@pytest.mark.parametrize("words", [["digits"], ["digits", "SOURCE"], ["digits", "--version", "1"]])
def test_publishing_what_is_stable_says_so_and_changes_nothing(
    repository: Path, cli: Cli, tmp_path: Path, words: list[str], free_port: Callable[[], int]
) -> None:
    before = files(repository)

    words = [str(tmp_path / "one") if word == "SOURCE" else word for word in words]
    done = cli("publish", *words, f"--replica=127.0.0.1:{free_port()}")

    assert (done.returncode, done.stdout) == (0, "digits 1 is already stable.\n")
    assert (files(repository), ModelRepository(repository).versions("digits")) == (before, [1])


@pytest.mark.usefixtures("one_live")
def test_a_version_that_does_not_load_leaves_the_old_state_and_shows_the_servers_reason(
    repository: Path, publish: Cli, server: ModelService, make_model: MakeModel
) -> None:
    publish("flowers", make_model("flowers"))
    before = files(repository)
    server.verdicts["digits", 2] = "END: Op type not registered 'Foo'"

    done = publish("digits", make_model("broken"))

    assert done.returncode == 1
    assert "digits 2 did not load; the release state is what it was before." in done.stderr
    assert "Op type not registered 'Foo'" in done.stderr
    assert files(repository) == before
    server.poll()
    assert server.states["digits"][1] == "AVAILABLE"


@pytest.mark.usefixtures("one_live")
def test_a_version_that_failed_goes_live_once_its_trouble_is_over(
    repository: Path, publish: Cli, server: ModelService, make_model: MakeModel
) -> None:
    source = make_model("two")
    server.verdicts["digits", 2] = "END: out of memory"
    assert publish("digits", source).returncode == 1
    del server.verdicts["digits", 2]

    done = publish("digits", source)

    assert done.returncode == 0, done.stderr
    assert settled(repository)["disk"] == [1, 2]
    assert digits(repository).labels == {"stable": 2}


@pytest.mark.usefixtures("one_live")
def test_a_version_that_is_late_leaves_the_old_state(
    repository: Path, publish: Cli, server: ModelService, make_model: MakeModel
) -> None:
    before = files(repository)
    server.verdicts["digits", 2] = "LOADING"

    done = publish("digits", make_model("slow"), "--timeout", "0.5")

    assert done.returncode == 1
    assert "was not AVAILABLE on every replica within 0.5 s" in done.stderr
    assert f"{server.address}: LOADING" in done.stderr
    assert files(repository) == before


@pytest.mark.usefixtures("one_live")
def test_a_server_that_keeps_trying_is_asked_for_its_reason_in_the_end(
    repository: Path, publish: Cli, server: ModelService, make_model: MakeModel
) -> None:
    before = files(repository)
    server.verdicts["digits", 2] = "LOADING"
    server.last_words["digits", 2] = "Cannot parse saved_model.pb"

    done = publish("digits", make_model("broken"), "--timeout", "0.3")

    assert done.returncode == 1
    assert "The server's reason: Cannot parse saved_model.pb" in done.stderr
    assert files(repository) == before


@pytest.mark.usefixtures("one_live")
def test_a_server_that_does_not_poll_is_named_as_the_likely_cause(
    repository: Path, publish: Cli, server: ModelService, make_model: MakeModel
) -> None:
    server.config = None

    done = publish("digits", make_model("unseen"), "--timeout", "0.3")

    assert "Does it poll models.config?" in done.stderr
    assert digits(repository).versions == (1,)


@pytest.mark.usefixtures("one_live")
def test_every_replica_must_have_the_version(
    repository: Path, cli: Cli, server: ModelService, make_model: MakeModel
) -> None:
    slow = ModelService(config=server.config, verdicts={("digits", 2): "LOADING"})
    with serving(slow), running_publish(repository, server, make_model("two"), slow) as running:
        until(lambda: slow.asked > 3)
        assert (server.states["digits"][2], slow.states["digits"][2]) == ("AVAILABLE", "LOADING")
        assert digits(repository).labels == {"stable": 1}
        slow.verdicts.clear()
        assert running.wait(timeout=20) == 0

    assert digits(repository).labels == {"stable": 2}


def test_a_replica_that_is_away_is_waited_for_and_named(
    repository: Path, cli: Cli, server: ModelService, make_model: MakeModel, free_port: Callable[[], int]
) -> None:
    nobody = f"127.0.0.1:{free_port()}"

    done = cli("publish", "digits", make_model(), "--replica", server.address, nobody, "--timeout", "0.5")

    assert done.returncode == 1
    assert f"{nobody}: does not answer" in done.stderr
    assert Release.read(repository) == Release()


def test_nothing_is_changed_where_no_server_answers(
    repository: Path, cli: Cli, make_model: MakeModel, free_port: Callable[[], int]
) -> None:
    nobody = f"127.0.0.1:{free_port()}"

    done = cli("publish", "digits", make_model(), "--replica", nobody)

    assert done.returncode == 1
    assert done.stderr.startswith(f"error: No model server answers at {nobody}; nothing was changed.")
    assert len(done.stderr.splitlines()) == 1
    assert ModelRepository(repository).models() == []
    assert not (repository / "release.json").exists()


def test_offline_the_final_state_is_written_at_once(
    repository: Path, cli: Cli, make_model: MakeModel, free_port: Callable[[], int]
) -> None:
    for number in (1, 2, 3):
        done = cli("publish", "digits", make_model(f"model{number}", number / 10), "--offline")
        assert done.returncode == 0, done.stderr

    assert settled(repository) == {
        "versions": (2, 3),
        "labels": {"stable": 3},
        "history": [("publish", 1, ""), ("publish", 2, "was 1"), ("publish", 3, "was 2")],
        "disk": [1, 2, 3],
    }
    assert cli("publish", "digits", "--offline").stdout == "digits 3 is already stable.\n"


@pytest.mark.usefixtures("one_live")
def test_a_dry_run_says_what_would_be_done_and_changes_nothing(
    repository: Path, cli: Cli, make_model: MakeModel
) -> None:
    before = files(repository)

    done = cli("publish", "digits", make_model("two"), "--dry-run")

    assert done.stdout.splitlines() == [
        "digits 2 would be loaded beside: 1.",
        "At the end: digits 2 is stable; before it was 1; still loaded: 1.",
    ]
    assert (files(repository), ModelRepository(repository).versions("digits")) == (before, [1])


def test_models_config_is_written_for_the_base_path_of_the_servers(
    repository: Path, cli: Cli, make_model: MakeModel
) -> None:
    cli("publish", "digits", make_model(), "--offline", "--base-path", "/models")

    assert 'base_path: "/models/digits"' in (repository / "models.config").read_text()


@pytest.mark.usefixtures("one_live")
def test_several_models_are_listed_side_by_side(repository: Path, publish: Cli, make_model: MakeModel) -> None:
    done = publish("flowers", make_model("flowers"))

    assert done.returncode == 0, done.stderr
    assert {name: model.versions for name, model in Release.read(repository).models.items()} == {
        "digits": (1,),
        "flowers": (1,),
    }
    assert (repository / "models.config").read_text() == render(Release.read(repository), str(repository))


def test_an_unknown_version_or_model_is_one_sentence(repository: Path, publish: Cli, make_model: MakeModel) -> None:
    publish("digits", make_model())

    assert "Expected a version of digits in" in publish("digits", "--version", "7").stderr
    assert f"Expected a model in {repository}: digits. Received: nope" in publish("nope").stderr
    assert "Expected a model name" in publish("../up").stderr


def test_source_and_version_contradict_each_other(publish: Cli, make_model: MakeModel) -> None:
    done = publish("digits", make_model(), "--version", "7")

    assert done.returncode == 2
    assert "not both" in done.stderr


@pytest.mark.usefixtures("one_live")
def test_of_two_operators_at_once_one_wins_and_the_other_is_told(
    repository: Path, publish: Cli, server: ModelService, make_model: MakeModel
) -> None:
    server.verdicts["digits", 2] = "LOADING"
    with running_publish(repository, server, make_model("two")) as first:
        until(lambda: server.states["digits"].get(2) == "LOADING")

        second = publish("digits", make_model("three"))
        other = publish("flowers", make_model("flowers"))

        assert second.returncode == 1
        assert "Another rollout of digits is under way; nothing was changed" in second.stderr
        assert other.returncode == 0, other.stderr
        server.verdicts.clear()
        assert first.wait(timeout=20) == 0
    assert (digits(repository).versions, ModelRepository(repository).versions("digits")) == ((1, 2), [1, 2])
    assert list(Release.read(repository).models) == ["digits", "flowers"]


@pytest.mark.usefixtures("one_live")
def test_an_operators_interrupt_puts_the_old_state_back(
    repository: Path, server: ModelService, make_model: MakeModel
) -> None:
    before = files(repository)
    server.verdicts["digits", 2] = "LOADING"
    with running_publish(repository, server, make_model("two")) as running:
        until(lambda: server.states["digits"].get(2) == "LOADING")
        running.send_signal(signal.SIGINT)
        assert running.wait(timeout=20) == 130

    assert files(repository) == before


@pytest.mark.usefixtures("one_live")
def test_killed_while_it_waits_and_run_again_it_comes_to_the_same_end(
    repository: Path, publish: Cli, server: ModelService, make_model: MakeModel
) -> None:
    server.verdicts["digits", 2] = "LOADING"
    source = make_model("two")
    with running_publish(repository, server, source) as running:
        until(lambda: server.states["digits"].get(2) == "LOADING")
        running.kill()
    server.verdicts.clear()

    done = publish("digits", source)

    assert done.returncode == 0, done.stderr
    assert settled(repository) == TWO_LIVE


@pytest.mark.usefixtures("one_live")
def test_killed_while_it_waits_and_then_failing_it_leaves_the_state_before_both(
    repository: Path, publish: Cli, server: ModelService, make_model: MakeModel
) -> None:
    before = files(repository)
    server.verdicts["digits", 2] = "LOADING"
    source = make_model("two")
    with running_publish(repository, server, source) as running:
        until(lambda: server.states["digits"].get(2) == "LOADING")
        running.kill()
    server.verdicts["digits", 2] = "END: bad graph"
    server.states["digits"][2] = "LOADING"

    assert publish("digits", source, "--timeout", "0").returncode == 1
    assert files(repository) == before


TWO_LIVE = {
    "versions": (1, 2),
    "labels": {"stable": 2},
    "history": [("publish", 1, ""), ("publish", 2, "was 1")],
    "disk": [1, 2],
}


@pytest.mark.usefixtures("one_live")
@pytest.mark.parametrize("change", range(1, 7))
def test_killed_before_any_of_its_changes_and_run_again_it_comes_to_the_same_end(
    repository: Path, publish: Cli, server: ModelService, make_model: MakeModel, change: int
) -> None:
    source = make_model("two")
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, str(change), "publish", "digits", source, "--replica", server.address],
        env=environment(MODEL_REPOSITORY=str(repository)),
        cwd=ROOT,
        capture_output=True,
        check=False,
        timeout=60,
    )
    # Its five changes: the version, release.json and models.config with it, and both again with the label.
    assert killed.returncode == (-signal.SIGKILL if change <= 5 else 0), killed.stderr
    assert Release.read(repository).models["digits"].labels["stable"] == (2 if change >= 5 else 1)

    done = publish("digits", source)

    assert done.returncode == 0, done.stderr
    assert settled(repository) == TWO_LIVE
    server.poll()
    assert (server.labels, server.refused) == ({"digits": {"stable": 2}}, [])
