"""``train``: fits a preset's network to a dataset and measures it."""

from __future__ import annotations

import argparse
import os
import sys
from typing import get_args

from contract.card import Resize
from training import datasets
from training.cli.options import Commands, add_runs, model_name, positive, rate, size
from training.datasets.dataset import Dataset
from training.job import Job
from training.networks.backbones import BACKBONES
from training.presets import DEFAULT, DEFAULT_BACKBONE, PRESETS
from training.presets.preset import Precision
from training.runs import Run, find_unfinished

_SHOWN_SKIPPED = 10


def add(commands: Commands) -> None:
    """Declares the command."""
    parser = commands.add_parser(
        "train",
        help="train a model and measure it",
        epilog=_preset_help(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    _add_data(parser.add_argument_group("data"))
    _add_training(parser.add_argument_group("training"))
    group = parser.add_argument_group("run")
    add_runs(group)
    group.add_argument("--name", type=model_name, help="the model's name (default: the dataset's)")
    group.add_argument("--resume", metavar="RUN", help="go on with an unfinished run: its folder or name, or 'latest'")
    group.add_argument("--new", action="store_true", help="begin anew even if the same training was stopped before")
    stopped = "the same command goes on where it stopped (with --new, it begins anew)."
    parser.set_defaults(command=_run, when_stopped=stopped, parser=parser)


def _add_data(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add("--dataset", help=f"{', '.join(datasets.BUILT_IN)}, or a folder, zip or tar of class folders")
    add("--split", metavar="FILE.csv", help="which picture is for training, validation, test (columns: file, split)")
    add("--image-size", type=size, metavar="N|HxW", help="pixels, for pictures in files (default: 96, or their own)")
    add("--channels", type=int, choices=(1, 3), help="grey or colour, for pictures in files (default: 3)")
    add("--resize", choices=get_args(Resize), help="how pictures in files get that size (default: stretch)")


def _add_training(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add("--preset", choices=PRESETS, default=DEFAULT, help="network and settings, see below (default: %(default)s)")
    add(
        "--backbone",
        choices=BACKBONES,
        metavar="NAME",
        help=f"for --preset transfer: {', '.join(BACKBONES)} (default: {DEFAULT_BACKBONE})",
    )
    add("--epochs", type=positive, metavar="N", help="instead of the preset's")
    add("--batch-size", type=positive, metavar="N", help="instead of the preset's")
    add("--learning-rate", type=rate, metavar="X", help="instead of the preset's")
    add("--find-lr", action="store_true", help="measure which learning rate the network can take, and use that")
    add("--no-class-weights", action="store_true", help="let rare classes count no more than their pictures")
    add("--precision", choices=get_args(Precision), default="float32", help="to compute in (default: %(default)s)")
    add("--seed", type=int, default=0, help="of the split, the weights, the order (default: %(default)s)")


def _run(options: argparse.Namespace) -> int:
    job, run = _job(options)
    dataset = job.load_dataset(sys.stdout)
    _describe(dataset)
    print(f"Starting {os.environ.get('KERAS_BACKEND', 'tensorflow')}...", flush=True)
    from training.run_job import run_job

    run = run_job(job, dataset, run, options.runs, find_lr=options.find_lr)
    print(f"Report: {run.page}")
    print(f"Next: python -m training export {run.folder}")
    return 0


def _job(options: argparse.Namespace) -> tuple[Job, Run | None]:
    """What to do, and the unfinished run to go on with if there is one."""
    if options.resume:
        run = find_unfinished(options.resume, options.runs)
        return Job.read(run)[0], run
    if not options.dataset:
        options.parser.error("--dataset is needed: " + ", ".join(datasets.BUILT_IN) + ", or a path (or --resume RUN)")
    if options.backbone and options.preset != "transfer":
        options.parser.error(f"--backbone is for --preset transfer. Received: --preset {options.preset}")
    height, width = options.image_size or (None, None)
    job = Job(
        source=options.dataset,
        split=options.split,
        height=height,
        width=width,
        channels=options.channels,
        resize=options.resize,
        seed=options.seed,
        preset=options.preset,
        backbone=options.backbone,
        epochs=options.epochs,
        batch_size=options.batch_size,
        learning_rate=options.learning_rate,
        precision=options.precision,
        weigh_classes=not options.no_class_weights,
        name=options.name,
    )
    return job, None if options.new or options.find_lr else job.unfinished(options.runs)


def _describe(dataset: Dataset) -> None:
    height, width, channels = dataset.spec.shape
    print(
        f"{dataset.name}: {len(dataset.labels)} classes, {len(dataset.train):,} pictures to train on, "
        f"{len(dataset.validation):,} to watch, {len(dataset.test):,} to test, {height}x{width}x{channels}"
    )
    for note in dataset.notes:
        print(note)
    for label in dataset.empty:
        print(f"Warning: {label} has no readable picture and is no class", file=sys.stderr)
    for skipped in dataset.skipped[:_SHOWN_SKIPPED]:
        print(f"Skipped {skipped.file}: {skipped.reason}", file=sys.stderr)
    if len(dataset.skipped) > _SHOWN_SKIPPED:
        rest = len(dataset.skipped) - _SHOWN_SKIPPED
        print(f"Skipped {rest} more files: they are listed in the run's report.json", file=sys.stderr)


def _preset_help() -> str:
    lines = [f"  {name:<18} {(make.__doc__ or '').splitlines()[0]}" for name, make in PRESETS.items()]
    return "\n".join(["presets:", *lines])
