"""What every place for versions does alike."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from contract.card import CardError
from contract.versions import PublishError
from serving.repository import CARD
from serving.stores.store import VersionStore
from serving.verify import verify_on_disk
from tests.serving.conftest import MakeModel


def test_an_empty_place_has_no_models(store: VersionStore) -> None:
    assert store.models() == []
    assert store.versions("digits") == []
    assert store.incomplete("digits") == []
    assert store.clean("digits") == []


def test_a_source_becomes_the_next_version_with_its_number_in_the_card(
    store: VersionStore, make_model: MakeModel
) -> None:
    source = make_model()

    assert [store.add("digits", source), store.add("digits", source), store.add("flowers", source)] == [1, 2, 1]

    assert store.models() == ["digits", "flowers"]
    assert store.versions("digits") == [1, 2]
    card = store.card("digits", 2)
    assert card is not None
    assert (card.version, card.metrics["accuracy"]) == (2, 0.98)
    files = {path.relative_to(source).as_posix() for path in source.rglob("*") if path.is_file()}
    assert set(store.files("digits", 2)) == files
    for file in files - {CARD.as_posix()}:
        assert store.read("digits", 2, file) == (source / file).read_bytes()
        assert store.files("digits", 2)[file] == (source / file).stat().st_size


def test_a_version_passes_every_check_there(store: VersionStore, make_model: MakeModel) -> None:
    findings = verify_on_disk(store, "digits", store.add("digits", make_model()))

    assert all(one.ok for one in findings), findings


def test_a_source_without_a_card_is_taken_as_it_is(store: VersionStore, make_model: MakeModel) -> None:
    source = make_model()
    (source / CARD).unlink()

    assert store.card("digits", store.add("digits", source)) is None
    assert store.same_as_newest("digits", source) == 1


def test_what_is_no_saved_model_or_no_name_is_refused_and_nothing_is_left(
    store: VersionStore, make_model: MakeModel, tmp_path: Path
) -> None:
    (tmp_path / "pictures").mkdir()
    with pytest.raises(PublishError, match="Expected a SavedModel"):
        store.add("digits", tmp_path / "pictures")
    source = make_model()
    with pytest.raises(PublishError, match="Expected a model name"):
        store.add("../up", source)
    with pytest.raises(PublishError, match="Expected a model name"):
        store.versions("../up")
    (source / CARD).write_text("{")
    with pytest.raises(CardError):
        store.add("digits", source)
    assert store.models() == []


def test_the_newest_version_is_known_as_a_copy_whatever_its_number(store: VersionStore, make_model: MakeModel) -> None:
    first, second = make_model("first", 0.5), make_model("second", 0.6)

    assert store.same_as_newest("digits", first) is None
    store.add("digits", first)
    assert store.same_as_newest("digits", first) == 1
    store.add("digits", second)
    assert (store.same_as_newest("digits", second), store.same_as_newest("digits", first)) == (2, None)


@pytest.mark.parametrize("change", ["graph", "card", "more", "less"])
def test_any_difference_makes_it_another_version(store: VersionStore, make_model: MakeModel, change: str) -> None:
    source = make_model()
    store.add("digits", source)
    graph = source / "saved_model.pb"
    match change:
        case "graph":
            graph.write_bytes(graph.read_bytes().swapcase())
        case "card":
            (source / CARD).write_text((source / CARD).read_text().replace("0.98", "0.99"))
        case "more":
            (source / "variables" / "more").touch()
        case "less":
            shutil.rmtree(source / "assets.extra")

    assert store.same_as_newest("digits", source) is None


def test_a_removed_version_is_gone_and_its_number_is_not_given_again_while_a_newer_one_is_there(
    store: VersionStore, make_model: MakeModel
) -> None:
    source = make_model()
    for _ in range(3):
        store.add("digits", source)

    store.remove("digits", 2)

    assert store.versions("digits") == [1, 3]
    assert store.incomplete("digits") == []
    assert store.files("digits", 2) == {}
    assert store.add("digits", source) == 4


def test_a_file_that_is_not_there_is_told_as_such(store: VersionStore, make_model: MakeModel) -> None:
    store.add("digits", make_model())

    with pytest.raises(FileNotFoundError):
        store.read("digits", 1, "nothing")
    assert store.card("digits", 9) is None
    assert store.manifest("digits", 9) is None
