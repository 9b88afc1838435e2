"""``train``: fits a preset's network to a dataset and measures it."""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from typing import get_args

from contract.card import ImageSpec, Resize
from training import datasets
from training.cli.options import Commands, add_runs, model_name, positive, size
from training.datasets.dataset import Dataset
from training.presets import DEFAULT, PRESETS
from training.runs import new_run

_SHOWN_SKIPPED = 10


def add(commands: Commands) -> None:
    """Declares the command."""
    parser = commands.add_parser("train", help="train a model and measure it", epilog=_preset_help())
    add = parser.add_argument
    add("--dataset", required=True, help=f"{', '.join(datasets.BUILT_IN)}, or a folder, zip or tar of class folders")
    add("--preset", choices=PRESETS, default=DEFAULT, help="network and settings (default: %(default)s)")
    add("--epochs", type=positive, help="instead of the preset's")
    add("--batch-size", type=positive, help="instead of the preset's")
    add("--seed", type=int, default=0, help="of the split, the weights, the order (default: %(default)s)")
    add_runs(parser)
    add("--name", type=model_name, help="the model's name (default: the dataset's)")
    add("--image-size", type=size, metavar="N|HxW", help="pixels, for pictures in files (default: 96)")
    add("--resize", choices=get_args(Resize), help="how pictures in files get that size (default: stretch)")
    parser.set_defaults(command=_run, when_stopped="the run is not finished and cannot be exported.")


def _run(options: argparse.Namespace) -> int:
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
