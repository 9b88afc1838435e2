"""The CI workflow: least permissions, actions that nobody can move, and commands that exist."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.conftest import ROOT
from tests.deployment.files import WORKFLOW, load, services

WORKFLOW_TEXT = WORKFLOW.read_text(encoding="utf-8")
JOBS: dict[str, dict[str, Any]] = load(WORKFLOW)["jobs"]
COMMANDS = "\n".join(step["run"] for job in JOBS.values() for step in job["steps"] if "run" in step)


def test_the_token_may_only_read() -> None:
    assert load(WORKFLOW)["permissions"] == {"contents": "read"}
    assert not [name for name, job in JOBS.items() if "permissions" in job]
    checkouts = [step for job in JOBS.values() for step in job["steps"] if "checkout" in step.get("uses", "")]
    assert checkouts
    assert all(step["with"]["persist-credentials"] is False for step in checkouts)


def test_actions_are_pinned_by_commit_with_the_release_beside_it() -> None:
    uses = re.findall(r"uses: *(.*)", WORKFLOW_TEXT)
    assert uses
    for line in uses:
        assert re.fullmatch(r"[\w.-]+/[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", line), line


@pytest.mark.parametrize("name", JOBS)
def test_a_job_has_a_time_limit_and_a_fixed_runner(name: str) -> None:
    assert JOBS[name]["timeout-minutes"] <= 60
    assert re.fullmatch(r"ubuntu-\d\d\.04", JOBS[name]["runs-on"])


def test_a_newer_push_replaces_the_run_of_a_pull_request() -> None:
    concurrency = load(WORKFLOW)["concurrency"]
    assert "github.ref" in concurrency["group"]
    assert "pull_request" in concurrency["cancel-in-progress"]


def test_make_targets_that_it_calls_exist() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    called = set(re.findall(r"^make ([a-z0-9-]+)", COMMANDS, re.MULTILINE))
    assert called == {"lint", "test-e2e"}
    assert called <= set(re.findall(r"^([a-z0-9-]+):", makefile, re.MULTILINE))


def test_it_runs_the_same_script_as_a_bare_machine() -> None:
    assert "bash .ci/run" in COMMANDS
    assert (ROOT / ".ci" / "run").is_file()


def test_services_that_it_names_exist() -> None:
    named = re.findall(
        r"docker compose run --rm (?:--no-deps )?(\w+)|--no-deps (\w+)$|cp (\w+):", COMMANDS, re.MULTILINE
    )
    found = {name for names in named for name in names if name}
    assert {"serving", "seed", "operator", "gateway"} == found
    assert found <= set(services())


def test_secrets_are_never_used() -> None:
    assert "secrets." not in WORKFLOW_TEXT
    assert "pull_request_target" not in WORKFLOW_TEXT
