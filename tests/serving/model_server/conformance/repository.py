"""The models that the tables ask about, and the configuration that serves them."""

from __future__ import annotations

import argparse
import shutil
import tempfile
from pathlib import Path
from typing import Any

import tensorflow as tf

from tests.serving.model_server import models, models_tf1

v1 = tf.compat.v1

CONFIG, MONITORING = "models.config", "monitoring.config"
VERSIONS = {
    # TensorFlow Serving's own test model, in a directory whose name is zero-padded as there.
    "half_plus_two/00000123": "tf1_half_plus_two",
    "half_plus_three/00000123": "half_plus_three",
    "toolbox/1": "toolbox",
    "toolbox/3": "half_plus_three",
    "oddities/1": "oddities",
    "counter/1": "counter",
    "examples/1": "examples",
    "later/1": "half_plus_four",
}
SERVED = ("half_plus_two", "half_plus_three", "toolbox", "oddities", "counter", "examples")
"""``later`` is there for a reload."""


def write(folder: Path, *, seen_as: Path | None = None) -> None:
    """Writes the models and their configuration.

    Args:
        folder: Where to.
        seen_as: What the server calls this folder, if it sees it elsewhere.
    """
    with tempfile.TemporaryDirectory() as scratch:
        source = Path(scratch)
        models.save_all(source)
        models_tf1.save_all(source)
        _save_counter(source / "counter")
        examples = Examples()
        signatures = {"classify": examples.classify, "regress": examples.regress}
        tf.saved_model.save(examples, str(source / "examples"), signatures=signatures)
        for version, model in VERSIONS.items():
            shutil.copytree(source / model, folder / version, dirs_exist_ok=True)
    (folder / CONFIG).write_text(config(seen_as or folder))
    (folder / MONITORING).write_text('prometheus_config { enable: true, path: "/monitoring/prometheus/metrics" }\n')


def config(folder: Path) -> str:
    """The ``ModelServerConfig`` of the models in a folder, as text-proto."""
    entries = "".join(_entry(name, folder / name) for name in SERVED)
    return f"model_config_list {{\n{entries}}}\n"


def _entry(name: str, base_path: Path) -> str:
    more = ""
    if name == "toolbox":
        more = "model_version_policy { all {} } version_labels { key: 'stable' value: 1 }"
    return f"  config {{ name: '{name}' base_path: '{base_path}' model_platform: 'tensorflow' {more} }}\n"


class Examples(tf.Module):  # type: ignore[misc]  # untyped base
    """TensorFlow 2's form of Classify and Regress: an input tensor for each signature, and no method names."""

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string)])  # type: ignore[untyped-decorator]
    def classify(self, inputs: Any) -> Any:
        return {"scores": _feature_x(inputs)}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string)])  # type: ignore[untyped-decorator]
    def regress(self, inputs: Any) -> Any:
        return {"outputs": -_feature_x(inputs)}


def _feature_x(examples: Any) -> Any:
    return tf.io.parse_example(examples, {"x": tf.io.FixedLenFeature([1], tf.float32)})["x"]


def _save_counter(path: Path) -> None:
    """A model with state: signatures without inputs."""
    with v1.Session(graph=tf.Graph()) as session:
        counter = v1.get_variable("counter", initializer=0.0)
        step = v1.placeholder(tf.float32, [], "step")
        signatures = {
            "get": _signature({}, tf.identity(counter.read_value(), "got")),
            "increment_by": _signature({"step": step}, tf.identity(counter.assign_add(step), "incremented")),
            "reset": _signature({}, tf.identity(counter.assign(0.0), "back")),
        }
        session.run(v1.global_variables_initializer())
        builder = v1.saved_model.Builder(str(path))
        builder.add_meta_graph_and_variables(session, ["serve"], signature_def_map=signatures)
        builder.save()


def _signature(inputs: dict[str, Any], output: Any) -> Any:
    infos = {alias: v1.saved_model.build_tensor_info(one) for alias, one in inputs.items()}
    outputs = {"output": v1.saved_model.build_tensor_info(output)}
    return v1.saved_model.build_signature_def(infos, outputs, "tensorflow/serving/predict")


def _main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seen-as", type=Path, help="what the server calls the folder")
    arguments = parser.parse_args()
    write(arguments.folder.resolve(), seen_as=arguments.seen_as)


if __name__ == "__main__":
    _main()
