"""Which models to serve: the text-proto ``ModelServerConfig`` and its message, as frozen values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tensorflow_serving.config import model_server_config_pb2

from serving.model_server import text_proto
from serving.model_server.errors import InvalidArgument, Unimplemented

TENSORFLOW = "tensorflow"


@dataclass(frozen=True)
class Latest:
    """Serve the highest `num_versions` versions."""

    num_versions: int = 1

    def __str__(self) -> str:
        return "the latest version" if self.num_versions == 1 else f"the latest {self.num_versions} versions"


@dataclass(frozen=True)
class All:
    """Serve every version."""

    def __str__(self) -> str:
        return "all versions"


@dataclass(frozen=True)
class Specific:
    """Serve just these versions."""

    versions: frozenset[int]

    def __str__(self) -> str:
        return f"versions {', '.join(map(str, sorted(self.versions)))}"


VersionPolicy = Latest | All | Specific


@dataclass(frozen=True)
class ModelConfig:
    """One model of the list."""

    name: str
    base_path: Path
    platform: str = TENSORFLOW
    policy: VersionPolicy = Latest()
    labels: Mapping[str, int] = field(default_factory=dict)


ModelList = tuple[ModelConfig, ...]


def read_model_list(path: Path) -> ModelList | None:
    """Reads a ``--model_config_file``.

    Returns:
        The models; None where the file names no list at all, not even an empty one.

    Raises:
        InvalidArgument: The file is missing, is no text-proto, or lists models that cannot be served.
        Unimplemented: It holds a custom model config.
    """
    message = model_server_config_pb2.ModelServerConfig()
    text_proto.read(path, message)
    match message.WhichOneof("config"):
        case None:
            return None
        case "model_config_list":
            return model_list(message)
    raise Unimplemented("ModelServer does not yet support custom model config.")


def model_list(message: Any) -> ModelList:
    """The models of a ``tensorflow.serving.ModelServerConfig``.

    Raises:
        InvalidArgument: A name twice, a relative path, or a contradictory platform.
    """
    models = tuple(_model(one) for one in message.model_config_list.config)
    check(models)
    return models


def check(models: Iterable[ModelConfig]) -> None:
    """Raises InvalidArgument if the names or the paths of the list cannot be served, in TensorFlow Serving's order."""
    names: set[str] = set()
    for model in models:
        if model.name in names:
            raise InvalidArgument(f"Illegal to list model {model.name} multiple times in config list")
        names.add(model.name)
    for model in models:
        _check_path(model)


def check_platform_changes(old: Iterable[ModelConfig], new: Iterable[ModelConfig]) -> None:
    """Raises InvalidArgument if a model of both lists is on another platform in the new one."""
    platforms = {model.name: model.platform for model in old}
    for model in new:
        before = platforms.get(model.name, model.platform)
        if model.platform != before:
            raise InvalidArgument(
                f"Illegal to change a model's platform. For model {model.name} platform was {before} and new platform "
                f"requested is {model.platform}"
            )


def check_platforms(models: Iterable[ModelConfig]) -> None:
    """Raises InvalidArgument if a model is on a platform other than TensorFlow."""
    for model in models:
        if model.platform != TENSORFLOW:
            raise InvalidArgument(f"Model {model.name} requests unsupported platform {model.platform}")


def _check_path(model: ModelConfig) -> None:
    path = str(model.base_path)
    if path.partition("/")[0].endswith(":"):
        raise InvalidArgument(f"Expected model {model.name} to have a local path; got base_path()={path}")
    if not model.base_path.is_absolute():
        raise InvalidArgument(f"Expected model {model.name} to have an absolute path or URI; got base_path()={path}")


def _model(message: Any) -> ModelConfig:
    return ModelConfig(
        name=message.name,
        base_path=Path(message.base_path.removeprefix("file://")),
        platform=_platform(message),
        policy=_policy(message.model_version_policy),
        labels=dict(message.version_labels),
    )


def _platform(message: Any) -> str:
    both = "ModelServerConfig::model_type (deprecated) {} ModelServerConfig::model_platform."
    if not message.model_type:
        if not message.model_platform:
            raise InvalidArgument(f"Illegal setting neither {both.format('nor')}")
        return str(message.model_platform)
    if message.model_platform:
        raise InvalidArgument(f"Illegal setting both {both.format('and')}")
    if message.model_type != model_server_config_pb2.TENSORFLOW:
        raise InvalidArgument(f"ModelServerConfig::model_type choice {message.model_type} not supported.")
    return TENSORFLOW


def _policy(message: Any) -> VersionPolicy:
    choice = message.WhichOneof("policy_choice")
    if choice == "all":
        return All()
    if choice == "specific":
        return Specific(frozenset(message.specific.versions))
    return Latest(message.latest.num_versions or 1)
