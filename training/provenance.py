"""How a model came about, as plain values for report.json: data, settings, network, machine, commit."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import subprocess
from dataclasses import asdict
from pathlib import Path
from typing import Any

import keras

from training.datasets.dataset import Dataset
from training.networks import KerasModel
from training.train import Settings, Trained


def header(dataset: Dataset, settings: Settings, trained: Trained) -> dict[str, Any]:
    """What is known before the model is measured."""
    preset = asdict(settings.preset)
    network = settings.preset.network
    preset["network"] = network.__name__ if hasattr(network, "__name__") else repr(network)
    return {
        "dataset": dataset.name,
        "labels": list(dataset.labels),
        "counts": {"train": len(dataset.train), "validation": len(dataset.validation), "test": len(dataset.test)},
        "settings": {
            "preset": preset,
            "seed": settings.seed,
            "epochs": len(trained.history),
            "precision": settings.precision,
            "class_weights": dict(zip(dataset.labels, trained.class_weights.round(4).tolist(), strict=True)),
        },
        "parameters": trained.model.count_params(),
        "architecture": architecture(trained.model),
        "seconds": round(trained.seconds, 2),
        "waiting": round(trained.waiting, 5),
        "hardware": hardware(),
        "framework": framework(),
        "git_commit": git_commit(),
        "skipped": [asdict(skipped) for skipped in dataset.skipped],
    }


def architecture(model: KerasModel) -> list[dict[str, Any]]:
    """A model's layers in order: name, type, shape of the output, number of parameters, names of the inputs."""
    found: list[dict[str, Any]] = []
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            found += architecture(layer)[1:]
            continue
        found.append(
            {
                "name": layer.name,
                "type": type(layer).__name__,
                "shape": list(layer.output.shape[1:]),
                "parameters": layer.count_params(),
                "inputs": [tensor._keras_history.operation.name for tensor in _inputs(layer)],
            }
        )
    return found


def hardware() -> str:
    """What it was computed on, for instance ``2 cores of AMD EPYC, x86_64``, or the accelerators' names."""
    if devices := _accelerators():
        return ", ".join(devices)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"{cores} cores of {_processor()}, {platform.machine()}"


def _accelerators() -> list[str]:
    """The devices that the backend computes on, for instance ``gpu:0``; none if that is the CPU."""
    # Keras lists no devices for PyTorch, but a new tensor is on the one that is used.
    on_torch = keras.backend.backend() == "torch"
    devices = [str(keras.ops.zeros(1).device)] if on_torch else keras.distribution.list_devices()
    return [device for device in devices if not device.startswith("cpu")]


def framework() -> str:
    """For instance ``keras 3.15.1, tensorflow 2.20.0``: the backend that trained."""
    backend = keras.backend.backend()
    # TensorFlow's wheels have several names, but one package of them all.
    names = importlib.metadata.packages_distributions().get(backend, [backend])
    return f"keras {keras.__version__}, {backend} {importlib.metadata.version(names[0])}"


def git_commit() -> str:
    """The commit of this code, empty if unknown."""
    command = ["git", "rev-parse", "HEAD"]
    here = Path(__file__).parent
    try:
        # S603: the command is the constant above.
        found = subprocess.run(command, cwd=here, capture_output=True, text=True, timeout=10, check=False)  # noqa: S603
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return found.stdout.strip() if found.returncode == 0 else ""


def _inputs(layer: Any) -> list[Any]:
    given = layer.input if layer._inbound_nodes and type(layer).__name__ != "InputLayer" else []
    return list(given) if isinstance(given, list | tuple) else [given]


def _processor() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return platform.processor() or "an unknown processor"
    lines = (line.partition(":") for line in text.splitlines())
    return next((value.strip() for key, _, value in lines if key.strip() == "model name"), platform.processor())
