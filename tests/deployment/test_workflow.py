"""The workflows: least permissions, actions that nobody can move, and commands that exist."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.conftest import ROOT
from tests.deployment.files import DEPENDABOT, DOCKERFILES, WORKFLOWS, load, services

TEXTS = {path.stem: path.read_text(encoding="utf-8") for path in WORKFLOWS}
JOBS: dict[str, dict[str, Any]] = {
    f"{path.stem}: {name}": job for path in WORKFLOWS for name, job in load(path)["jobs"].items()
}
STEPS = [step for job in JOBS.values() for step in job["steps"]]
COMMANDS = "\n".join(step["run"] for step in STEPS if "run" in step)


def test_the_token_may_only_read_but_where_a_release_is_pushed() -> None:
    assert load(ROOT / ".github" / "workflows" / "ci.yml")["permissions"] == {"contents": "read"}
    assert load(ROOT / ".github" / "workflows" / "release.yml")["permissions"] == {}
    writers = {name for name, job in JOBS.items() if "write" in job.get("permissions", {}).values()}
    assert writers == {"release: image"}


def test_no_checkout_leaves_the_token_behind() -> None:
    checkouts = [step for step in STEPS if "actions/checkout@" in step.get("uses", "")]
    assert len(checkouts) == len(JOBS)
    assert all(step["with"]["persist-credentials"] is False for step in checkouts)


@pytest.mark.parametrize("text", TEXTS.values(), ids=list(TEXTS))
def test_actions_are_pinned_by_commit_with_the_release_beside_it(text: str) -> None:
    uses = re.findall(r"uses: *(.*)", text)
    assert uses
    for line in uses:
        assert re.fullmatch(r"[\w.-]+/[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", line), line


def test_an_action_is_of_the_same_release_everywhere() -> None:
    pins = {tuple(pin) for text in TEXTS.values() for pin in re.findall(r"uses: *([\w./-]+)@(\w+) # (\S+)", text)}
    assert len({action for action, _, _ in pins}) == len(pins)


@pytest.mark.parametrize("name", JOBS)
def test_a_job_has_a_time_limit_and_a_fixed_runner(name: str) -> None:
    assert JOBS[name]["timeout-minutes"] <= 60
    assert re.fullmatch(r"ubuntu-\d\d\.04", JOBS[name]["runs-on"])


def test_a_newer_push_replaces_the_run_of_a_pull_request() -> None:
    concurrency = load(ROOT / ".github" / "workflows" / "ci.yml")["concurrency"]
    assert "github.event_name == 'pull_request' && github.ref || github.sha" in concurrency["group"]
    assert "pull_request" in concurrency["cancel-in-progress"]


def test_no_check_is_a_negation_whose_failure_the_shell_overlooks() -> None:
    assert not re.findall(r"^ *!.*", COMMANDS, re.MULTILINE), "`set -e` does not count it"


def test_the_pythons_are_those_that_make_takes() -> None:
    tested = JOBS["ci: test"]["strategy"]["matrix"]["python"]
    assert tested == ["3.11", "3.12", "3.13"]
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert all(f"python{version}" in makefile for version in tested)
    assert "(3, 11) <= sys.version_info < (3, 14)" in makefile


def test_make_targets_and_files_that_they_call_exist() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    called = set(re.findall(r"^make ([a-z0-9-]+)", COMMANDS, re.MULTILINE))
    assert called == {"lint", "test-e2e"}
    assert called <= set(re.findall(r"^([a-z0-9-]+):", makefile, re.MULTILINE))
    files = set(re.findall(r"(?<![\w./-])(?:tests|docker|docs|k8s|\.ci)/[\w./-]+\w", COMMANDS)) - {"docker/tls"}
    made = {"docker/tls/privkey.pem", "docker/tls/fullchain.pem"}
    assert {".ci/run", "tests/deployment/roll.sh", "docs/page.png", "k8s/overlays/dev"} <= files
    assert not [path for path in files - made if not (ROOT / path).exists()]


def test_services_and_images_that_they_name_exist() -> None:
    named = re.findall(
        r"docker compose run --rm (?:--no-deps )?(\w+)|--no-deps (\w+)$|cp (\w+):", COMMANDS, re.MULTILINE
    )
    assert {name for names in named for name in names if name} == {"serving", "seed", "training", "gateway"}
    profiles = {profile for service in services().values() for profile in service.get("profiles", [])}
    assert set(re.findall(r"--profile (\w+)", COMMANDS)) <= profiles
    (up,) = re.findall(r"--wait-timeout 180 (nginx .*)$", COMMANDS, re.MULTILINE)
    assert set(up.split()) <= set(services())
    built = {step["with"]["file"] for step in STEPS if "docker/build-push-action@" in step.get("uses", "")}
    dockerfiles = {path.relative_to(ROOT).as_posix() for path in DOCKERFILES}
    assert built == dockerfiles | {"docker/${{ matrix.image }}.Dockerfile"}
    kinds = JOBS["release: image"]["strategy"]["matrix"]["image"]
    assert {f"docker/{kind}.Dockerfile" for kind in kinds} == dockerfiles


def test_the_model_server_of_the_conformance_run_is_the_composes() -> None:
    assert services()["serving"]["image"] in COMMANDS


def test_what_is_pushed_was_tested_and_scanned_first() -> None:
    job = JOBS["release: image"]
    assert job["needs"] == "test"
    order = [step.get("uses", "").partition("@")[0] for step in job["steps"]]
    pushes = [place for place, step in enumerate(job["steps"]) if step.get("with", {}).get("push")]
    scans = [place for place, step in enumerate(job["steps"]) if step.get("with", {}).get("exit-code") == "1"]
    assert scans[0] < order.index("docker/login-action") < pushes[0] < order.index("actions/attest-build-provenance")
    assert job["steps"][pushes[0]]["with"]["sbom"] is True
    assert job["steps"][pushes[0]]["with"]["provenance"] == "mode=max"


def test_nothing_but_the_runs_own_token_is_used() -> None:
    for text in TEXTS.values():
        assert "secrets." not in text
        assert "pull_request_target" not in text
        assert "workflow_run" not in text


def test_dependabot_watches_everything_that_is_pinned() -> None:
    updates = {one["package-ecosystem"]: one for one in load(DEPENDABOT)["updates"]}
    assert set(updates) == {"github-actions", "docker", "docker-compose", "pip"}
    watched = [place for one in updates.values() for place in one.get("directories", [one.get("directory")])]
    assert all((ROOT / place.lstrip("/")).is_dir() for place in watched)
    # An image that only a manifest names; the others are named in docker-compose.yml, too.
    assert "/k8s/components/object-store" in updates["docker"]["directories"]
    assert all(one["cooldown"]["default-days"] >= 7 for one in updates.values())
