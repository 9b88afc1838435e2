"""What is published: four signatures as designed, one copy of the weights, and never a model that answers wrongly."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2
from tensorflow_serving.apis import prediction_log_pb2

from contract.card import ModelCard
from contract.versions import PublishError, samples_folder
from tests.conftest import ROOT
from training.errors import RunError
from training.export import signatures
from training.export.publish import Published, export
from training.export.verify import MAX_DIFFERENCE, Serve, as_files, loaded
from training.networks import KerasModel, Pixels
from training.networks.views import with_views
from training.predict import predict
from training.presets import PRESETS
from training.runs import Run

from ..conftest import ENVIRONMENT, Training


@pytest.fixture(scope="module")
def published(trained: Training, tmp_path_factory: pytest.TempPathFactory) -> Published:
    return export(trained.run, tmp_path_factory.mktemp("models"), "digits")


@pytest.fixture(scope="module")
def serve(published: Published) -> Iterator[Serve]:
    with loaded(published.folder) as serve:
        yield serve


@pytest.fixture(scope="module")
def images(trained: Training) -> np.ndarray:
    array: np.ndarray = np.load(trained.run.test_images)
    return array


def saved_model(folder: Path) -> saved_model_pb2.SavedModel:
    return saved_model_pb2.SavedModel.FromString((folder / "saved_model.pb").read_bytes())


def test_the_signatures_are_those_of_the_design(published: Published, trained: Training) -> None:
    (graph,) = saved_model(published.folder).meta_graphs
    assert list(graph.meta_info_def.tags) == ["serve"]

    def described(tensors: dict[str, object]) -> dict[str, tuple[str, list[int]]]:
        return {
            key: (tf.dtypes.as_dtype(info.dtype).name, [dim.size for dim in info.tensor_shape.dim])  # type: ignore[attr-defined]  # generated messages
            for key, info in tensors.items()
        }

    found = {
        name: (described(definition.inputs), described(definition.outputs))
        for name, definition in graph.signature_def.items()
        if not name.startswith("__")
    }
    images = {"images": ("uint8", [-1, 8, 8, 1])}
    map_size = keras.models.load_model(trained.run.model, compile=False).get_layer("features").output.shape[1:3]
    probabilities = ("float32", [-1, 10])
    assert found == {
        "serving_default": (images, {"probabilities": probabilities}),
        "serving_bytes": (
            {"image_bytes": ("string", [-1])},
            {"classes": ("string", [-1, 10]), "probabilities": probabilities},
        ),
        "explain": (images, {"heatmaps": ("float32", [-1, *map_size]), "probabilities": probabilities}),
        "describe": ({"query": ("string", [-1])}, {"card": ("string", [-1])}),
    }


def test_the_weights_are_constants_and_held_once(published: Published, trained: Training) -> None:
    (graph,) = saved_model(published.folder).meta_graphs
    nodes = [*graph.graph_def.node, *(node for f in graph.graph_def.library.function for node in f.node_def)]
    sizes = [node.attr["value"].tensor.ByteSize() for node in nodes if node.op == "Const"]
    parameters = 4 * trained.run.read_report()["parameters"]
    assert parameters < sum(sizes) < 1.1 * parameters
    assert not any("Variable" in node.op and node.op != "VarIsInitializedOp" for node in nodes)


def test_served_probabilities_are_those_of_keras(serve: Serve, trained: Training, images: np.ndarray) -> None:
    expected = predict(keras.models.load_model(trained.run.model), images)
    assert np.abs(serve("serving_default", images)["probabilities"] - expected).max() < MAX_DIFFERENCE
    assert np.abs(serve("explain", images)["probabilities"] - expected).max() < MAX_DIFFERENCE


def test_every_signature_is_as_sure_as_the_temperature_says_and_the_card_has_the_threshold(
    trained: Training, images: np.ndarray, tmp_path: Path
) -> None:
    model = keras.models.load_model(trained.run.model, compile=False)
    scores = keras.Model(model.input, model.get_layer("logits").output).predict(images, verbose=0)
    model.get_layer("temperature").scale = 1 / 2
    halved = np.exp(scores / 2)
    expected = halved / halved.sum(axis=1, keepdims=True)
    card = replace(trained.run.read_card(), thresholds={"known": 0.4})
    signatures.save(model, card, tmp_path)
    with loaded(tmp_path) as serve:
        served = {name: serve(name, images)["probabilities"] for name in ("serving_default", "explain")}
        served["serving_bytes"] = serve("serving_bytes", np.array(as_files(images)[::2], object))["probabilities"]
        described = ModelCard.from_json(serve("describe", np.array([b""], object))["card"][0])
    for probabilities in (predict(model, images), *served.values()):
        assert np.abs(probabilities - expected).max() < 1e-5
    assert described.thresholds == {"known": 0.4}


def test_an_empty_batch_gives_empty_outputs(serve: Serve) -> None:
    empty, strings = np.empty((0, 8, 8, 1), np.uint8), np.empty(0, object)
    assert serve("serving_default", empty)["probabilities"].shape == (0, 10)
    assert len(serve("explain", empty)["heatmaps"]) == 0
    assert {k: v.shape for k, v in serve("serving_bytes", strings).items()} == {
        "classes": (0, 10),
        "probabilities": (0, 10),
    }
    assert serve("describe", strings)["card"].shape == (0,)


def test_a_picture_gets_the_same_answer_alone_and_in_a_batch(serve: Serve, images: np.ndarray) -> None:
    together = serve("explain", images[:7])
    for index in range(7):
        alone = serve("explain", images[index : index + 1])
        for key, values in together.items():
            assert np.abs(values[index] - alone[key][0]).max() < 1e-4


def test_heatmaps_are_the_gradient_of_the_top_score(serve: Serve, trained: Training, images: np.ndarray) -> None:
    model = keras.models.load_model(trained.run.model)
    heads = keras.Model(model.input, [model.get_layer("features").output, model.get_layer("logits").output])
    features, logits = (np.asarray(value) for value in heads(images[:5]))
    kernel = np.asarray(model.get_layer("logits").kernel)
    # With the mean of each map before one dense layer, Grad-CAM is the maps weighted by that layer's column.
    maps = np.maximum(np.einsum("nhwf,nf->nhw", features, kernel.T[logits.argmax(axis=1)]), 0)
    expected = maps / maps.max(axis=(1, 2), keepdims=True)
    assert np.abs(serve("explain", images[:5])["heatmaps"] - expected).max() < 1e-3


def test_bytes_of_a_png_get_the_answer_of_their_pixels(serve: Serve, images: np.ndarray) -> None:
    files = np.array(as_files(images[:6])[::2], object)
    served = serve("serving_bytes", files)
    assert served["classes"].tolist() == [[b"%d" % digit for digit in range(10)]] * 6
    assert np.abs(served["probabilities"] - serve("serving_default", images[:6])["probabilities"]).max() < 1e-5


def test_describe_gives_the_card_with_its_version_once_for_each_query(serve: Serve, published: Published) -> None:
    cards = serve("describe", np.array([b"", b"x", b"y"], object))["card"]
    assert [ModelCard.from_json(card) for card in cards] == [published.card] * 3
    assert (published.card.name, published.card.version) == ("digits", 1)


def test_a_loaded_saved_model_answers_through_tensorflow_too(published: Published, images: np.ndarray) -> None:
    model = tf.saved_model.load(published.folder)
    assert model.signatures["serving_default"](images=images)["probabilities"].shape == (64, 10)


def test_the_report_beside_the_model_tells_what_was_compared(published: Published) -> None:
    extra = published.folder / "assets.extra"
    assert {path.name for path in extra.iterdir()} == {
        "card.json", "report.json", "report.html", "confusion_matrix.png", "samples", "tf_serving_warmup_requests",
    }  # fmt: skip
    samples = sorted(path.name for path in samples_folder(published.folder).iterdir())
    assert [name.split("-")[0] for name in samples] == [str(number) for number in range(10)]
    assert ModelCard.from_json((extra / "card.json").read_text()) == published.card
    checks = json.loads((extra / "report.json").read_text())["export"]
    assert 0 <= checks["max_difference"] <= MAX_DIFFERENCE
    assert checks["bytes_pictures"] == 128
    assert 0 <= checks["bytes_max_difference"] < 1
    assert checks["size_bytes"] == published.size_bytes


def test_the_warm_up_requests_run_and_cover_every_signature(published: Published, serve: Serve) -> None:
    path = published.folder / "assets.extra" / "tf_serving_warmup_requests"
    batches: dict[str, list[int]] = {}
    for record in tf.data.TFRecordDataset(str(path)).as_numpy_iterator():
        request = prediction_log_pb2.PredictionLog.FromString(record).predict_log.request
        assert request.model_spec.name == "digits"
        ((_, tensor),) = request.inputs.items()
        value = tf.make_ndarray(tensor)
        serve(request.model_spec.signature_name, value)
        batches.setdefault(request.model_spec.signature_name, []).append(len(value))
    assert batches == {"serving_default": [1, 2, 4, 8], "explain": [1], "serving_bytes": [1], "describe": [1]}


def tree(root: Path) -> dict[str, bytes | None]:
    return {str(p.relative_to(root)): p.read_bytes() if p.is_file() else None for p in sorted(root.rglob("*"))}


def other_weights(model: KerasModel, card: ModelCard, folder: Path) -> None:
    kernel = model.get_layer("logits").kernel
    kernel.assign(kernel * 1.01)
    signatures.save(model, card, folder)


def not_a_number(model: KerasModel, card: ModelCard, folder: Path) -> None:
    kernel = model.get_layer("logits").kernel
    kernel.assign(kernel * np.nan)
    signatures.save(model, card, folder)


def other_card(model: KerasModel, card: ModelCard, folder: Path) -> None:
    signatures.save(model, card.with_version(99), folder)


def one_signature(model: KerasModel, card: ModelCard, folder: Path) -> None:
    model.export(folder, verbose=False)


def half_a_file(model: KerasModel, card: ModelCard, folder: Path) -> None:
    signatures.save(model, card, folder)
    path = folder / "saved_model.pb"
    path.write_bytes(path.read_bytes()[:1000])


@pytest.mark.parametrize(
    ("save", "sentence"),
    [
        (other_weights, "Expected served probabilities within 0.0001"),
        (not_a_number, "a difference of nan"),
        (other_card, "Expected describe to give the card"),
        (one_signature, "cannot be run"),
        (half_a_file, "cannot be run"),
    ],
)
def test_a_model_that_answers_otherwise_than_keras_is_refused_and_the_repository_stays_as_it_was(
    trained: Training, published: Published, tmp_path: Path, save: object, sentence: str
) -> None:
    shutil.copytree(published.folder.parents[1], tmp_path, dirs_exist_ok=True)
    before = tree(tmp_path)
    with pytest.raises(PublishError, match=sentence):
        export(trained.run, tmp_path, "digits", save=save)  # type: ignore[arg-type]  # parametrize knows no types
    assert tree(tmp_path) == before


def test_a_damaged_run_is_named_and_nothing_is_published(trained: Training, tmp_path: Path) -> None:
    copy = Run(tmp_path / "run")
    copy.folder.mkdir()
    for name in ("card.json", "report.json"):
        (copy.folder / name).write_bytes((trained.run.folder / name).read_bytes())
    copy.model.write_bytes(b"not a model")
    with pytest.raises(RunError, match="is damaged"):
        export(copy, tmp_path / "models", "digits")
    assert not (tmp_path / "models").exists()


@pytest.mark.parametrize(("name", "onednn"), [("resnet-small", "0"), ("resnet-small", "1"), ("resnet-compact", "1")])
def test_residual_networks_answer_no_pictures_with_none_by_either_kernels(
    name: str, onednn: str, trained: Training, tmp_path: Path
) -> None:
    preset = PRESETS[name]()
    network = with_views(preset.network(Pixels((8, 8, 1), [128.0], [4000.0], classes=10)), preset.views)
    signatures.save(network, trained.run.read_card(), tmp_path)
    code = (
        "import numpy, pathlib, sys\n"
        "from training.export.verify import loaded\n"
        "with loaded(pathlib.Path(sys.argv[1])) as serve:\n"
        "    for count in (0, 1, 3):\n"
        "        answers = serve('explain', numpy.zeros((count, 8, 8, 1), numpy.uint8))\n"
        "        print(answers['probabilities'].shape, len(answers['heatmaps']))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)],
        cwd=ROOT,
        env={**ENVIRONMENT, "TF_ENABLE_ONEDNN_OPTS": onednn},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines() == ["(0, 10) 0", "(1, 10) 1", "(3, 10) 3"]
