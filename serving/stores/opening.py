"""The store that a place means."""

from __future__ import annotations

from pathlib import Path

from serving.repository import ModelRepository
from serving.stores.store import VersionStore

_LOCAL = "file://"


def open_store(place: str) -> VersionStore:
    """The versions at a place: a folder, or a URL that fsspec knows, such as ``s3://bucket/models``.

    Raises:
        OSError: There is no such kind of store, or its package is not installed.
    """
    if "://" not in place or place.startswith(_LOCAL):
        # On a file system a rename is atomic, so no manifest is needed.
        return ModelRepository(Path(place.removeprefix(_LOCAL)))
    # fsspec is only there for those who have such a store.
    from serving.stores.bucket import Bucket
    from serving.stores.objects import ObjectStore

    return ObjectStore(Bucket(place))
