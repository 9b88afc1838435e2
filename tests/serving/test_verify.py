"""A version on disk is checked for what can be known without running it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from google.protobuf import text_format

from contract import wire_pb2 as wire
from contract.card import ImageSpec
from serving.checkpoint import shard_sizes
from serving.repository import CARD, ModelRepository
from serving.verify import Finding, verify_on_disk
from serving.warmup import FILE as WARMUP
from tests.serving import saved_models


@pytest.fixture
def version(tmp_path: Path) -> Path:
    """Version 1 of digits, as it should be."""
    return saved_models.write(tmp_path / "digits" / "1", saved_models.card())


def found(version: Path) -> dict[str, Finding]:
    repository = ModelRepository(version.parent.parent)
    return {one.check: one for one in verify_on_disk(repository, version.parent.name, int(version.name))}


def failed(version: Path) -> dict[str, str]:
    return {check: one.reason for check, one in found(version).items() if not one.ok}


def test_a_version_as_it_should_be_passes_every_check(version: Path) -> None:
    findings = found(version)

    assert all(one.ok for one in findings.values()), findings
    assert list(findings) == [
        "graph",
        "variables",
        "assets",
        "card",
        "signature serving_default",
        "signature serving_bytes",
        "signature explain",
        "signature describe",
        "warm-up",
    ]
    assert findings["warm-up"].reason == "2 requests"
    assert findings["card"].reason == "2 labels, pictures of 8 x 8 x 1"


def test_a_graph_that_was_cut_short_anywhere_is_found(version: Path) -> None:
    graph = version / "saved_model.pb"
    whole = graph.read_bytes()
    for size in range(len(whole)):
        graph.write_bytes(whole[:size])
        assert list(failed(version)) == ["graph"], size


def test_a_folder_without_a_graph_is_no_version(version: Path) -> None:
    (version / "saved_model.pb").unlink()
    assert failed(version)["graph"].startswith("Expected saved_model.pb. Received: assets.extra/card.json")
    assert "no files" in failed(version.with_name("2"))["graph"]


def test_a_graph_that_is_not_for_serving_is_refused(version: Path) -> None:
    model = saved_models.saved_model(saved_models.card())
    model.meta_graphs[0].meta_info_def.tags[:] = ["train"]
    (version / "saved_model.pb").write_bytes(model.SerializeToString())

    assert failed(version)["graph"].endswith("Received: graphs tagged [['train']]")


def test_a_graph_as_text_is_read_too(version: Path) -> None:
    graph = version / "saved_model.pb"
    text = text_format.MessageToString(wire.SavedModel.FromString(graph.read_bytes()))
    graph.unlink()
    (version / "saved_model.pbtxt").write_text(text)
    assert failed(version) == {}
    (version / "saved_model.pbtxt").write_text(text[: len(text) // 2])
    assert list(failed(version)) == ["graph"]


def test_a_missing_signature_is_named_with_those_that_are_there(version: Path) -> None:
    model = saved_models.saved_model(saved_models.card())
    del model.meta_graphs[0].signature_def["explain"]
    model.meta_graphs[0].signature_def["__saved_model_init_op"].method_name = ""
    (version / "saved_model.pb").write_bytes(model.SerializeToString())

    assert failed(version) == {
        "signature explain": "Expected the signature explain. Received: describe, serving_bytes, serving_default"
    }


@pytest.mark.parametrize(
    ("images", "reason"),
    [
        (saved_models.tensor(wire.DT_FLOAT, -1, 8, 8, 1), "uint8 [N, 8, 8, 1]. Received: float [any, 8, 8, 1]"),
        (saved_models.tensor(wire.DT_UINT8, -1, 8, 9, 1), "uint8 [N, 8, 8, 1]. Received: uint8 [any, 8, 9, 1]"),
        (saved_models.tensor(wire.DT_UINT8, 1, 8, 8, 1), "uint8 [N, 8, 8, 1]. Received: uint8 [1, 8, 8, 1]"),
        (saved_models.tensor(wire.DT_UINT8, 8, 8, 1), "uint8 [N, 8, 8, 1]. Received: uint8 [8, 8, 1]"),
    ],
)
def test_an_input_of_another_type_or_shape_is_told(version: Path, images: wire.TensorInfo, reason: str) -> None:
    model = saved_models.saved_model(saved_models.card())
    model.meta_graphs[0].signature_def["serving_default"].inputs["images"].CopyFrom(images)
    (version / "saved_model.pb").write_bytes(model.SerializeToString())

    assert failed(version) == {"signature serving_default": f"Expected the input images to be {reason}"}


def test_an_input_under_another_name_is_told(version: Path) -> None:
    model = saved_models.saved_model(saved_models.card())
    inputs = model.meta_graphs[0].signature_def["describe"].inputs
    inputs["question"].CopyFrom(inputs["query"])
    del inputs["query"]
    (version / "saved_model.pb").write_bytes(model.SerializeToString())

    assert failed(version) == {
        "signature describe": "Expected an input query. Received: none; Expected no other input. Received: question"
    }


def test_a_card_that_does_not_agree_with_the_graph_is_told_by_each_signature(version: Path) -> None:
    other = saved_models.card(labels=("a", "b", "c"), image=ImageSpec(9, 8, 1))
    (version / CARD).write_text(other.to_json())

    reasons = failed(version)
    assert list(reasons) == ["signature serving_default", "signature serving_bytes", "signature explain"]
    assert "Expected the input images to be uint8 [N, 9, 8, 1]. Received: uint8 [any, 8, 8, 1]" in reasons.popitem()[1]


def test_a_card_that_cannot_be_read_is_a_failure_and_none_at_all_is_not(version: Path) -> None:
    (version / CARD).write_text("[]")
    assert list(failed(version)) == ["card"]
    (version / CARD).unlink()
    assert failed(version) == {}


def test_warm_up_requests_that_were_cut_short_are_found(version: Path) -> None:
    whole = (version / WARMUP).read_bytes()
    for size in range(1, len(whole)):
        (version / WARMUP).write_bytes(whole[:size])
        if size != len(whole) // 2:
            assert list(failed(version)) == ["warm-up"], size
    (version / WARMUP).write_bytes((3).to_bytes(8, "little") + bytes(4) + b"\xff\xff\xff" + bytes(4))
    assert failed(version)["warm-up"].endswith("something else in record 1")
    (version / WARMUP).unlink()
    assert failed(version) == {}


def test_a_file_that_the_graph_reads_has_to_be_there(version: Path) -> None:
    model = saved_models.saved_model(saved_models.card(), assets=("words.txt",))
    (version / "saved_model.pb").write_bytes(model.SerializeToString())
    assert "words.txt" in failed(version)["assets"]
    (version / "assets").mkdir()
    (version / "assets" / "words.txt").touch()
    assert failed(version) == {}


def test_variables_without_their_files_are_found(version: Path) -> None:
    model = saved_models.saved_model(saved_models.card(), variables=2)
    (version / "saved_model.pb").write_bytes(model.SerializeToString())

    assert failed(version) == {
        "variables": "Expected variables/variables.index: the graph has 2 variables. Received: no such file"
    }


def test_an_index_of_many_blocks_is_read_to_its_end(tmp_path: Path) -> None:
    count = 9000
    names = [f"layer-{index}/a-name-that-takes-some-room" for index in range(count)]
    tensors = [tf.constant([float(index)]) for index in range(count)]
    tf.raw_ops.SaveV2(
        prefix=str(tmp_path / "variables"), tensor_names=names, shape_and_slices=[""] * count, tensors=tensors
    )

    sizes = shard_sizes((tmp_path / "variables.index").read_bytes())
    assert sizes == [(tmp_path / "variables.data-00000-of-00001").stat().st_size]


def test_the_files_of_tensorflows_own_variables_are_known_to_the_byte(tmp_path: Path) -> None:
    module = tf.Module()
    module.weights = [tf.Variable(np.arange(index + 1.0)) for index in range(5)]
    version = tmp_path / "m" / "1"
    tf.saved_model.save(module, str(version))
    index, data = version / "variables/variables.index", version / "variables/variables.data-00000-of-00001"
    assert found(version)["variables"] == Finding("variables", True, "5")

    whole = data.read_bytes()
    data.write_bytes(whole[:-1])
    assert failed(version)["variables"].endswith(f"of {len(whole)} bytes. Received: {len(whole) - 1}")
    data.unlink()
    assert failed(version)["variables"].endswith("Received: no such file")
    data.write_bytes(whole)
    entries = index.read_bytes()
    for size in {0, 1, 47, 48, len(entries) // 2, len(entries) - 1}:
        index.write_bytes(entries[:size])
        assert failed(version)["variables"].startswith("variables/variables.index: Expected the index"), size
