"""Versions that are no good meet two model servers, a gateway and users: the old version serves on."""

from __future__ import annotations

import itertools
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from contract.release import Release
from contract.versions import version_numbers
from tests.conftest import ROOT
from tests.e2e import stack
from tests.e2e.conftest import EXTERNAL
from tests.e2e.faulty import Library
from tests.e2e.soak.checks import Verdict, judge
from tests.e2e.soak.cycles import mark_on_disk
from tests.e2e.soak.load import Load
from tests.e2e.soak.system import MODEL, System, running
from tests.e2e.soak.watcher import Watcher
from tests.processes import wait_until

pytestmark = pytest.mark.skipif(bool(EXTERNAL), reason="kills its model servers")
_MARKS = itertools.count(2)


@pytest.fixture(scope="module")
def system(library: Library, tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """Two replicas that are told of changes, a gateway, and version 1, which is good."""
    folder = tmp_path_factory.mktemp("rolling")
    repository = folder / "models"
    stack.run("serving", "--repository", str(repository), "publish", MODEL, str(library.path()), "--offline")
    with running(folder, repository, replicas=2, reload=True) as started:
        yield started


def command(system: System, *words: str) -> subprocess.CompletedProcess[str]:
    """What an operator gets to see."""
    line = ["--repository", str(system.repository), *words, *system.replica_words]
    return subprocess.run(
        [sys.executable, "-m", "serving", *line], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
    )


def add(system: System, source: Path) -> int:
    """Puts a version into the repository as a stranger to it would: the command would refuse some."""
    version = max(version_numbers(system.repository / MODEL)) + 1
    staging = system.repository / MODEL / f".{version}"
    shutil.copytree(source, staging)
    staging.rename(staging.with_name(str(version)))
    return version


class Users:
    """Asks all the time until the block ends, and judges the answers then."""

    def __init__(self, system: System) -> None:
        self._watcher = Watcher(system.repository)
        self._mark = partial(mark_on_disk, system.repository)
        self.load = Load(system, threads=2, pause_s=0.05, seed=1)

    def wait_for(self, answers: int) -> None:
        """Returns after so many more."""
        wanted = self.load.count() + answers
        wait_until(lambda: self.load.count() >= wanted, what=f"{answers} answers")

    def verdict(self) -> Verdict:
        """What was found."""
        return judge(self.load.asked, self._watcher.moments, [], self._mark)

    def versions(self) -> set[int]:
        """The versions that answered."""
        return {seen.version for one in self.load.asked for seen in one.answer.seen}

    def __enter__(self) -> Users:
        self._watcher.__enter__()
        self.load.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self.load.__exit__(None, None, None)
        self._watcher.__exit__()


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("half_copied", "whole SavedModel"),
        ("unknown_operation", "Op type not registered 'Softsigm'"),
    ],
)
def test_a_version_that_cannot_be_served_reaches_no_user(
    system: System, library: Library, kind: str, reason: str
) -> None:
    version = add(system, library.path(kind, next(_MARKS)))
    before = Release.read(system.repository)

    with Users(system) as users:
        done = command(system, "canary", MODEL, str(version), "--percent", "50")
        users.wait_for(20)

    assert done.returncode == 1
    assert reason in done.stderr
    assert (users.verdict().faults, users.versions()) == ([], {1})
    assert Release.read(system.repository) == before


@pytest.mark.parametrize("kind", ["failing", "nan", "unsaid_size", "without_a_card"])
def test_a_version_that_gives_no_answers_is_refused_and_forced_in_fails_no_request(
    system: System, library: Library, kind: str
) -> None:
    version = add(system, library.path(kind, next(_MARKS)))
    before = Release.read(system.repository)

    with Users(system) as users:
        refused = command(system, "canary", MODEL, str(version), "--percent", "50")
        assert refused.returncode == 1
        assert "not fit to serve" in refused.stderr
        assert Release.read(system.repository) == before
        begun = command(system, "canary", MODEL, str(version), "--percent", "50", "--force")
        users.wait_for(40)
        ended = command(system, "rollback", MODEL)

    assert (begun.returncode, ended.returncode) == (0, 0), begun.stderr + ended.stderr
    assert (users.verdict().faults, users.versions()) == ([], {1})


def test_a_canary_with_another_input_size_gets_its_share(system: System, library: Library) -> None:
    version = add(system, library.path("other_size", next(_MARKS)))

    with Users(system) as users:
        assert command(system, "canary", MODEL, str(version), "--percent", "50").returncode == 0
        users.wait_for(60)
        assert command(system, "rollback", MODEL).returncode == 0

    assert (users.verdict().faults, users.versions()) == ([], {1, version})


def test_a_version_that_ends_its_model_server_ends_but_one_and_the_other_serves_on(
    system: System, library: Library
) -> None:
    version = add(system, library.path("killing_its_server", next(_MARKS)))
    before = Release.read(system.repository)

    with Users(system) as users:
        done = command(system, "canary", MODEL, str(version), "--timeout", "3")
        users.wait_for(20)

    assert done.returncode == 1
    assert f"{system.replicas[0].address}: does not answer" in done.stderr
    assert [one.serves(system.repository) for one in system.replicas] == [False, True]
    assert (users.verdict().faults, users.versions()) == ([], {1})
    assert Release.read(system.repository) == before
    system.bring_back(system.replicas[0])


def test_after_a_cold_restart_of_all_model_servers_at_once_the_labels_and_the_share_are_as_before(
    system: System, library: Library
) -> None:
    version = add(system, library.path("good", next(_MARKS)))
    assert command(system, "canary", MODEL, str(version), "--percent", "50").returncode == 0

    for replica in system.replicas:
        replica.stop(signal.SIGKILL)
    for replica in system.replicas:
        replica.process.restart()
    for replica in system.replicas:
        system.wait_serving(replica)
    system.gateway.wait_ready(f"{system.url}/readyz")

    with Users(system) as users:
        users.wait_for(60)
    assert (users.verdict().faults, users.versions()) == ([], {1, version})
    assert command(system, "rollback", MODEL).returncode == 0
