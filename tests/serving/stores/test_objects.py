"""Where nothing can be renamed, a version is whole or is not there, whatever is killed and whoever else publishes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from pathlib import Path
from threading import Barrier
from typing import TypeVar

import pytest

from contract.versions import PublishError
from serving.repository import ModelRepository
from serving.stores import objects
from serving.stores.bucket import Bucket, StoreUnavailable
from serving.stores.objects import ObjectStore
from serving.stores.opening import open_store
from serving.stores.store import ManifestError
from serving.verify import verify_on_disk
from tests.serving.conftest import MakeModel
from tests.serving.stores.conftest import contents

_Result = TypeVar("_Result")


class Killed(BaseException):
    """The end of the process."""


class Mortal(Bucket):
    """A bucket whose process dies after so many changes, just before or just after the last."""

    def __init__(self, url: str, changes: int, *, done: bool) -> None:
        super().__init__(url)
        self._left, self._done = changes, done

    def write(self, path: str, content: bytes) -> None:
        self._counted(partial(super().write, path, content))

    def create(self, path: str, content: bytes) -> bool:
        return self._counted(partial(super().create, path, content))

    def upload(self, source: Path, path: str) -> None:
        self._counted(partial(super().upload, source, path))

    def delete(self, paths: Iterable[str]) -> None:
        for path in paths:
            self._counted(partial(super().delete, [path]))

    def _counted(self, change: Callable[[], _Result]) -> _Result:
        self._left -= 1
        if self._left == 0 and not self._done:
            raise Killed
        result = change()
        if self._left == 0:
            raise Killed
        return result


def store_at(url: str) -> ObjectStore:
    return ObjectStore(Bucket(url))


def stride(url: str) -> int:
    """Over HTTP not every moment is tried: in memory all are."""
    return 1 if url.startswith("memory") else 3


def killed_while_publishing(url: str, source: Path, changes: int, *, done: bool) -> bool:
    try:
        ObjectStore(Mortal(url, changes, done=done)).add("digits", source)
    except Killed:
        return True
    return False


@pytest.mark.parametrize("again", ["the same", "another"])
def test_an_upload_that_is_killed_anywhere_is_gone_on_with_or_gone_past(
    url: str, make_model: MakeModel, again: str
) -> None:
    first, second = make_model("first", 0.1), make_model("second", 0.2)
    changes, killed = 0, True
    while killed:
        changes += stride(url)
        for done in (False, True):
            place = f"{url}/{again}/{changes}/{done}"
            killed = killed_while_publishing(place, first, changes, done=done)
            store = store_at(place)
            whole = store.versions("digits")
            for version in whole:
                assert all(one.ok for one in verify_on_disk(store, "digits", version))
            source = first if again == "the same" else second
            version = store.same_as_newest("digits", source) or store.add("digits", source)
            if again == "the same":
                assert (version, store.versions("digits"), store.incomplete("digits")) == (1, [1], [])
            else:
                # Where nothing had been written, the number was free.
                assert version in (1, 2)
                assert store.versions("digits") == sorted({*whole, version})
            assert all(one.ok for one in verify_on_disk(store, "digits", version))
            card = store.card("digits", version)
            assert card is not None
            assert (card.version, card.metrics["accuracy"]) == (version, 0.1 if source == first else 0.2)
    assert changes > 5


def test_the_graph_comes_after_all_other_files_and_the_manifest_after_the_graph(
    url: str, make_model: MakeModel
) -> None:
    source = make_model()
    seen: list[set[str]] = []
    changes = 1
    while killed_while_publishing(f"{url}/{changes}", source, changes, done=True):
        seen.append(contents(f"{url}/{changes}/digits/1"))
        changes += 1

    files = {path.relative_to(source).as_posix() for path in source.rglob("*") if path.is_file()}
    assert seen[0] == {"incomplete.json"}
    assert all(found >= files for found in seen if "saved_model.pb" in found)
    assert seen[-2] == files | {"manifest.json", "incomplete.json"}
    assert seen[-1] == files | {"manifest.json"}
    assert contents(f"{url}/{changes}/digits/1") == seen[-1]


def test_a_removal_that_is_killed_anywhere_leaves_all_or_nothing_and_is_ended_by_the_next(
    url: str, make_model: MakeModel
) -> None:
    source = make_model()
    changes, killed = 0, True
    while killed:
        changes += stride(url)
        place = f"{url}/{changes}"
        store = store_at(place)
        store.add("digits", source)
        store.add("digits", source)
        killed = False
        try:
            ObjectStore(Mortal(place, changes, done=True)).remove("digits", 1)
        except Killed:
            killed = True
        for version in store.versions("digits"):
            assert all(one.ok for one in verify_on_disk(store, "digits", version))
        store.clean("digits")
        assert (store.versions("digits"), store.incomplete("digits")) == ([2], [])
        assert not [path for path in contents(place) if path.startswith("digits/1/")]


def test_publishers_at_once_get_numbers_of_their_own(url: str, make_model: MakeModel) -> None:
    sources = [make_model(f"source{index}", index / 10) for index in range(4)]
    ready = Barrier(len(sources))

    def publish(source: Path) -> int:
        ready.wait()
        return store_at(url).add("digits", source)

    with ThreadPoolExecutor(len(sources)) as threads:
        versions = list(threads.map(publish, sources))

    store = store_at(url)
    assert sorted(versions) == store.versions("digits") == [1, 2, 3, 4]
    for version, source in zip(versions, sources, strict=True):
        assert store.read("digits", version, "saved_model.pb") == (source / "saved_model.pb").read_bytes()
        assert all(one.ok for one in verify_on_disk(store, "digits", version))


def test_publishers_of_the_same_at_once_come_to_whole_versions(url: str, make_model: MakeModel) -> None:
    source, ready = make_model(), Barrier(4)

    def publish(_: int) -> int:
        ready.wait()
        return store_at(url).add("digits", source)

    with ThreadPoolExecutor(4) as threads:
        versions = set(threads.map(publish, range(4)))

    store = store_at(url)
    assert set(store.versions("digits")) == versions
    assert store.incomplete("digits") == []


def test_a_version_that_was_copied_there_by_hand_is_not_whole_and_is_left_alone(
    url: str, make_model: MakeModel
) -> None:
    store, source = store_at(url), make_model()
    Bucket(url).upload(source / "saved_model.pb", "digits/7/saved_model.pb")
    Bucket(url).write("digits/008/saved_model.pb", b"")
    Bucket(url).write("digits/draft/saved_model.pb", b"")
    Bucket(url).write("README.md", b"")

    assert (store.models(), store.versions("digits"), store.incomplete("digits")) == ([], [], [7])
    assert store.clean("digits") == []
    assert store.add("digits", source) == 8
    assert store.versions("digits") == [8]


def test_an_upload_of_which_nothing_was_heard_for_a_day_is_cleared_away(
    url: str, make_model: MakeModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = store_at(url)
    assert killed_while_publishing(url, make_model(), 3, done=True)
    assert store.clean("digits") == []
    assert store.incomplete("digits") == [1]

    monkeypatch.setattr(objects, "_STALE", timedelta(0))
    assert store.clean("digits") == [f"{url}/digits/1"]
    assert contents(url) == set()


def test_an_upload_that_somebody_else_disturbs_does_not_become_whole(url: str, make_model: MakeModel) -> None:
    class Disturbed(Bucket):
        def upload(self, source: Path, path: str) -> None:
            super().upload(source, path)
            if path.endswith("saved_model.pb"):
                super().delete([path])

    with pytest.raises(PublishError, match=r"changes by somebody else \(saved_model.pb\)"):
        ObjectStore(Disturbed(url)).add("digits", make_model())
    assert store_at(url).versions("digits") == []


def test_files_that_are_not_as_they_were_published_are_found(url: str, make_model: MakeModel) -> None:
    store = store_at(url)
    version = store.add("digits", make_model())
    Bucket(url).write(f"digits/{version}/assets.extra/card.json", b"{}")
    Bucket(url).delete([f"digits/{version}/assets.extra/tf_serving_warmup_requests"])

    (files,) = [one for one in verify_on_disk(store, "digits", version) if one.check == "files"]
    assert not files.ok
    assert "card.json" in files.reason
    assert "tf_serving_warmup_requests" in files.reason


def test_a_file_of_the_same_size_and_another_content_is_found_by_its_checksum(url: str, make_model: MakeModel) -> None:
    store = store_at(url)
    store.add("digits", make_model())
    requests = store.read("digits", 1, "assets.extra/tf_serving_warmup_requests")
    Bucket(url).write("digits/1/assets.extra/tf_serving_warmup_requests", requests[:-1] + b"x")

    assert verify_on_disk(store, "digits", 1)[0].ok
    assert verify_on_disk(store, "digits", 1, checksums=True)[0].reason.endswith("tf_serving_warmup_requests")


def test_a_manifest_that_is_none_is_told(url: str, make_model: MakeModel) -> None:
    store = store_at(url)
    store.add("digits", make_model())
    Bucket(url).write("digits/1/manifest.json", b'{"files": 3}')
    with pytest.raises(ManifestError, match="Expected a manifest"):
        store.manifest("digits", 1)
    assert not verify_on_disk(store, "digits", 1)[0].ok
    assert store.clean("digits") == []
    assert store.same_as_newest("digits", make_model("again")) is None


def test_a_store_that_is_not_there_is_said_in_one_sentence(s3_url: str, make_model: MakeModel) -> None:
    nowhere = f"{s3_url.removesuffix('/models')}-not/models"
    with pytest.raises((StoreUnavailable, FileNotFoundError), match=r"[Bb]ucket"):
        open_store(nowhere).add("digits", make_model())
    with pytest.raises(StoreUnavailable, match="nonsense"):
        open_store("nonsense://bucket")


def test_a_place_on_a_file_system_keeps_its_rename(tmp_path: Path) -> None:
    for place in (str(tmp_path), f"file://{tmp_path}"):
        store = open_store(place)
        assert isinstance(store, ModelRepository)
        assert store.root == tmp_path
