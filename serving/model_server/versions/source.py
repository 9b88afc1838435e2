"""What lies in a model's base path, and which of it a version policy wants. Pure, but for one look at the disk."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from serving.model_server.errors import InvalidArgument
from serving.model_server.versions.config import All, Latest, ModelConfig, Specific, VersionPolicy

_MAX_VERSION = 2**63 - 1


def version_directories(model: ModelConfig) -> dict[int, Path]:
    """The versions in a model's base path by number: its all-digit directories, or links to directories.

    Of two names for one number, such as ``1`` and ``001``, the last in the order of the alphabet counts.

    Raises:
        InvalidArgument: The base path is missing or unreadable. This may pass: a network disk that went away must not
            unload what serves.
    """
    try:
        children = sorted(model.base_path.iterdir())
        found = [path for path in children if path.name.isascii() and path.name.isdigit()]
        return {int(path.name): path for path in found if int(path.name) <= _MAX_VERSION and path.is_dir()}
    except OSError as error:
        raise InvalidArgument(
            f"Could not find base path {model.base_path} for servable {model.name} with error {error.strerror}"
        ) from None


def aspired_versions(policy: VersionPolicy, found: Mapping[int, Path]) -> dict[int, Path]:
    """Of the versions found, those that the policy wants to serve."""
    if isinstance(policy, All):
        return dict(found)
    if isinstance(policy, Latest):
        newest = sorted(found, reverse=True)[: max(policy.num_versions, 1)]
        return {number: found[number] for number in newest}
    return {number: path for number, path in found.items() if number in policy.versions}


def shortcomings(model: ModelConfig, aspired: Mapping[int, Path]) -> list[str]:
    """What an operator should know when the disk does not hold what the policy asks for, a sentence each."""
    missing: list[int] = []
    if isinstance(model.policy, Specific):
        missing = sorted(model.policy.versions - aspired.keys())
    problems = [
        f"Version {number} of servable {model.name}, which was requested to be served as a 'specific' version in the "
        "servable's version policy, was not found in the file system"
        for number in missing
    ]
    if not aspired:
        problems.append(
            f"No versions of servable {model.name} found under base path {model.base_path}. "
            "Did you forget to name your leaf directory as a number (eg. '/1/')?"
        )
    return problems
