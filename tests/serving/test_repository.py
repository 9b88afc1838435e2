"""Models and versions on disk."""

from __future__ import annotations

from pathlib import Path

import pytest

from contract.card import CardError
from contract.versions import PublishError
from serving.repository import CARD, ModelRepository, looks_like_saved_model
from tests.serving.conftest import MakeModel


def test_a_folder_that_is_not_there_is_a_repository_without_models(tmp_path: Path) -> None:
    repository = ModelRepository(tmp_path / "nowhere")

    assert repository.models() == []
    assert repository.versions("digits") == []


def test_only_folders_with_a_version_are_models(tmp_path: Path) -> None:
    for folder in ("b/1", "a/3", "a/12", "a/.staging-x", "a/draft", "empty", ".hidden/1"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "release.json").write_text("{}")
    repository = ModelRepository(tmp_path)

    assert repository.models() == ["a", "b"]
    assert repository.versions("a") == [3, 12]


def test_a_source_becomes_the_next_version_with_its_number_in_the_card(tmp_path: Path, make_model: MakeModel) -> None:
    repository = ModelRepository(tmp_path / "models")
    source = make_model()

    assert [repository.add("digits", source), repository.add("digits", source)] == [1, 2]

    card = repository.card("digits", 2)
    assert card is not None
    assert (card.version, card.metrics["accuracy"], card.extra) == (2, 0.98, {"licence": "CC0"})
    assert (repository.path("digits", 2) / "saved_model.pb").read_bytes() == (source / "saved_model.pb").read_bytes()


def test_what_is_no_saved_model_is_refused_and_nothing_is_left(tmp_path: Path) -> None:
    source = tmp_path / "pictures"
    source.mkdir()
    (source / "cat.jpg").touch()
    repository = ModelRepository(tmp_path / "models")

    with pytest.raises(PublishError, match=r"Expected a SavedModel.*Received: .*pictures.*cat\.jpg"):
        repository.add("digits", source)
    with pytest.raises(PublishError, match="no such folder"):
        repository.add("digits", tmp_path / "nowhere")
    assert not repository.root.exists()


def test_a_damaged_card_is_refused_and_nothing_is_left(tmp_path: Path, make_model: MakeModel) -> None:
    source = make_model()
    (source / CARD).write_text("{")
    repository = ModelRepository(tmp_path / "models")

    with pytest.raises(CardError, match="must be JSON"):
        repository.add("digits", source)
    assert repository.versions("digits") == []


@pytest.mark.parametrize("name", ["", "..", "../up", "a/b", ".hidden", "ä"])
def test_a_name_that_could_leave_the_repository_is_refused(tmp_path: Path, make_model: MakeModel, name: str) -> None:
    repository = ModelRepository(tmp_path / "models")

    with pytest.raises(PublishError, match="Expected a model name"):
        repository.add(name, make_model())
    with pytest.raises(PublishError, match="Expected a model name"):
        repository.versions(name)


def test_a_version_folder_with_leading_zeros_is_found_as_tensorflow_serving_reads_it(tmp_path: Path) -> None:
    (tmp_path / "digits" / "007").mkdir(parents=True)
    (tmp_path / "digits" / "0017").mkdir()
    repository = ModelRepository(tmp_path)

    assert repository.versions("digits") == [7, 17]
    assert repository.path("digits", 7).name == "007"
    assert repository.path("digits", 8).name == "8"


def test_a_graph_as_text_counts_as_a_saved_model(tmp_path: Path) -> None:
    assert not looks_like_saved_model(tmp_path)
    (tmp_path / "saved_model.pbtxt").touch()
    assert looks_like_saved_model(tmp_path)
