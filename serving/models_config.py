"""``models.config``, TensorFlow Serving's list of what to load, rendered from the release state."""

from __future__ import annotations

from google.protobuf import text_format

from contract import wire_pb2 as wire
from contract.release import ModelRelease, Release

FILE_NAME = "models.config"
_HEADER = "# Rendered from release.json by `python -m serving`; a change made here is lost.\n"


class BasePathError(ValueError):
    """A base path that TensorFlow Serving would refuse."""


def render(release: Release, base_path: str) -> str:
    """The text of ``models.config`` for a place where the model repository lies at `base_path`.

    Args:
        release: What is to serve; a model without versions is left out.
        base_path: An absolute path or a URI, for instance ``/models`` or ``s3://bucket/models``.

    Raises:
        BasePathError: It is a relative path.
    """
    return _HEADER + text_format.MessageToString(to_proto(release, base_path))


def to_proto(release: Release, base_path: str) -> wire.ModelServerConfig:
    """The same as a message. Raises BasePathError for a relative path."""
    if not base_path.startswith("/") and "://" not in base_path:
        raise BasePathError(f"Expected an absolute base path or a URI such as s3://…. Received: {base_path!r}")
    models = [_model(name, model, base_path) for name, model in sorted(release.models.items()) if model.versions]
    return wire.ModelServerConfig(model_config_list=wire.ModelConfigList(config=models))


def base_path_of(text: str) -> str | None:
    """The base path that a ``models.config`` was rendered for; None if that cannot be told."""
    try:
        config = text_format.Parse(text, wire.ModelServerConfig())
    except text_format.ParseError:
        return None
    models = config.model_config_list.config
    return models[0].base_path.removesuffix(f"/{models[0].name}") or "/" if models else None


def _model(name: str, model: ModelRelease, base_path: str) -> wire.ModelConfig:
    pinned = wire.ServableVersionPolicy.Specific(versions=model.versions)
    return wire.ModelConfig(
        name=name,
        base_path=f"{base_path.rstrip('/')}/{name}",
        model_platform="tensorflow",
        model_version_policy=wire.ServableVersionPolicy(specific=pinned),
        version_labels=dict(model.labels),
    )
