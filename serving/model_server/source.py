"""What lies in a model's base path, and which of it a version policy wants. Pure, but for one look at the disk."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from serving.model_server.config import All, Latest, VersionPolicy

_MAX_VERSION = 2**63 - 1


def version_directories(base_path: Path) -> dict[int, Path] | None:
    """The versions in a base path by number: its all-digit directories.

    Returns:
        None where the base path itself is missing or unreadable, which may pass: a network disk that went away must
        not unload what serves.
    """
    try:
        children = sorted(base_path.iterdir())
    except OSError:
        return None
    numbers = {int(path.name): path for path in children if path.name.isascii() and path.name.isdigit()}
    return {number: path for number, path in numbers.items() if number <= _MAX_VERSION and path.is_dir()}


def aspired_versions(policy: VersionPolicy, found: Mapping[int, Path]) -> dict[int, Path]:
    """Of the versions found, those that the policy wants to serve."""
    if isinstance(policy, All):
        return dict(found)
    if isinstance(policy, Latest):
        newest = sorted(found, reverse=True)[: max(policy.num_versions, 1)]
        return {number: found[number] for number in newest}
    return {number: path for number, path in found.items() if number in policy.versions}
