"""``rollout`` against a model server and a gateway's metrics, both over the wire."""

from __future__ import annotations

import json
import signal
from dataclasses import replace
from typing import Any

import pytest

from contract.release import CANARY, STABLE, AutomaticRollout
from serving.__main__ import main
from serving.release_store import ReleaseStore
from tests.processes import wait_until
from tests.serving.automatic import fake_gateway
from tests.serving.automatic.conftest import SHARES, World
from tests.serving.automatic.fake_gateway import FakeGateway

Capture = pytest.CaptureFixture[str]


def test_a_good_version_becomes_stable_step_by_step(world: World, capsys: Capture) -> None:
    assert world.rollout() == 0

    assert world.gateway.shares[:4] == SHARES
    assert (world.digits.labels, world.digits.previous, world.digits.versions) == ({STABLE: 2}, 1, (1, 2))
    assert (world.digits.rollout, world.digits.shadow, world.digits.canary_percent) == (None, None, 0)
    assert capsys.readouterr().out.splitlines()[-1] == "digits 2 is stable: all 4 steps went well."


def test_the_report_tells_each_step_with_both_versions_figures(world: World) -> None:
    assert world.rollout() == 0

    report = world.report
    assert [entry.action for entry in world.digits.history] == ["publish", "rollout", "promote"]
    assert world.digits.history[1].report is None
    assert {name: report[name] for name in ("version", "stable", "outcome", "reason")} == {
        "version": 2,
        "stable": 1,
        "outcome": "promoted",
        "reason": "all 4 steps went well",
    }
    assert report["limits"]["max_p95_ratio"] == 1.5
    assert [step["percent"] for step in report["steps"]] == SHARES
    assert {step["verdict"] for step in report["steps"]} == {"advance"}
    first, second = report["steps"][:2]
    assert set(first) == {
        *("percent", "since", "until", "verdict", "reasons"),
        *("stable", "candidate", "agreement", "difference"),
    }
    assert first["agreement"] == 1.0
    assert first["candidate"]["requests"] == first["stable"]["requests"] / 10
    assert second["candidate"] == {
        "requests": second["stable"]["requests"] / 4,
        "error_rate": 0.0,
        "p50_ms": second["stable"]["p50_ms"],
        "p95_ms": second["stable"]["p95_ms"],
        "unknown_rate": 0.0,
        "confidence": 0.9,
    }


@pytest.mark.parametrize(
    ("bad_copies", "reason"),
    [
        ({"differs": 0.9}, "the same top class for 10 % of"),
        ({"failed": 1.0}, "copied requests failed"),
        ({"seconds": 0.5}, "p95 "),
    ],
)
def test_a_bad_version_that_copies_show_to_be_bad_reaches_no_user(
    world: World, bad_copies: dict[str, Any], reason: str
) -> None:
    world.gateway.bad_copies = bad_copies

    assert world.rollout() == 1

    assert world.gateway.shares == [0.0]
    assert (world.digits.labels, world.digits.versions, world.digits.shadow) == ({STABLE: 1}, (1,), None)
    assert (world.report["outcome"], world.digits.history[-1].action) == ("rolled back", "rollback")
    assert reason in world.report["reason"]


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ({"failed": 0.5}, "50 % of 80 requests failed against 0 %"),
        ({"seconds": [0.5]}, "p95 "),
        ({"unknown": 0.9}, '90 % "none of these" against 0 %'),
    ],
)
def test_a_bad_version_that_users_show_to_be_bad_goes_no_further_than_its_share(
    world: World, bad: dict[str, Any], reason: str
) -> None:
    world.gateway.bad = bad

    assert world.rollout() == 1

    assert world.gateway.shares == [0.0, 20.0]
    assert (world.digits.labels, world.digits.versions, world.digits.rollout) == ({STABLE: 1}, (1,), None)
    assert reason in world.report["reason"]
    assert [step["verdict"] for step in world.report["steps"]] == ["advance", "back"]


def test_a_rollback_after_it_went_back_by_itself_goes_no_further(world: World) -> None:
    world.gateway.bad_copies = {"failed": 1.0}
    assert world.rollout() == 1

    assert main(["--repository", str(world.repository), "rollback", "digits", "--replica", world.server.address]) == 0

    assert world.digits.labels == {STABLE: 1}


def test_a_version_that_does_not_load_is_told_in_the_history(world: World, capsys: Capture) -> None:
    world.server.verdicts["digits", 2] = "END: the weights are damaged"

    assert world.rollout() == 1

    assert "the weights are damaged" in capsys.readouterr().err
    assert (world.digits.labels, world.digits.versions, world.gateway.shares) == ({STABLE: 1}, (1,), [])
    assert "the weights are damaged" in world.report["reason"]


def test_without_the_copies_first_users_are_asked_at_once(world: World) -> None:
    assert world.rollout("--no-shadow-first") == 0

    assert world.gateway.shares[:3] == SHARES[1:]


def test_without_copies_at_all_agreement_is_not_judged(world: World) -> None:
    assert world.rollout("--shadow", "0") == 0

    assert [step["agreement"] for step in world.report["steps"]] == [None] * 3


def test_without_traffic_it_goes_back_at_the_deadline(world: World) -> None:
    world.gateway.requests = 0

    assert world.rollout("--deadline", "0.3s", "--shadow", "0") == 1

    assert world.report["reason"] == "no verdict within 0.3 s; 0 requests of the 100 that a verdict takes"
    assert world.digits.labels == {STABLE: 1}


def test_a_client_that_falls_to_stable_alone_is_explained(world: World) -> None:
    world.gateway.requests = 0
    metrics = world.gateway.metrics
    scraped = world.gateway.scraped

    def from_one_client() -> str:
        metrics.answered(1, 5000)
        return scraped()

    world.gateway.scraped = from_one_client  # type: ignore[method-assign]

    assert world.rollout("--deadline", "0.3s", "--shadow", "0") == 1
    assert world.report["reason"].endswith("--split request divides their requests")


@pytest.mark.parametrize("status", [500, 404])
def test_a_gateway_that_gives_no_metrics_for_too_long_means_back(world: World, status: int) -> None:
    scraped = world.gateway.scraped

    def failing() -> str:
        if world.digits.rollout is not None:
            world.gateway.status = status
        return scraped()

    world.gateway.scraped = failing  # type: ignore[method-assign]

    assert world.rollout("--blind", "0.3s") == 1

    assert f"gives no metrics: Expected 200 for /metrics. Received: {status}" in world.report["reason"]
    assert world.digits.labels == {STABLE: 1}


def test_without_any_gateway_it_does_not_begin(world: World, capsys: Capture) -> None:
    before = world.digits

    world.gateway.status = 503
    assert world.rollout() == 1

    reason = f"{world.gateway.url}: Expected 200 for /metrics. Received: 503 Service Unavailable"
    assert capsys.readouterr().err == (
        f"error: No gateway gives metrics; nothing was changed. {reason}. Name every one with --gateway\n"
    )
    assert world.digits == before


def test_nothing_advances_while_one_of_two_gateways_is_away(world: World) -> None:
    assert world.rollout("--blind", "0.3s", "--gateway", world.gateway.url, "http://127.0.0.1:9") == 1

    assert world.gateway.shares == [0.0]
    assert "gateway http://127.0.0.1:9 gives no metrics" in world.report["reason"]


def test_a_replica_that_loses_the_version_means_back(world: World) -> None:
    scraped = world.gateway.scraped

    def losing() -> str:
        if world.digits.canary_percent:
            world.server.verdicts["digits", 2] = "END: out of memory"
        return scraped()

    world.gateway.scraped = losing  # type: ignore[method-assign]

    assert world.rollout("--blind", "0.3s") == 1

    assert f"version 2 on {world.server.address}: END (out of memory)" in world.report["reason"]
    assert world.gateway.shares == [0.0, 20.0]


def test_a_gateway_that_restarts_meanwhile_is_no_hindrance(world: World) -> None:
    scraped, looks = world.gateway.scraped, 0

    def restarting() -> str:
        nonlocal looks
        looks += 1
        if looks == 3:
            world.gateway.restarted()
        return scraped()

    world.gateway.scraped = restarting  # type: ignore[method-assign]

    assert world.rollout() == 0


def test_an_address_behind_which_several_gateways_stand_is_found_out(world: World) -> None:
    scraped, others = world.gateway.scraped, (world.gateway.metrics, FakeGateway(world.repository).metrics)
    others[1].answered(1, 5000)

    def balanced() -> str:
        world.gateway.metrics = others[0] if world.gateway.metrics is others[1] else others[1]
        return scraped()

    world.gateway.scraped = balanced  # type: ignore[method-assign]

    assert world.rollout("--blind", "0.3s", "--min-copies", "100000") == 1
    assert "several stand behind that address; name each of them" in world.report["reason"]


def test_asked_again_for_what_is_stable_nothing_changes(world: World, capsys: Capture) -> None:
    assert world.rollout() == 0
    before = (world.repository / "release.json").read_text()

    assert world.rollout() == 0

    assert world.rollout("--dry-run") == 0

    assert (world.repository / "release.json").read_text() == before
    assert capsys.readouterr().out.endswith("digits 2 is already stable.\n" * 2)


def test_a_second_watcher_is_refused(world: World, capsys: Capture) -> None:
    with ReleaseStore(world.repository, "/models").watch("digits"):
        assert world.rollout() == 1

    assert capsys.readouterr().err == (
        "error: An automatic rollout of digits is being watched already; nothing was changed\n"
    )
    assert world.gateway.shares == []


def test_another_version_on_its_way_is_refused(world: World, capsys: Capture) -> None:
    store = ReleaseStore(world.repository, str(world.repository))
    under_way = AutomaticRollout(2, (5.0,), 0, "2026-01-01T00:00:00+00:00", 60)
    store.write_model("digits", replace(world.digits, versions=(1, 2), rollout=under_way))
    (world.repository / "digits" / "2").rename(world.repository / "digits" / "3")

    assert world.rollout(version=3) == 1
    assert "Expected no other version on its way. Received: rollout 2" in capsys.readouterr().err


def test_a_dry_run_says_the_steps_and_changes_nothing(world: World, capsys: Capture) -> None:
    before = (world.repository / "release.json").read_text()

    assert world.rollout("--dry-run") == 0

    lines = capsys.readouterr().out.splitlines()
    assert "Then copies of 10% of requests would be watched for at least 0.05 s, at most 20 s." in lines
    assert "Then 20% of traffic would be watched for at least 0.05 s, at most 20 s." in lines
    assert lines[-1] == "Then digits 2 would be stable."
    assert (world.repository / "release.json").read_text() == before


def test_programs_get_every_look_as_json(world: World, capsys: Capture) -> None:
    assert world.rollout("--json") == 0

    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    looks = [line for line in lines if "said" not in line]
    assert {look["percent"] for look in looks} == set(SHARES)
    assert looks[-1]["verdict"] == "advance"


@pytest.mark.parametrize(
    "words",
    [
        ("--steps", "5,5"),
        ("--steps", "0,100"),
        ("--every", "0s"),
        ("--every", "soon"),
        ("--min-agreement", "2"),
        ("--gateway", "ftp://x"),
    ],
)
def test_what_makes_no_sense_is_refused_by_the_command_line(world: World, words: tuple[str, ...]) -> None:
    with pytest.raises(SystemExit) as ended:
        world.rollout(*words)

    assert ended.value.code == 2
    assert world.gateway.shares == []


def interrupted(world: World, percent: float) -> str:
    """What a rollout says that is stopped by Ctrl-C at a share; 0 for copies."""
    world.gateway.requests = 40
    with world.started("--every", "60s") as process:
        wait_until(lambda: world.gateway.shares[-1:] == [percent], what=f"{percent}%")
        process.send_signal(signal.SIGINT)
        said, _ = process.communicate(timeout=30)
    assert process.returncode == 130
    return said


def test_ctrl_c_holds_the_share_and_the_same_command_goes_on(world: World, capsys: Capture) -> None:
    said = interrupted(world, 0.0)
    assert "Nobody watches any more; traffic stays as it is. To go on: the same command." in said
    assert (world.digits.shadow, world.digits.labels) == (2, {STABLE: 1})
    assert world.digits.rollout is not None
    store = ReleaseStore(world.repository, str(world.repository))
    store.write_model("digits", replace(world.digits, rollout=replace(world.digits.rollout, every_s=0.05)))
    world.gateway.requests = 400

    assert world.rollout("--dry-run") == 0
    assert capsys.readouterr().out.splitlines() == [
        "The rollout of digits 2 would go on with copies of requests only.",
        "Then copies of 10% of requests would be watched for at least 0.05 s, at most 20 s.",
        *(f"Then {share:g}% of traffic would be watched for at least 0.05 s, at most 20 s." for share in SHARES[1:]),
        "Then digits 2 would be stable.",
    ]
    assert world.rollout() == 0

    assert (
        "The rollout of digits 2 in steps of 20, 60, 100% goes on with copies of requests only,"
        in capsys.readouterr().out
    )
    assert world.gateway.shares[:4] == SHARES


def test_an_operators_rollback_gets_through_and_is_noticed(world: World) -> None:
    with world.started("--every", "0.5s", "--min-requests", "1e9") as process:
        wait_until(lambda: world.gateway.shares[-1:] == [20.0], what="the first share")
        rollback = ["rollback", "digits", "--replica", world.server.address, "--drain", "0"]
        assert main(["--repository", str(world.repository), *rollback]) == 0
        said, _ = process.communicate(timeout=30)

    assert process.returncode == 1
    assert said.endswith("The rollout of digits 2 stops: somebody else changed what serves: the rollout was ended.\n")
    assert (world.digits.labels, world.digits.versions) == ({STABLE: 1}, (1,))
    assert [(entry.action, (entry.report or {}).get("outcome")) for entry in world.digits.history] == [
        ("publish", None),
        ("rollout", "stopped"),
        ("rollback", None),
    ]


def test_with_all_model_servers_away_it_goes_back_all_the_same(world: World) -> None:
    scraped = world.gateway.scraped

    def without_server() -> str:
        if world.digits.canary_percent:
            world.stop_server()
        return scraped()

    world.gateway.scraped = without_server  # type: ignore[method-assign]

    assert world.rollout("--blind", "0.3s") == 1

    assert "does not answer" in world.report["reason"]
    assert (world.digits.labels, world.digits.versions) == ({STABLE: 1}, (1,))


def test_two_gateways_are_added_up(world: World) -> None:
    with fake_gateway.serving(FakeGateway(world.repository)) as other:
        assert world.rollout("--gateway", world.gateway.url, other.url) == 0

    assert other.shares[:4] == SHARES


def test_the_canary_label_names_the_version_while_it_is_watched(world: World) -> None:
    seen: list[dict[str, int]] = []
    scraped = world.gateway.scraped

    def noting() -> str:
        if world.digits.canary_percent == 60:
            seen.append(dict(world.digits.labels))
        return scraped()

    world.gateway.scraped = noting  # type: ignore[method-assign]
    assert world.rollout() == 0
    assert {STABLE: 1, CANARY: 2} in seen


def test_a_release_state_that_cannot_be_read_for_a_moment_is_no_end(world: World) -> None:
    scraped, path = world.gateway.scraped, world.repository / "release.json"
    kept, looks = "", 0

    def unreadable() -> str:
        nonlocal kept, looks
        looks += 1
        if looks == 4:
            kept = path.read_text()
            text = scraped()
            path.write_text("{")
            return text
        if looks == 5:
            path.write_text(kept)
        return scraped()

    world.gateway.scraped = unreadable  # type: ignore[method-assign]

    assert world.rollout("--min-copies", "150") == 0
