"""``canary``, ``shadow``, ``promote``, ``rollback`` against real gRPC servers that follow what the commands write."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from contract.release import CANARY, STABLE, AutomaticRollout, ModelRelease, Release
from serving.release_store import ReleaseStore
from serving.repository import ModelRepository
from tests.serving.conftest import Cli, MakeModel
from tests.serving.model_service import ModelService, serving


@pytest.fixture
def server(repository: Path) -> Iterator[ModelService]:
    """A model server that polls the repository's models.config."""
    with serving(ModelService(config=repository / "models.config", disk=repository)) as service:
        yield service


@pytest.fixture
def act(cli: Cli, server: ModelService, repository: Path, make_model: MakeModel) -> Callable[..., str]:
    """Runs a command that succeeds, and gives its last line; digits 1 is stable, 2 and 3 are on disk."""
    for number in (1, 2, 3):
        ModelRepository(repository).add("digits", make_model(f"model{number}", number / 10))
    assert cli("publish", "digits", "--version", "1", "--offline").returncode == 0
    server.poll()

    def run(*words: str) -> str:
        done = cli(*words, "--replica", server.address, "--drain", "0")
        assert done.returncode == 0, done.stderr
        server.poll()
        assert server.refused == []
        return str(done.stdout.splitlines()[-1])

    return run


def digits(repository: Path) -> ModelRelease:
    return Release.read(repository).models["digits"]


def loaded(server: ModelService) -> list[int]:
    return sorted(version for version, state in server.states["digits"].items() if state == "AVAILABLE")


def test_a_version_goes_from_canary_to_stable_and_back(
    repository: Path, act: Callable[..., str], server: ModelService
) -> None:
    line = act("canary", "digits", "2", "--percent", "10")
    assert line == "digits 2 is canary with 10% of traffic, by client."
    assert (server.labels["digits"], loaded(server)) == ({STABLE: 1, CANARY: 2}, [1, 2])

    line = act("canary", "digits", "2", "--percent", "50%", "--split", "request")
    assert line == "digits 2 is canary with 50% of traffic, by request."
    assert (digits(repository).canary_percent, digits(repository).split) == (50, "request")

    assert act("promote", "digits") == "digits 2 is stable; before it was 1; still loaded: 1."
    assert (server.labels["digits"], loaded(server)) == ({STABLE: 2}, [1, 2])
    assert act("promote", "digits") == "digits 2 is already stable."

    assert act("rollback", "digits") == "digits 1 is stable; before it was 2; retired: 2."
    assert (server.labels["digits"], loaded(server)) == ({STABLE: 1}, [1])
    assert act("rollback", "digits").startswith("digits was rolled back already, at ")
    assert [entry.action for entry in digits(repository).history] == [
        "publish",
        "canary",
        "canary",
        "promote",
        "rollback",
    ]


def test_a_shadow_is_loaded_without_a_label_and_let_go_again(
    repository: Path, act: Callable[..., str], server: ModelService
) -> None:
    assert act("shadow", "digits", "3") == "digits 3 gets a copy of 100% of requests."
    assert (digits(repository).shadow, server.labels["digits"], loaded(server)) == (3, {STABLE: 1}, [1, 3])

    line = act("shadow", "digits", "--off")
    assert line == "digits 3 gets no copies of requests any more; retired: 3."
    assert loaded(server) == [1]
    assert act("shadow", "digits", "--off") == "digits has no shadow."


def test_a_rollback_withdraws_a_canary_and_a_second_one_leaves_stable_alone(
    repository: Path, act: Callable[..., str], server: ModelService
) -> None:
    act("publish", "digits", "--version", "2")
    act("canary", "digits", "3")

    assert act("rollback", "digits") == "digits 3 is canary no more; still loaded: 1; retired: 3."
    act("rollback", "digits")

    assert (digits(repository).labels, loaded(server)) == ({STABLE: 2}, [1, 2])
    assert act("rollback", "digits", "--to", "1") == "digits 1 is stable; before it was 2; retired: 2."


def test_a_rollback_goes_on_where_a_replica_is_away(
    repository: Path, cli: Cli, act: Callable[..., str], server: ModelService, free_port: Callable[[], int]
) -> None:
    act("publish", "digits", "--version", "2")

    done = cli("rollback", "digits", "--replica", server.address, f"127.0.0.1:{free_port()}", "--drain", "0")

    assert done.returncode == 0, done.stderr
    assert digits(repository).labels == {STABLE: 1}


def test_servers_that_do_not_poll_are_sent_every_change(
    repository: Path, cli: Cli, act: Callable[..., str], server: ModelService
) -> None:
    server.config = None
    other = ModelService(disk=repository)
    with serving(other):
        for words in (["canary", "digits", "2"], ["promote", "digits"], ["rollback", "digits"]):
            done = cli(*words, "--replica", server.address, other.address, "--drain", "0", "--reload")
            assert done.returncode == 0, done.stderr

    assert (server.refused, other.refused) == ([], [])
    assert server.labels == other.labels == {"digits": {STABLE: 1}}
    assert loaded(server) == loaded(other) == [1]


def test_what_a_server_refuses_is_named_and_taken_back(
    repository: Path, cli: Cli, act: Callable[..., str], server: ModelService
) -> None:
    before = digits(repository)
    server.config = None
    server.verdicts["digits", 2] = "END: no such op Foo"

    done = cli("canary", "digits", "2", "--replica", server.address, "--reload")

    assert done.returncode == 1
    assert "digits 2 did not load; the release state is what it was before." in done.stderr
    assert "no such op Foo" in done.stderr
    assert digits(repository) == before
    assert loaded(server) == [1]


def test_a_half_copied_version_is_refused_before_any_server_sees_it(
    repository: Path, cli: Cli, act: Callable[..., str], server: ModelService
) -> None:
    graph = repository / "digits" / "2" / "saved_model.pb"
    graph.write_bytes(graph.read_bytes()[:-20])
    before = digits(repository)

    for command in ("canary", "shadow"):
        done = cli(command, "digits", "2", "--replica", server.address)
        assert done.returncode == 1
        assert "digits 2 is not fit to serve; nothing was changed. graph: " in done.stderr
        assert "--force" in done.stderr

    assert digits(repository) == before
    assert act("canary", "digits", "2", "--force").startswith("digits 2 is canary")


def test_a_version_that_answers_nonsense_is_refused_before_it_gets_traffic(
    repository: Path, cli: Cli, act: Callable[..., str], server: ModelService
) -> None:
    before = digits(repository)
    server.broken.add(("digits", 2))

    for words in (["publish", "digits", "--version", "2"], ["canary", "digits", "2"], ["shadow", "digits", "2"]):
        done = cli(*words, "--replica", server.address)
        assert done.returncode == 1
        assert "digits 2 is loaded, but not fit to serve; the release state is what it was before." in done.stderr
        assert "Expected probabilities that are numbers. Received: nan" in done.stderr
        assert digits(repository) == before

    assert act("publish", "digits", "--version", "2", "--force").startswith("digits 2 is stable")


def test_commands_leave_an_automatic_rollout_alone_but_a_rollback_ends_it(
    repository: Path, cli: Cli, act: Callable[..., str], server: ModelService
) -> None:
    act("canary", "digits", "2")
    under_way = AutomaticRollout(2, (10, 100), 0, "2026-01-01T00:00:00+00:00", every_s=60)
    model = digits(repository)
    ReleaseStore(repository, str(repository)).write_model(
        "digits", ModelRelease(model.versions, model.labels, canary_percent=10, rollout=under_way)
    )

    for words in (["publish", "digits"], ["canary", "digits", "3"], ["promote", "digits"], ["shadow", "digits", "3"]):
        done = cli(*words, "--replica", server.address)
        assert done.returncode == 1
        assert "An automatic rollout of version 2 is under way, with 10% of traffic." in done.stderr

    act("rollback", "digits")
    assert (digits(repository).rollout, digits(repository).labels) == (None, {STABLE: 1})


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["canary", "digits"], "expected a VERSION or --off"),
        (["canary", "digits", "2", "--off"], "expected a VERSION or --off"),
        (["canary", "digits", "2", "--percent", "101"], "expected a percentage from 0 to 100. Received: '101'"),
        (["canary", "digits", "2", "--percent", "nan"], "expected a percentage from 0 to 100. Received: 'nan'"),
        (["canary", "digits", "2", "--split", "coin"], "invalid choice: 'coin'"),
        (["shadow", "digits"], "expected a VERSION or --off"),
        (["promote", "digits", "--timeout", "-1"], "expected a time such as 60s, 5m or 1h. Received: '-1'"),
        (["publish", "digits", "--copy-only"], "--copy-only needs a SOURCE"),
        (["publish", "digits", "2"], "SOURCE is a folder. For a version in the repository: --version 2"),
    ],
)
def test_words_that_make_no_sense_get_the_usage(cli: Cli, words: list[str], message: str) -> None:
    done = cli(*words)

    assert done.returncode == 2
    assert message in done.stderr


def test_every_change_can_be_tried_dry(repository: Path, cli: Cli, act: Callable[..., str]) -> None:
    act("canary", "digits", "2")
    before = (repository / "release.json").read_bytes()

    said = {
        words: cli(*words.split(), "--dry-run").stdout.splitlines()
        for words in ("canary digits 3", "shadow digits 3", "promote digits", "rollback digits")
    }

    assert said["canary digits 3"] == [
        "digits 3 would be loaded beside: 1, 2.",
        "digits 2 would be retired.",
        "At the end: digits 3 is canary with 10% of traffic, by client; retired: 2.",
    ]
    assert said["promote digits"] == ["At the end: digits 2 is stable; before it was 1; still loaded: 1."]
    assert said["rollback digits"] == [
        "digits 2 would be retired.",
        "At the end: digits 2 is canary no more; retired: 2.",
    ]
    assert (repository / "release.json").read_bytes() == before


def test_a_source_can_be_copied_in_without_being_served(
    repository: Path, cli: Cli, act: Callable[..., str], make_model: MakeModel
) -> None:
    before = digits(repository)

    said = [act("publish", "digits", str(make_model("four", 0.4)), "--copy-only")]
    said.append(cli("publish", "digits", repository.parent / "four", "--copy-only").stdout.strip())

    assert said[0].endswith("digits/4.")
    assert said[1].endswith("is digits 4 already.")
    assert (digits(repository), ModelRepository(repository).versions("digits")) == (before, [1, 2, 3, 4])


@pytest.mark.parametrize(
    "words", [["promote", "digit"], ["rollback", "digit"], ["canary", "digit", "--off"], ["shadow", "digit", "--off"]]
)
def test_a_model_that_was_never_released_is_not_taken_for_one_with_nothing_to_do(
    two_versions: Path, cli: Cli, words: list[str]
) -> None:
    done = cli(*words)

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"error: Expected a model that was released in {two_versions}: digits. Received: digit\n"
    assert not (two_versions / ".rollout-digit").exists()


def test_who_does_not_say_where_model_servers_find_the_versions_does_not_change_it(
    two_versions: Path, cli: Cli
) -> None:
    assert cli("publish", "digits", "--offline", MODEL_BASE_PATH="/models").returncode == 0
    config = (two_versions / "models.config").read_text()
    assert 'base_path: "/models/digits"' in config

    for words in (["rollback", "digits", "--offline"], ["canary", "digits", "1"], ["rollout", "digits", "1"]):
        done = cli(*words)
        assert done.returncode == 1
        assert done.stderr == (
            "error: models.config says that model servers find the repository at /models, this command would say "
            f"{two_versions}; nothing was changed. Say which it is: --base-path or $MODEL_BASE_PATH\n"
        )
    assert (two_versions / "models.config").read_text() == config

    assert cli("rollback", "digits", "--offline", "--base-path", str(two_versions)).returncode == 0
    assert f'base_path: "{two_versions}/digits"' in (two_versions / "models.config").read_text()
