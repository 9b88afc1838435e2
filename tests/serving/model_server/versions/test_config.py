"""Model lists in their official text format."""

from __future__ import annotations

from pathlib import Path

import pytest

from serving.model_server.errors import InvalidArgument, Unimplemented
from serving.model_server.versions.config import All, Latest, ModelConfig, Specific, check_platforms, read_model_list


def written(folder: Path, text: str) -> Path:
    path = folder / "file.config"
    path.write_text(text)
    return path


def one_model(fields: str) -> str:
    return f'model_config_list {{ config {{ name: "a" base_path: "/m/a" model_platform: "tensorflow" {fields} }} }}'


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        ("", Latest(1)),
        ("model_version_policy { latest { num_versions: 3 } }", Latest(3)),
        ("model_version_policy { all {} }", All()),
        ("model_version_policy { specific { versions: 2 versions: 5 } }", Specific(frozenset({2, 5}))),
    ],
)
def test_good_list_with_each_policy(tmp_path: Path, policy: str, expected: Latest | All | Specific) -> None:
    models = read_model_list(written(tmp_path, one_model(policy)))
    assert models == (ModelConfig("a", Path("/m/a"), policy=expected),)


def test_good_labels(tmp_path: Path) -> None:
    labels = 'version_labels { key: "stable" value: 2 } version_labels { key: "canary" value: 3 }'
    models = read_model_list(written(tmp_path, one_model(labels)))
    assert models == (ModelConfig("a", Path("/m/a"), labels={"stable": 2, "canary": 3}),)


def test_good_empty_list_is_a_list_and_an_empty_file_is_none(tmp_path: Path) -> None:
    assert read_model_list(written(tmp_path, "model_config_list {}")) == ()
    assert read_model_list(written(tmp_path, "")) is None
    assert read_model_list(written(tmp_path, "# a comment")) is None


@pytest.mark.parametrize(
    "text",
    [
        one_model("").replace("/m/a", "file:///m/a"),
        one_model("").replace('model_platform: "tensorflow"', "model_type: TENSORFLOW"),
    ],
)
def test_good_old_and_long_ways_to_write_it(tmp_path: Path, text: str) -> None:
    assert read_model_list(written(tmp_path, text)) == (ModelConfig("a", Path("/m/a")),)


def test_bad_custom_config_is_not_supported(tmp_path: Path) -> None:
    with pytest.raises(Unimplemented, match=r"^ModelServer does not yet support custom model config.$"):
        read_model_list(written(tmp_path, "custom_model_config {}"))


def test_bad_platform_is_left_to_the_core_which_checks_the_labels_first(tmp_path: Path) -> None:
    models = read_model_list(written(tmp_path, one_model("").replace("tensorflow", "foo")))
    assert models is not None
    with pytest.raises(InvalidArgument, match=r"^Model a requests unsupported platform foo$"):
        check_platforms(models)


TWICE = """model_config_list {
  config { name: "a" base_path: "/m" model_platform: "tensorflow" }
  config { name: "a" base_path: "/n" model_platform: "tensorflow" }
}"""


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (TWICE, "Illegal to list model a multiple times in config list"),
        (one_model("").replace("tensorflow", ""), "Illegal setting neither ModelServerConfig::model_type"),
        (one_model("model_type: TENSORFLOW"), "Illegal setting both ModelServerConfig::model_type"),
        (
            one_model("model_type: OTHER").replace('model_platform: "tensorflow"', ""),
            "ModelServerConfig::model_type choice 2 not supported",
        ),
        (
            one_model("").replace("/m/a", "m/a"),
            r"Expected model a to have an absolute path or URI; got base_path\(\)=m/a",
        ),
        (one_model("").replace("/m/a", "s3://b/a"), "Expected model a to have a local path"),
        ("model_config_list { nonsense }", "Invalid protobuf file: .*nonsense"),
    ],
)
def test_bad_list_is_refused_in_tensorflow_servings_words(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InvalidArgument, match=message):
        read_model_list(written(tmp_path, text))


def test_bad_missing_file_is_named() -> None:
    with pytest.raises(InvalidArgument, match="Cannot read '/no/such/file': No such file or directory"):
        read_model_list(Path("/no/such/file"))
