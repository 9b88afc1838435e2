"""Which versions may be deleted: a pure function of what is there, what serves and what is loaded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from contract.release import ModelRelease
from serving.replicas import ReplicaStatus


@dataclass(frozen=True)
class Pruning:
    """What is to be done with a model's versions.

    Attributes:
        deleted: Those to delete, ascending.
        kept: Why each of the others stays, ascending.
        refused: Those of `kept` that only stay because a replica has them loaded: the release state should say so.
    """

    deleted: tuple[int, ...]
    kept: Mapping[int, str]
    refused: tuple[int, ...] = ()


def prune(versions: Sequence[int], model: ModelRelease, keep: int, seen: Sequence[ReplicaStatus] = ()) -> Pruning:
    """Keeps what serves, what a rollback needs, what is loaded, and the newest of the rest.

    The newest of all always stays. Otherwise the next one published would get its number again, and whoever remembers
    what a version is by its number, as gateways do, would take one for the other.

    Args:
        versions: Those in the repository, ascending.
        model: The release state.
        keep: How many of the newest stay beside those that are in use.
        seen: What replicas say, where they were asked.
    """
    used = {version: words for version in versions if (words := _uses(model, version))}
    loaded = {version: words for version in versions if (words := _loaded(seen, version))}
    rest = [version for version in versions if version not in used]
    newest = {*rest[max(len(rest) - keep, 0) :], *versions[-1:]}
    kept = dict.fromkeys(newest, "among the newest") | loaded | used
    return Pruning(
        deleted=tuple(version for version in versions if version not in kept),
        kept=dict(sorted(kept.items())),
        refused=tuple(version for version in sorted(loaded) if version not in used and version not in newest),
    )


def _uses(model: ModelRelease, version: int) -> str:
    words = sorted(label for label, labelled in model.labels.items() if labelled == version)
    words += ["shadow"] if model.shadow == version else []
    words += ["previous"] if model.previous == version else []
    words += ["rolled out"] if model.rollout is not None and model.rollout.version == version else []
    return ", ".join(words) or ("pinned" if version in model.versions else "")


def _loaded(seen: Sequence[ReplicaStatus], version: int) -> str:
    replicas = [one.replica for one in seen if (status := one.of(version)) and status.state != "END"]
    return f"loaded on {', '.join(replicas)}" if replicas else ""
