"""Rollouts of good and of faulty versions on a real model server and a real gateway, under a steady load."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from contract.release import STABLE
from tests.e2e.conftest import EXTERNAL
from tests.e2e.faulty import Library
from tests.serving.automatic.scene import Load, Scene, running


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    if EXTERNAL:
        pytest.skip("re-configures its model server: not done to the one that VITRINE_SERVING names")
    folder = tmp_path_factory.mktemp("live")
    with running(folder, Library(folder / "library")) as scene:
        yield scene


def test_a_good_version_comes_to_stable_and_no_request_fails(scene: Scene) -> None:
    stable, version = scene.digits.labels[STABLE], scene.add("good", 2)
    with Load(scene.url) as load:
        done = scene.rollout(version, "--steps", "30,100")

    assert done.returncode == 0, done.stdout + done.stderr
    assert (load.faults, set(load.versions)) == ([], {stable, version})
    assert (scene.digits.labels, scene.digits.previous) == ({STABLE: version}, stable)
    assert scene.report["outcome"] == "promoted"
    assert [step["percent"] for step in scene.report["steps"]] == [0, 30, 100]
    assert scene.report["steps"][0]["agreement"] == 1


def test_a_wrong_version_is_known_by_copies_and_no_user_gets_its_answer(scene: Scene) -> None:
    stable, version = scene.digits.labels[STABLE], scene.add("wrong", 3)
    with Load(scene.url) as load:
        done = scene.rollout(version)

    assert done.returncode == 1, done.stdout + done.stderr
    assert (load.faults, set(load.versions)) == ([], {stable})
    assert scene.digits.labels == {STABLE: stable}
    assert version not in scene.digits.versions
    assert scene.report["outcome"] == "rolled back", done.stdout + done.stderr


def test_a_canary_that_fails_goes_back_and_no_request_fails(scene: Scene) -> None:
    stable, version = scene.digits.labels[STABLE], scene.add("failing", 4)
    with Load(scene.url) as load:
        done = scene.rollout(version, "--shadow", "0", "--steps", "20,100", "--force")

    assert done.returncode == 1, done.stdout + done.stderr
    assert (load.faults, set(load.versions)) == ([], {stable})
    assert "requests failed against 0 % of" in scene.report["reason"]
    assert [step["percent"] for step in scene.report["steps"]] == [20]


def test_a_version_that_does_not_load_changes_nothing(scene: Scene) -> None:
    stable, version = scene.digits.labels[STABLE], scene.add("failing_at_load", 5)

    done = scene.rollout(version)

    assert (done.returncode, scene.digits.labels) == (1, {STABLE: stable})
    assert "the weights are damaged" in done.stderr
    assert version not in scene.digits.versions
