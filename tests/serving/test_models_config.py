"""models.config, read back by TensorFlow Serving's own message."""

from __future__ import annotations

import pytest
from google.protobuf import text_format
from tensorflow_serving.config import model_server_config_pb2

from contract.release import ModelRelease, Release
from serving.models_config import BasePathError, base_path_of, render

TWO = Release(
    {
        "flowers": ModelRelease((4,), {}),
        "digits": ModelRelease((1, 2), {"stable": 2, "canary": 1}),
        "retired": ModelRelease(),
    }
)


def test_the_official_message_reads_pinned_versions_and_labels() -> None:
    parsed = text_format.Parse(render(TWO, "/models"), model_server_config_pb2.ModelServerConfig())

    digits, flowers = parsed.model_config_list.config
    assert (digits.name, digits.base_path, digits.model_platform) == ("digits", "/models/digits", "tensorflow")
    assert digits.model_version_policy.WhichOneof("policy_choice") == "specific"
    assert list(digits.model_version_policy.specific.versions) == [1, 2]
    assert dict(digits.version_labels) == {"stable": 2, "canary": 1}
    assert (flowers.name, list(flowers.model_version_policy.specific.versions)) == ("flowers", [4])


def test_the_same_state_gives_the_same_text_whatever_the_order() -> None:
    turned = Release(dict(reversed(list(TWO.models.items()))))

    assert render(turned, "/models") == render(TWO, "/models")


def test_an_empty_release_is_a_list_without_models() -> None:
    parsed = text_format.Parse(render(Release(), "/models"), model_server_config_pb2.ModelServerConfig())

    assert parsed.WhichOneof("config") == "model_config_list"
    assert not parsed.model_config_list.config


@pytest.mark.parametrize("base", ["s3://bucket/models", "s3://bucket/models/", "gs://b", "/", "/a b/ü"])
def test_uris_and_odd_paths_come_through(base: str) -> None:
    parsed = text_format.Parse(render(TWO, base), model_server_config_pb2.ModelServerConfig())

    assert parsed.model_config_list.config[0].base_path == f"{base.rstrip('/')}/digits"


@pytest.mark.parametrize("base", ["/models", "s3://bucket/models", "/", "/a b/digits"])
def test_the_base_path_can_be_told_from_the_text(base: str) -> None:
    assert base_path_of(render(TWO, base)) == base


@pytest.mark.parametrize("text", ["", "no text of protocol buffers", render(Release(), "/models")])
def test_without_models_there_is_no_base_path_to_tell(text: str) -> None:
    assert base_path_of(text) is None


def test_a_relative_base_path_is_refused_as_tensorflow_serving_would() -> None:
    with pytest.raises(BasePathError, match=r"Expected an absolute base path or a URI.*Received: 'models'"):
        render(TWO, "models")
