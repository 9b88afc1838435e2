"""How sessions are made: by the flags, or by a platform configuration in their place."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from tensorflow.core.protobuf import config_pb2, rewriter_config_pb2

from serving.model_server.batching.parameters import BatchingParameters
from serving.model_server.errors import InvalidArgument, NotFound
from serving.model_server.flags import Settings
from serving.model_server.inference.servable import load
from serving.model_server.session_bundle import session_bundle

PLATFORM = """platform_configs { key: "tensorflow" value { source_adapter_config {
    [type.googleapis.com/tensorflow.serving.SavedModelBundleSourceAdapterConfig] { legacy_config { %s } }
} } }"""


def threads(**flags: Any) -> tuple[int, int]:
    """The threads inside an operation and of operations beside each other."""
    config = session_bundle(Settings(**flags)).session_config
    return config.intra_op_parallelism_threads, config.inter_op_parallelism_threads


def test_good_defaults_leave_all_to_tensorflow_and_warm_up_once() -> None:
    bundle = session_bundle(Settings())
    assert bundle.session_config == config_pb2.ConfigProto()
    assert (bundle.tags, bundle.batching, bundle.warmup_iterations) == (("serve",), None, 1)


def test_good_parallelism_is_set_together_or_apart() -> None:
    assert threads(tensorflow_session_parallelism=3) == (3, 3)
    assert threads(tensorflow_intra_op_parallelism=1, tensorflow_inter_op_parallelism=2) == (1, 2)
    assert threads(tensorflow_session_parallelism=3, tensorflow_inter_op_parallelism=2) == (0, 2)


def test_good_the_session_config_file_is_refined_by_the_flags(tmp_path: Path) -> None:
    path = tmp_path / "session.config"
    path.write_text("intra_op_parallelism_threads: 7 allow_soft_placement: true")
    file: dict[str, Any] = {"tensorflow_session_config_file": str(path)}
    assert threads(**file) == (7, 0)
    assert threads(**file, tensorflow_session_parallelism=2) == (2, 2)
    assert session_bundle(Settings(**file)).session_config.allow_soft_placement


def test_good_mixed_precision_is_a_rewrite_of_the_graph() -> None:
    rewrites = session_bundle(Settings(mixed_precision="bfloat16")).session_config.graph_options.rewrite_options
    assert rewrites.auto_mixed_precision_onednn_bfloat16 == rewriter_config_pb2.RewriterConfig.ON


def test_good_warmup_is_as_often_as_asked_or_not_at_all() -> None:
    assert session_bundle(Settings(num_request_iterations_for_warmup=5)).warmup_iterations == 5
    assert (
        session_bundle(Settings(num_request_iterations_for_warmup=5, enable_model_warmup=False)).warmup_iterations == 0
    )


def test_good_batching_without_a_file_has_its_defaults() -> None:
    assert session_bundle(Settings(enable_batching=True)).batching == BatchingParameters(
        thread_pool_name="model_server_batch_threads"
    )


def test_good_a_platform_config_stands_for_all_of_these_flags(tmp_path: Path) -> None:
    path = tmp_path / "platform.config"
    path.write_text(
        PLATFORM
        % """session_config { gpu_options { allow_growth: true } inter_op_parallelism_threads: 4 }
        batching_parameters { max_batch_size { value: 8 } } saved_model_tags: "serve" saved_model_tags: "cpu"
        enable_model_warmup: true model_warmup_options { num_request_iterations { value: 3 } }"""
    )
    bundle = session_bundle(Settings(platform_config_file=str(path), tensorflow_intra_op_parallelism=2))
    assert bundle.session_config.inter_op_parallelism_threads == 4
    assert bundle.session_config.intra_op_parallelism_threads == 0
    assert bundle.session_config.gpu_options.allow_growth
    assert bundle.batching == BatchingParameters(max_batch_size=8)
    assert (bundle.tags, bundle.warmup_iterations) == (("serve", "cpu"), 3)


def test_good_a_platform_config_without_a_word_neither_batches_nor_warms_up(tmp_path: Path) -> None:
    path = tmp_path / "platform.config"
    path.write_text(PLATFORM % "")
    bundle = session_bundle(Settings(platform_config_file=str(path), enable_batching=True))
    assert (bundle.tags, bundle.batching, bundle.warmup_iterations) == (("serve",), None, 0)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "Expected a platform_configs entry for 'tensorflow' in '"),
        ("nonsense {", "Invalid protobuf file: '"),
        (
            'platform_configs { key: "tensorflow" value { } }',
            "Expected a tensorflow.serving.SavedModelBundleSourceAdapterConfig as source_adapter_config in '",
        ),
    ],
)
def test_bad_platform_config_is_refused_with_what_was_wanted(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "platform.config"
    path.write_text(text)
    with pytest.raises(InvalidArgument, match=message):
        session_bundle(Settings(platform_config_file=str(path)))


def test_bad_precision_is_refused_with_what_was_wanted() -> None:
    with pytest.raises(InvalidArgument, match=r"Expected --mixed_precision=bfloat16\. Received: float8"):
        session_bundle(Settings(mixed_precision="float8"))


def test_good_a_graph_is_loaded_by_its_tags_and_bad_others_are_not_found(saved_models: Path) -> None:
    with closing(load(saved_models / "half_plus_two", tags=("serve",))) as servable:
        assert "serving_default" in servable.signatures
    with pytest.raises(
        NotFound, match=r"Could not find meta graph def matching supplied tags: \{ cpu tpu \}\. To insp"
    ):
        load(saved_models / "half_plus_two", tags=("cpu", "tpu"))
