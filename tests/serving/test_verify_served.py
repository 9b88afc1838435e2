"""A version is checked as real model servers serve it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from contract.card import ImageSpec
from serving.pictures import pictures
from serving.replicas import Replicas
from serving.repository import CARD, ModelRepository
from serving.verify_served import verify_served
from tests.e2e.faulty import Library
from tests.e2e.stack import model_server
from tests.serving import saved_models
from tests.serving.conftest import Cli

KINDS = {
    1: "good",
    2: "nan",
    3: "too_few_probabilities",
    4: "unsaid_size",
    5: "failing",
    6: "without_a_card",
    7: "good",
}
CONFIG = """model_config_list {{ config {{ name: 'digits' base_path: '{}' model_platform: 'tensorflow'
model_version_policy {{ specific {{ {} }} }} }} }}"""


@dataclass
class Served:
    """A repository with good and bad versions of digits, a server that has them, and one that has another 1."""

    repository: Path
    server: str
    other: str

    def failed(self, version: int, *addresses: str) -> dict[str, str]:
        """The checks that failed of a version as the servers have it, with the reasons."""
        store = ModelRepository(self.repository)
        images = partial(pictures, store, "digits", version)
        with Replicas(addresses) as replicas:
            findings = verify_served(replicas, "digits", version, store.card("digits", version), images)
        return {one.check.removesuffix(f" at {self.server}"): one.reason for one in findings if not one.ok}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("served")
    library = Library(folder / "library")
    addresses = []
    with ExitStack() as stack:
        for name, mark, kinds in (("models", 1, KINDS), ("others", 200, {1: "good"})):
            digits = folder / name / "digits"
            for version, kind in kinds.items():
                shutil.copytree(library.path(kind, mark), digits / str(version))
            config = folder / f"{name}.config"
            config.write_text(CONFIG.format(digits, " ".join(f"versions: {version}" for version in kinds)))
            server = stack.enter_context(model_server(folder / name, f"--model_config_file={config}"))
            addresses.append(server.address)
        card = folder / "models" / "digits" / "7" / CARD
        card.write_text(json.dumps(json.loads(card.read_text()) | {"labels": list("abcdefghij")}))
        shutil.copytree(folder / "models" / "digits" / "1", folder / "models" / "digits" / "8")
        yield Served(folder / "models", *addresses)


def test_a_good_version_passes_every_check_on_every_replica(served: Served, cli: Cli) -> None:
    twice = served.server.replace("localhost", "127.0.0.1")
    done = cli("--repository", served.repository, "verify", "digits", "1", "--replica", served.server, twice)

    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == f"digits 1 in {served.repository}/digits/1"
    assert all(line.startswith("ok ") for line in lines[1:])
    assert f"ok      predictions at {served.server}: 3 pictures" in lines
    assert lines[-1].startswith("ok      replicas agree: largest difference 0")


@pytest.mark.parametrize(
    ("version", "check", "reason"),
    [
        (2, "predictions", "Expected probabilities that are numbers. Received: nan"),
        (3, "signatures", "output probabilities to be float [N, 10]. Received: float [any, 9]"),
        (4, "predictions", ""),
        (5, "predictions", "the weights do not fit"),
        (6, "card", "must be JSON"),
        (7, "card", "Expected the card on disk. Received one with other labels"),
        (8, "loaded", "Could not find version 8 of model digits"),
        (9, "loaded", "Could not find version 9 of model digits"),
    ],
)
def test_a_version_that_is_not_what_it_should_be_is_found(
    served: Served, version: int, check: str, reason: str
) -> None:
    assert reason in served.failed(version, served.server)[check]


def test_replicas_that_do_not_agree_are_found(served: Served) -> None:
    failed = served.failed(1, served.server, served.other)

    assert list(failed) == ["replicas agree"]
    assert failed["replicas agree"].endswith(f", {served.other} against {served.server}")


def test_a_replica_that_does_not_answer_is_told(served: Served) -> None:
    failed = served.failed(1, served.server, "nowhere.invalid:8500")

    assert list(failed) == ["answers at nowhere.invalid:8500"]


def test_verify_tells_programs_what_it_found_and_fails(served: Served, cli: Cli) -> None:
    done = cli("--repository", served.repository, "verify", "digits", "2", "--json", "--replica", served.server)

    told = json.loads(done.stdout)
    assert done.returncode == 1
    assert (told["model"], told["version"]) == ("digits", 2)
    (wrong,) = [one for one in told["findings"] if not one["ok"]]
    assert wrong["check"] == f"predictions at {served.server}"


def test_verify_of_a_half_copied_version_needs_no_server(repository: Path, cli: Cli) -> None:
    version = saved_models.write(repository / "digits" / "3", saved_models.card())
    (version / "saved_model.pb").write_bytes((version / "saved_model.pb").read_bytes()[:-1])

    done = cli("verify", "digits")

    assert done.returncode == 1
    assert done.stdout.splitlines()[1].startswith("failed  graph: Expected saved_model.pb to be a whole SavedModel.")


def test_verify_of_a_version_that_is_not_there_names_those_that_are(repository: Path, cli: Cli) -> None:
    saved_models.write(repository / "digits" / "3", saved_models.card())

    assert cli("verify", "digits", "4").stderr == (
        f"error: Expected a version of digits in {repository}: 3. Received: 4\n"
    )


def test_a_version_is_tried_with_its_own_samples(tmp_path: Path) -> None:
    card = saved_models.card(image=ImageSpec(8, 8, 3))
    samples = saved_models.write(tmp_path / "digits" / "1", card) / "assets.extra" / "samples"
    store = ModelRepository(tmp_path)
    assert pictures(store, "digits", 1, card).shape == (3, 8, 8, 3)

    samples.mkdir()
    for grey in range(12):
        Image.new("L", (20, 10), grey).save(samples / f"{grey:02}.png")
    (samples / "00.txt").write_text("a caption")
    tried = pictures(store, "digits", 1, card)

    assert tried.shape == (8, 8, 8, 3)
    assert [int(picture.mean()) for picture in tried] == list(range(8))
    assert tried.dtype == np.uint8
