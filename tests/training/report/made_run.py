"""Finished runs without a training: their figures are counted from made-up answers, and so agree with each other."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from sklearn.datasets import load_digits

from contract.card import ImageSpec, ModelCard
from training.runs import Run

Json = dict[str, Any]


def make_run(
    folder: Path, labels: Sequence[str] = tuple("0123456789"), *, tested: int = 360, skill: float = 4.0, seed: int = 0
) -> Run:
    """Writes a run that has everything: `skill` says how far right answers stand out (4: some 95 % are right)."""
    run = Run(folder)
    (folder / "evaluation").mkdir(parents=True)
    (folder / "data").mkdir()
    rng = np.random.default_rng(seed)
    classes = np.arange(tested) % len(labels)
    scores = rng.normal(size=(tested, len(labels)))
    scores[np.arange(tested), classes] += skill
    probabilities = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    pictures = _pictures(folder)
    report = {
        **_header(labels, tested),
        **_figures(labels, classes, probabilities),
        **_failures(labels, classes, probabilities, pictures),
    }
    write(run.report, report)
    write(run.history, _history(12))
    write(
        folder / "settings.json",
        {
            "dataset": {"source": "digits", "split": None, "height": None, "width": None, "seed": 0},
            "preset": "resnet-small",
            "backbone": None,
            "epochs": 12,
            "precision": "float32",
            "weigh_classes": True,
            "name": None,
        },
    )
    write(folder / "data" / "inspection.json", _inspection(labels, tested))
    card = ModelCard(
        name="digits",
        labels=tuple(labels),
        image=ImageSpec(8, 8, 1),
        metrics={"accuracy": report["accuracy"]},
        dataset="digits",
        created="2026-01-02T12:00:00+00:00",
        framework="keras 3.15.1, tensorflow 2.20.0",
        git_commit="0123456789abcdef0123456789abcdef01234567",
    )
    run.card.write_text(card.to_json(), encoding="utf-8")
    return run


def write(path: Path, value: object) -> None:
    path.write_text(json.dumps(value), encoding="utf-8")


def change(run: Run, **keys: Any) -> None:
    """Sets keys of ``report.json``; None removes one."""
    report = {**run.read_report(), **keys}
    write(run.report, {key: value for key, value in report.items() if value is not None})


@cache
def _digits() -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    images, target = load_digits(return_X_y=True)
    return images.reshape(-1, 8, 8), target


def _pictures(folder: Path) -> list[str]:
    names = []
    for number, pixels in enumerate(_digits()[0][:24]):
        names.append(f"evaluation/{number}.png")
        Image.fromarray((pixels * 15).astype(np.uint8)).save(folder / names[-1])
    grid = Image.new("L", (900, 420), 250)
    draw = ImageDraw.Draw(grid)
    for number, pixels in enumerate(_digits()[0][:40]):
        at = (10 + number % 10 * 89, 10 + number // 10 * 102)
        grid.paste(Image.fromarray((pixels * 15).astype(np.uint8)).resize((72, 72), Image.Resampling.NEAREST), at)
        draw.text((at[0], at[1] + 76), str(_digits()[1][number]), fill=60)
    grid.save(folder / "data" / "samples.png")
    heat = np.linspace(0, 255, 96 * 96).reshape(96, 96).astype(np.uint8)
    for number in range(4):
        Image.merge(
            "RGB", [Image.fromarray(np.rot90(heat, number)), Image.new("L", (96, 96), 90), Image.fromarray(heat.T)]
        ).save(folder / "evaluation" / f"overlay-{number}.png")
    return names


def _header(labels: Sequence[str], tested: int) -> Json:
    augmentation = {"mirror": False, "shift": 0.06, "rotation": 5.0, "erase": 0.25, "mixup": 0.0}
    optimizer = {"name": "adamw", "learning_rate": 0.002, "schedule": "cosine", "weight_decay": 0.05}
    preset = {
        "name": "resnet-small", "network": "resnet_small", "optimizer": optimizer, "epochs": 14, "batch_size": 64,
        "augmentation": augmentation, "label_smoothing": 0.05, "average": 0.05, "patience": None,
    }  # fmt: skip
    weights = dict(zip(labels, (1 + 0.1 * (index % 3) for index in range(len(labels))), strict=True))
    return {
        "dataset": "digits",
        "labels": list(labels),
        "counts": {"train": 3 * tested, "validation": tested // 2, "test": tested},
        "settings": {"preset": preset, "seed": 0, "epochs": 12, "precision": "float32", "class_weights": weights},
        "parameters": 145578,
        "seconds": 33.2,
        "waiting": 0.012,
        "hardware": "2 cores of AMD EPYC, x86_64",
        "skipped": [],
        "architecture": _architecture(len(labels)),
        "latency": {
            "1": {"p50_ms": 3.21, "p99_ms": 5.4, "images_per_s": 311.0},
            "32": {"p50_ms": 18.4, "p99_ms": 25.0, "images_per_s": 1739.1},
        },
        "model_bytes": 640_000,
    }


def _architecture(classes: int) -> list[Json]:
    layers = [("images", "InputLayer", [8, 8, 1], 0), ("normalization", "Normalization", [8, 8, 1], 3)]
    layers += [
        ("conv", "Conv2D", [8, 8, 32], 288),
        ("bn", "BatchNormalization", [8, 8, 32], 128),
        ("relu", "ReLU", [8, 8, 32], 0),
    ]
    for block, width in enumerate((48, 96)):
        for part in range(2):
            layers.append((f"conv{block}{part}", "Conv2D", [8 >> block, 8 >> block, width], width * width * 9))
            layers.append((f"bn{block}{part}", "BatchNormalization", [8 >> block, 8 >> block, width], 4 * width))
        layers.append((f"add{block}", "Add", [8 >> block, 8 >> block, width], 0))
        layers.append((f"pool{block}", "MaxPooling2D", [4 >> block, 4 >> block, width], 0))
    layers += [("mean", "GlobalAveragePooling2D", [96], 0), ("logits", "Dense", [classes], 97 * classes)]
    layers += [("temperature", "Rescaling", [classes], 0), ("probabilities", "Softmax", [classes], 0)]
    names = ("name", "type", "shape", "parameters")
    return [dict(zip(names, layer, strict=True), inputs=[]) for layer in layers]


def _figures(labels: Sequence[str], classes: NDArray[np.int64], probabilities: NDArray[np.float64]) -> Json:
    names = ("precision", "recall", "f1")
    answers = probabilities.argmax(axis=1)
    matrix = np.zeros((len(labels), len(labels)), int)
    np.add.at(matrix, (classes, answers), 1)
    hits, support = np.diag(matrix), matrix.sum(axis=1)
    precision, recall = hits / np.maximum(matrix.sum(axis=0), 1), hits / np.maximum(support, 1)
    scores = (precision, recall, 2 * hits / np.maximum(matrix.sum(axis=0) + support, 1))
    figures: Json = {
        "accuracy": float((answers == classes).mean()),
        "log_loss": float(-np.log(probabilities[np.arange(len(classes)), classes]).mean()),
        "macro": {name: float(values.mean()) for name, values in zip(names, scores, strict=True)},
        "per_class": [
            {"label": label, "support": int(support[i]), **{n: float(scores[k][i]) for k, n in enumerate(names)}}
            for i, label in enumerate(labels)
        ],
        "confusion_matrix": matrix.tolist(),
    }
    figures["weighted"] = {
        n: float(np.average([row[n] for row in figures["per_class"]], weights=support)) for n in names
    }
    ranks = (probabilities > probabilities[np.arange(len(classes)), classes][:, None]).sum(axis=1)
    figures["top_k"] = {str(k): float((ranks < k).mean()) for k in (3, 5) if k < len(labels)}
    top, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == classes
    bins = _bins(top, right)
    figures["calibration"] = {
        "temperature": 1.31,
        "before": {"ece": 0.034, "log_loss": figures["log_loss"] * 1.1, "bins": _bins(top**0.5, right)},
        "after": {"ece": 0.011, "log_loss": figures["log_loss"], "bins": bins},
    }
    figures["categories"] = None
    return figures


def _bins(top: NDArray[np.float64], right: NDArray[np.bool_]) -> list[Json]:
    found = []
    for low in np.arange(0, 1, 0.1):
        inside = (top > low) & (top <= low + 0.1)
        if inside.any():
            means = {"confidence": float(top[inside].mean()), "accuracy": float(right[inside].mean())}
            found.append({"low": float(low), "high": float(low + 0.1), "count": int(inside.sum()), **means})
    return found


def _failures(
    labels: Sequence[str], classes: NDArray[np.int64], probabilities: NDArray[np.float64], pictures: list[str]
) -> Json:
    answers = probabilities.argmax(axis=1)
    wrong = np.flatnonzero(answers != classes)

    def picture(index: int) -> Json:
        return {
            "picture": pictures[index % len(pictures)],
            "file": f"test/{labels[classes[index]]}/{index}.png",
            "right": labels[classes[index]],
            "answer": labels[answers[index]],
            "probability": float(probabilities[index].max()),
            "loss": float(-np.log(probabilities[index, classes[index]])),
        }

    pairs: dict[tuple[int, int], list[int]] = {}
    for index in wrong:
        pairs.setdefault((int(classes[index]), int(answers[index])), []).append(int(index))
    confused = [
        {
            "right": labels[right], "answer": labels[answer], "count": len(found),
            "share": len(found) / int((classes == right).sum()), "pictures": [picture(i) for i in found[:6]],
        }
        for (right, answer), found in sorted(pairs.items(), key=lambda pair: -len(pair[1]))[:6]
    ]  # fmt: skip
    losses = sorted((picture(int(index)) for index in wrong), key=lambda item: -item["loss"])[:12]
    explanations = [{**picture(number), "overlay": f"evaluation/overlay-{number}.png"} for number in range(4)]
    strangers = [
        {"picture": name, "answer": labels[n % len(labels)], "probability": 0.2 + 0.1 * n}
        for n, name in enumerate(pictures[:8])
    ]
    unknown = {
        "threshold": 0.62,
        "kept": 0.95,
        "against": "fashion_mnist",
        "auroc": 0.934,
        "refused": 0.81,
        "pictures": strangers,
    }
    return {"confused": confused, "top_losses": losses, "explanations": explanations, "unknown": unknown}


def _history(epochs: int) -> list[Json]:
    return [
        {
            "epoch": epoch, "loss": 1.6 * 0.72**epoch + 0.05, "accuracy": 1 - 0.6 * 0.68**epoch,
            "validation_loss": 1.3 * 0.76**epoch + 0.11, "validation_accuracy": 0.975 - 0.5 * 0.7**epoch,
            "seconds": 2.7, "learning_rate": 0.001 * (1 + np.cos(np.pi * epoch / epochs)), "waiting": 0.01,
        }
        for epoch in range(1, epochs + 1)
    ]  # fmt: skip


def _inspection(labels: Sequence[str], tested: int) -> Json:
    counts = {}
    for index, label in enumerate(labels):
        share = tested // len(labels) + (index * 7) % 5
        counts[label] = {"train": 3 * share - index % 3, "validation": share // 2, "test": share}
    first, last = labels[0], labels[-1]

    def group(kind: str, *files: tuple[str, str, str], across: bool, differ: bool) -> Json:
        listed = [dict(zip(("file", "part", "label"), file, strict=True)) for file in files]
        return {"kind": kind, "files": listed, "across_parts": across, "labels_differ": differ}

    one, other = (f"{first}/17.png", "train", first), (f"{last}/91.png", "train", last)
    near, far = (f"{first}/3.png", "train", first), (f"{first}/4.png", "test", first)
    duplicates = [
        group("exact", one, other, across=False, differ=True),
        group("near", near, far, across=True, differ=False),
    ]
    return {
        "counts": counts,
        "sizes": {"smallest": [8, 8], "median": [8, 8], "largest": [8, 8]},
        "formats": {"PNG": 1790, "JPEG": 7},
        "skipped": [{"file": f"{first}/notes.txt", "reason": "Expected PNG, JPEG, … Received: text"}],
        "duplicates": duplicates,
        "empty": [],
        "samples": "data/samples.png",
    }
