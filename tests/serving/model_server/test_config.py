"""Model lists and batching parameters in their official text format."""

from __future__ import annotations

from pathlib import Path

import pytest

from serving.model_server.batching_config import BatchingParameters, read_batching_parameters
from serving.model_server.config import All, Latest, ModelConfig, Specific, read_model_list
from serving.model_server.errors import InvalidArgument


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
    assert read_model_list(written(tmp_path, one_model(labels)))[0].labels == {"stable": 2, "canary": 3}


def test_good_empty_list_serves_nothing(tmp_path: Path) -> None:
    assert read_model_list(written(tmp_path, "")) == ()


TWICE = """model_config_list {
  config { name: "a" base_path: "/m" model_platform: "tensorflow" }
  config { name: "a" base_path: "/n" model_platform: "tensorflow" }
}"""


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (TWICE, "Illegal to list model a multiple times in config list"),
        (one_model("").replace("tensorflow", "foo"), "Model a requests unsupported platform foo"),
        (one_model("").replace("tensorflow", ""), "Illegal setting neither ModelServerConfig::model_type"),
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


def test_good_batching_parameters(tmp_path: Path) -> None:
    text = """max_batch_size { value: 32 } batch_timeout_micros { value: 1500 } num_batch_threads { value: 3 }
      max_enqueued_batches { value: 7 } thread_pool_name { value: "p" }
      allowed_batch_sizes: 8 allowed_batch_sizes: 32 pad_variable_length_inputs: true"""
    assert read_batching_parameters(written(tmp_path, text)) == BatchingParameters(
        max_batch_size=32,
        batch_timeout_s=0.0015,
        max_enqueued_batches=7,
        num_batch_threads=3,
        allowed_batch_sizes=(8, 32),
        pad_variable_length_inputs=True,
    )


def test_good_batching_defaults_are_those_of_tensorflow_serving(tmp_path: Path) -> None:
    parameters = read_batching_parameters(written(tmp_path, ""))
    assert (parameters.max_batch_size, parameters.batch_timeout_s, parameters.max_enqueued_batches) == (1000, 0.0, 10)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("max_batch_size: 32", "Invalid protobuf file"),
        ("nonsense: 1", "Invalid protobuf file: .*nonsense"),
        ("max_batch_size { value: 0 }", "max_batch_size must be positive; was 0"),
        ("batch_timeout_micros { value: -1 }", "batch_timeout_micros must not be negative; was -1"),
        (
            "max_batch_size { value: 8 } allowed_batch_sizes: 8 allowed_batch_sizes: 4",
            "allowed_batch_sizes entries must be monotonically increasing",
        ),
        ("max_batch_size { value: 8 } allowed_batch_sizes: 4", "last entry was 4; expected 8"),
    ],
)
def test_bad_batching_parameters_are_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InvalidArgument, match=message):
        read_batching_parameters(written(tmp_path, text))
