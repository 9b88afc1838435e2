"""The model and the version that an operator names: whether they are there."""

from __future__ import annotations

from contract.versions import PublishError
from serving.stores.store import VersionStore


def check_model(store: VersionStore, name: str) -> None:
    """Raises PublishError for a model of which there is nothing; an upload that was cut short is something."""
    if not store.versions(name) and not store.incomplete(name):
        known = ", ".join(store.models()) or "none"
        raise PublishError(f"Expected a model in {store.place}: {known}. Received: {name}")


def version_of(store: VersionStore, name: str, number: int | None, *, incomplete: bool = False) -> int:
    """The version with that number, the newest if None.

    Args:
        store: Where it has to be.
        name: The model.
        number: The version's number.
        incomplete: Whether it may be one that is not whole.

    Raises:
        PublishError: There is none.
    """
    check_model(store, name)
    whole = store.versions(name)
    wanted = max(whole, default=None) if number is None else number
    if wanted is None or wanted not in {*whole, *(store.incomplete(name) if incomplete else ())}:
        known = ", ".join(map(str, whole)) or "none is whole"
        raise PublishError(f"Expected a version of {name} in {store.place}: {known}. Received: {number}")
    return wanted
