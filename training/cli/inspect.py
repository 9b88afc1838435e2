"""``inspect``: a look at a dataset before anything is trained on it."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import get_args

from contract.card import Resize
from training import datasets
from training.cli.options import Commands, size


def add(commands: Commands) -> None:
    """Declares the command."""
    parser = commands.add_parser(
        "inspect",
        help="look at a dataset before training: counts, sizes, duplicates, unreadable files, samples",
        description="Counts the pictures of each class, finds unreadable files and duplicates, draws some samples.",
    )
    add = parser.add_argument
    add("--dataset", required=True, help=f"{', '.join(datasets.BUILT_IN)}, or a folder, zip or tar of class folders")
    add(
        "--split",
        type=Path,
        metavar="FILE.csv",
        help="which picture is for training, validation, test (columns: file, split)",
    )
    add("--image-size", type=size, metavar="N|HxW", help="pixels, for pictures in files (default: 96, or their own)")
    add("--channels", type=int, choices=(1, 3), help="grey or colour, for pictures in files (default: 3)")
    add("--resize", choices=get_args(Resize), help="how pictures in files get that size (default: stretch)")
    add("--seed", type=int, default=0, help="of the split (default: %(default)s)")
    add("--output", type=Path, metavar="FOLDER", help="gets inspection.json and samples.png (default: inspection-NAME)")
    parser.set_defaults(command=_run, when_stopped="nothing was written.")


def _run(options: argparse.Namespace) -> int:
    height, width = options.image_size or (None, None)
    wanted = datasets.PartialSpec(height, width, options.channels, options.resize)
    spec = None if wanted == datasets.PartialSpec() else wanted
    dataset = datasets.load(options.dataset, spec=spec, seed=options.seed, split=options.split, out=sys.stdout)
    from training.inspection import inspect, summary, write

    inspection = inspect(dataset)
    folder = options.output or Path(f"inspection-{dataset.name}")
    write(inspection, folder)
    print(summary(inspection))
    for note in dataset.notes:
        print(note)
    print(f"Written: {folder}/inspection.json and samples.png")
    return 0
