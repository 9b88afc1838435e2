"""The command line: arguments in, sentences and an exit status out. TensorFlow is imported when a job begins."""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import get_args

from contract.card import CardError, ImageSpec, Resize
from contract.versions import PublishError, check_name
from training import datasets
from training.datasets.dataset import Dataset
from training.errors import TrainingError
from training.presets import DEFAULT, PRESETS
from training.runs import LATEST, find_run, new_run

_INTERRUPTED = 130
_SHOWN_SKIPPED = 10


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command and gives its exit status: 0 done, 1 refused, 2 misused, 130 stopped by Ctrl-C."""
    options = _parser().parse_args(arguments)
    # What TensorFlow says of itself at start-up is nothing that a person could act on.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    try:
        return int(options.command(options))
    except (TrainingError, PublishError, CardError, OSError) as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"\nStopped by Ctrl-C: {options.when_stopped}", file=sys.stderr)
        return _INTERRUPTED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m training", description="Train a classifier, export it for serving."
    )
    commands = parser.add_subparsers(required=True, metavar="train|export")
    _add_train(commands.add_parser("train", help="train a model and measure it", epilog=_preset_help()))
    _add_export(commands.add_parser("export", help="publish a trained model into a model repository"))
    return parser


def _add_train(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--dataset", required=True, help=f"{', '.join(datasets.BUILT_IN)}, or a folder, zip or tar of class folders")
    add("--preset", choices=PRESETS, default=DEFAULT, help="network and settings (default: %(default)s)")
    add("--epochs", type=_positive, help="instead of the preset's")
    add("--batch-size", type=_positive, help="instead of the preset's")
    add("--seed", type=int, default=0, help="of the split, the weights, the order (default: %(default)s)")
    add("--runs", type=Path, default=Path("runs"), help="folder of all runs (default: %(default)s)")
    add("--name", type=_model_name, help="the model's name (default: the dataset's)")
    add("--image-size", type=_size, metavar="N|HxW", help="pixels, for pictures in files (default: 96)")
    add("--resize", choices=get_args(Resize), help="how pictures in files get that size (default: stretch)")
    parser.set_defaults(command=_train, when_stopped="the run is not finished and cannot be exported.")


def _add_export(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("run", help=f"a run's folder, its name, or {LATEST!r}")
    add("--repository", type=Path, help="the model repository (default: $MODEL_REPOSITORY, else ./models)")
    add("--name", help="the model's name there (default: as trained)")
    add("--runs", type=Path, default=Path("runs"), help="folder of all runs (default: %(default)s)")
    parser.set_defaults(command=_export, when_stopped="nothing was published.")


def _train(options: argparse.Namespace) -> int:
    dataset = datasets.load(options.dataset, spec=_spec(options), seed=options.seed)
    _describe(dataset)
    print("Starting TensorFlow...", flush=True)
    from training.record import record
    from training.train import Settings, train

    preset = PRESETS[options.preset]()
    preset = replace(preset, batch_size=options.batch_size or preset.batch_size)
    settings = Settings(preset, options.seed, options.epochs)
    run = new_run(options.runs, dataset.name)
    with run.log.open("w", encoding="utf-8") as log:
        trained = train(dataset, settings, out=sys.stdout, log=log)
        report = record(run, dataset, settings, trained, name=options.name or dataset.name)
        summary = (
            f"Test accuracy {report['accuracy']:.2%} on {len(dataset.test):,} pictures, macro F1 "
            f"{report['macro']['f1']:.4f}, trained in {trained.seconds:.0f} s: {run.folder}"
        )
        log.write(f"{summary}\n")
    print(f"{summary}\nNext: python -m training export {run.folder}")
    return 0


def _export(options: argparse.Namespace) -> int:
    run = find_run(options.run, options.runs)
    name = check_name(options.name or run.read_card().name)
    repository = options.repository or Path(os.environ.get("MODEL_REPOSITORY") or "models")
    from training.export import export

    published = export(run, repository, name)
    checks = published.checks
    print(
        f"Published {published.folder} from {run.folder}: {published.size_bytes / 1e6:.1f} MB, probabilities within "
        f"{checks.max_difference:.1e} of the Keras model's on {checks.images} pictures, serving_bytes within "
        f"{checks.bytes_max_difference:.1e} on {checks.bytes_pictures} files"
    )
    return 0


def _spec(options: argparse.Namespace) -> ImageSpec | None:
    if options.image_size is None and options.resize is None:
        return None
    spec = datasets.DEFAULT_SPEC
    height, width = options.image_size or (spec.height, spec.width)
    return replace(spec, height=height, width=width, resize=options.resize or spec.resize)


def _describe(dataset: Dataset) -> None:
    height, width, channels = dataset.spec.shape
    print(
        f"{dataset.name}: {len(dataset.labels)} classes, {len(dataset.train):,} pictures to train on, "
        f"{len(dataset.validation):,} to watch, {len(dataset.test):,} to test, {height}x{width}x{channels}"
    )
    for skipped in dataset.skipped[:_SHOWN_SKIPPED]:
        print(f"Skipped {skipped.file}: {skipped.reason}", file=sys.stderr)
    if len(dataset.skipped) > _SHOWN_SKIPPED:
        rest = len(dataset.skipped) - _SHOWN_SKIPPED
        print(f"Skipped {rest} more files: they are listed in the run's report.json", file=sys.stderr)


def _preset_help() -> str:
    return "presets: " + " ".join(f"{name}: {(make.__doc__ or '').splitlines()[0]}" for name, make in PRESETS.items())


def _positive(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text)):
        raise argparse.ArgumentTypeError(f"expected a whole number, at least 1. Received: {text!r}")
    return int(text)


def _size(text: str) -> tuple[int, int]:
    """``96`` or ``96x128`` (height, width)."""
    sides = [_positive(part) for part in text.lower().split("x")]
    if len(sides) > 2:
        raise argparse.ArgumentTypeError(f"expected N or HxW, in pixels. Received: {text!r}")
    return sides[0], sides[-1]


def _model_name(text: str) -> str:
    try:
        return check_name(text)
    except PublishError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
