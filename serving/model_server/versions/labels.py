"""Version labels: which version a name such as ``stable`` stands for, and when it may move. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from serving.model_server.errors import FailedPrecondition
from serving.model_server.versions.config import ModelConfig


def checked_labels(
    model: ModelConfig, *, in_use: Mapping[str, int], available: Collection[int], unused_may_wait: bool
) -> Mapping[str, int]:
    """The labels that a model is to have, if they may be assigned.

    Args:
        model: With the labels wanted.
        in_use: The labels that the model has.
        available: The versions that serve.
        unused_may_wait: True if a label that is not in use, or stays where it is, needs no version that serves.

    Raises:
        FailedPrecondition: A label is put on a version that does not serve.
    """
    for label, version in model.labels.items():
        may_wait = unused_may_wait and in_use.get(label, version) == version
        if version not in available and not may_wait:
            raise FailedPrecondition(
                f"Request to assign label to version {version} of model {model.name}, "
                "which is not currently available for inference"
            )
    return dict(model.labels)
