"""``python -m serving status|history`` as an operator runs them."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest

from contract.release import AutomaticRollout, HistoryEntry, ModelRelease
from serving.commands.history import readable
from serving.release_store import ReleaseStore
from tests.conftest import ROOT
from tests.serving.conftest import Cli, command, environment
from tests.serving.model_service import ModelService, serving


def test_status_shows_what_every_replica_reports(two_versions: Path, cli: Cli) -> None:
    first = ModelService(states={"digits": {1: "AVAILABLE", 2: "LOADING"}})
    second = ModelService(states={"digits": {1: "AVAILABLE", 2: "END: no such op\nFoo"}})
    with serving(first), serving(second):
        done = cli("status", "--replica", first.address, second.address)

    assert done.returncode == 0, done.stderr
    heading, two, one = done.stdout.splitlines()
    assert heading.split() == ["MODEL", "VERSION", "LABELS", "TRAFFIC", "HEALTH", first.address, second.address]
    assert two.split()[:4] == ["digits", "2", "not", "pinned;"]
    assert f"; failing: no such op Foo on 1 of 2 ({second.address}); loading on 1 of 2 ({first.address})  " in two
    assert two.split()[-2:] == ["LOADING", "END"]
    assert one.split() == ["digits", "1", "stable", "100%", "serving", "AVAILABLE", "AVAILABLE"]


def test_status_asks_the_server_that_the_environment_names(two_versions: Path, cli: Cli) -> None:
    with serving(ModelService(states={"digits": {1: "AVAILABLE"}})) as server:
        reported = json.loads(cli("status", "--json", VITRINE_SERVING=server.address).stdout)

    row = {"version": 1, "labels": ["stable"], "pinned": True, "shadow": False, "previous": False}
    row |= {"share": 100.0, "copies": 0.0, "health": "serving", "states": {server.address: "AVAILABLE"}}
    assert reported == {
        "well": True,
        "replicas": [server.address],
        "away": {},
        "rollouts": {},
        "models": {"digits": [row]},
    }


def test_the_whole_state_of_a_model_is_shown(two_versions: Path, cli: Cli) -> None:
    rollout = AutomaticRollout(2, (5, 25, 100), 1, "2026-01-02T03:04:05+00:00", 60)
    model = ModelRelease((1, 2), {"stable": 1, "canary": 2}, 25, shadow=2, shadow_percent=20, rollout=rollout)
    ReleaseStore(two_versions, "/models").write_model("digits", model)
    with serving(ModelService(states={"digits": {1: "AVAILABLE", 2: "AVAILABLE"}})) as server:
        done = cli("status", "--replica", server.address)
        as_json = json.loads(cli("status", "--json", "--replica", server.address).stdout)

    _, two, one, automatic = done.stdout.splitlines()
    assert "canary, (shadow)" in two
    assert "25%, copies of 20%" in two
    assert "75%" in one
    assert automatic == (
        "Automatic rollout of digits 2: 25% of traffic, step 2 of 3, since 2026-01-02T03:04:05+00:00, 60 s each."
    )
    assert as_json["rollouts"]["digits"]["steps"] == [5, 25, 100]


def test_while_a_candidate_gets_copies_alone_no_share_is_told(two_versions: Path, cli: Cli) -> None:
    rollout = AutomaticRollout(2, (5, 25, 100), 0, "2026-01-02T03:04:05+00:00", 60)
    model = ModelRelease((1, 2), {"stable": 1}, shadow=2, rollout=rollout)
    ReleaseStore(two_versions, "/models").write_model("digits", model)
    with serving(ModelService(states={"digits": {1: "AVAILABLE", 2: "AVAILABLE"}})) as server:
        done = cli("status", "--replica", server.address)

    assert done.stdout.splitlines()[-1].startswith(
        "Automatic rollout of digits 2: copies of requests only, before the first of 3 steps, since "
    )


def test_status_needs_no_store(two_versions: Path, cli: Cli) -> None:
    with serving(ModelService(states={"digits": {1: "AVAILABLE"}})) as server:
        done = cli("status", "--store", "s3://a-bucket-that-is-away/models", "--replica", server.address)

    assert (done.returncode, done.stderr) == (0, "")


def test_an_address_stands_in_the_heading_as_it_was_given(two_versions: Path, cli: Cli) -> None:
    with serving(ModelService(states={"digits": {1: "AVAILABLE"}})) as server:
        assert f"  localhost:{server.port}\n" in cli("status", "--replica", f"localhost:{server.port}").stdout


def test_many_replicas_are_told_of_by_the_health_alone(two_versions: Path, cli: Cli) -> None:
    with ExitStack() as stack:
        states = ["AVAILABLE"] * 5 + ["LOADING"]
        servers = [stack.enter_context(serving(ModelService(states={"digits": {1: state}}))) for state in states]
        done = cli("status", "--replica", *(server.address for server in servers))

    heading, one = done.stdout.splitlines()
    assert heading.split() == ["MODEL", "VERSION", "LABELS", "TRAFFIC", "HEALTH"]
    assert one.endswith(f"  loading on 1 of 6 ({servers[-1].address})")
    assert done.returncode == 1


def test_a_pinned_version_that_a_server_does_not_know_is_not_well(two_versions: Path, cli: Cli) -> None:
    with serving(ModelService()) as server:
        done = cli("status", "--replica", server.address)

    assert done.stdout.splitlines()[1].split()[-3:] == ["missing", "not", "seen"]
    assert done.returncode == 1


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
    assert as_json["well"] is False


def test_status_in_an_empty_repository_tells_whether_the_server_is_there(
    cli: Cli, free_port: Callable[[], int]
) -> None:
    with serving(ModelService()) as server:
        there = cli("status", "--replica", server.address)
    away = cli("status", "--replica", f"127.0.0.1:{free_port()}")

    assert (there.returncode, there.stdout) == (0, "No models.\n")
    assert away.returncode == 1


def test_a_watch_looks_again_until_it_is_interrupted(two_versions: Path) -> None:
    with serving(ModelService(states={"digits": {1: "LOADING"}})) as server:
        env = environment(MODEL_REPOSITORY=str(two_versions), VITRINE_SERVING=server.address)
        with subprocess.Popen(
            command("status", "--watch", "--json"), env=env, cwd=ROOT, stdout=subprocess.PIPE, text=True
        ) as watch:
            assert watch.stdout is not None
            first = json.loads(watch.stdout.readline())
            server.states["digits"][1] = "AVAILABLE"
            second = json.loads(watch.stdout.readline())
            watch.send_signal(signal.SIGINT)
            assert watch.wait(30) == 0

    assert (first["well"], second["well"]) == (False, True)


@pytest.fixture
def with_history(repository: Path) -> Path:
    """Digits 1 was published, and 2 rolled back by an automatic rollout."""
    report = {
        "outcome": "rolled back",
        "reason": "",
        "limits": {"errors": 0.01, "p95": 1.5},
        "steps": [
            {
                "percent": 5.0,
                "verdict": "go back",
                "reasons": ["slower: 40 ms against 8 ms"],
                "stable": {"requests": 950, "p95_ms": 8.0},
                "candidate": {"requests": 50, "p95_ms": None},
                "agreement": None,
            }
        ],
    }
    entries = (
        HistoryEntry("2026-01-02T03:04:05+00:00", "publish", 1),
        HistoryEntry("2026-01-03T03:04:05+00:00", "rollout", 2, "rolled back", report),
    )
    ReleaseStore(repository, "/models").write_model("digits", ModelRelease((1,), {"stable": 1}, history=entries))
    return repository


def test_history_lists_what_was_done_and_the_reports_of_automatic_rollouts(with_history: Path, cli: Cli) -> None:
    lines = [line.split() for line in cli("history", "digits").stdout.splitlines()]

    assert lines[0] == ["AT", "ACTION", "VERSION", "NOTE"]
    assert lines[1][1:] == ["publish", "1"]
    assert lines[2][1:] == ["rollout", "2", "rolled", "back"]
    assert lines[-3] == ["OF", "REQUESTS", "p95_ms"]
    assert lines[-2] == ["stable", "950", "8.0000"]
    assert lines[-1] == ["candidate", "50"]


def test_history_for_programs_is_json(with_history: Path, cli: Cli) -> None:
    told = json.loads(cli("history", "digits", "--json", "--last", "1").stdout)

    assert told["model"] == "digits"
    assert [one["action"] for one in told["history"]] == ["rollout"]
    assert told["history"][0]["report"]["steps"][0]["stable"]["requests"] == 950


def test_history_of_a_model_that_was_never_released_names_those_that_were(with_history: Path, cli: Cli) -> None:
    done = cli("history", "flowers")

    assert done.returncode == 1
    assert done.stderr == f"error: Expected a model that was released in {with_history}: digits. Received: flowers\n"


def test_a_report_of_any_facts_is_readable() -> None:
    assert readable({"reason": "", "a_list": [1, 2.5], "nothing": None, "deep": {"one_fact": 0.123456}}) == (
        "  a list: 1, 2.5\n  deep: one fact 0.1235"
    )
