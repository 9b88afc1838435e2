"""Are the models that a new list brought serving by now, or can they never? Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from serving.model_server.errors import Unknown
from serving.model_server.versions.lifecycle import VersionStatus
from serving.model_server.versions.policy import State

ByModel = Mapping[str, Sequence[VersionStatus]]


def settled(versions: Sequence[VersionStatus]) -> bool:
    """True if one of a model's wanted versions serves, or all have come to their end."""
    wanted = [one for one in versions if one.wanted]
    return _serves(wanted) or (bool(wanted) and all(one.state is State.END for one in wanted))


def check(models: ByModel, *, noun: str) -> None:
    """Raises Unknown if one of the settled models does not serve.

    Args:
        models: The statuses of each, newest version first.
        noun: What TensorFlow Serving calls them: ``servable`` at the start, ``model`` in a reload.
    """
    failed = {name: versions for name, versions in sorted(models.items()) if not _serves(versions)}
    if failed:
        entries = "".join(_entry(name, versions) for name, versions in failed.items())
        raise Unknown(f"{len(failed)} {noun}(s) did not become available: {{{entries}}}")


def _serves(versions: Sequence[VersionStatus]) -> bool:
    return any(one.wanted and one.state is State.AVAILABLE for one in versions)


def _entry(name: str, versions: Sequence[VersionStatus]) -> str:
    newest = next(one for one in versions if one.wanted)
    reason = f" due to error: {newest.error.described}" if newest.error else ""
    return f"{{{{name: {name} version: {newest.version}}}{reason}}}, "
