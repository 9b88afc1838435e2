"""``evaluate``: measures a finished run again, or on another set of labelled pictures."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from training import datasets
from training.cli.options import Commands, add_runs
from training.evaluation.strangers import PATCHES
from training.runs import LATEST, Run, find_run


def add(commands: Commands) -> None:
    """Declares the command."""
    parser = commands.add_parser(
        "evaluate",
        help="measure a trained model again, or on other pictures",
        description="Measures a finished run's model again on its test pictures and puts the new figures into the run: "
        "report.json, evaluation/, the confusion matrix, the temperature of the model, the card. With --dataset, "
        "measures it on other labelled pictures and prints the figures; the run stays as it is.",
    )
    add = parser.add_argument
    add("run", help=f"a run's folder, its name, or {LATEST!r}")
    others = parser.add_mutually_exclusive_group()
    others.add_argument(
        "--unknown",
        metavar="PICTURES",
        help="pictures of none of the classes, which should be refused: "
        f"{', '.join((*datasets.BUILT_IN, PATCHES))}, or a folder, zip or tar (default: digits; for digits, {PATCHES})",
    )
    others.add_argument(
        "--dataset",
        metavar="SOURCE",
        help="other pictures with labels of the same names: a built-in dataset's test pictures, or all pictures of a "
        "folder, zip or tar",
    )
    add_runs(parser)
    parser.set_defaults(command=_run, when_stopped="the run is as it was, but for pictures in its folder evaluation.")


def _run(options: argparse.Namespace) -> int:
    run = find_run(options.run, options.runs)
    if options.dataset:
        return _elsewhere(run, options.dataset)
    print("Measuring...", flush=True)
    from training.evaluation.again import measure_again

    report = measure_again(run, unknown=options.unknown, out=sys.stdout)
    calibration, unknown = report["calibration"], report["unknown"]
    print(
        f"Test accuracy {report['accuracy']:.2%}, macro F1 {report['macro']['f1']:.4f}\n"
        f"Temperature {calibration['temperature']:.3f}{_reason(calibration)}: calibration error "
        f"{calibration['before']['ece']:.4f} before, {calibration['after']['ece']:.4f} after\n"
        f'Below {unknown["threshold"]:.3f} the answer is "none of these": {unknown["kept"]:.1%} of the test '
        f"pictures are answered, {unknown['refused']:.1%} of {unknown['against']} refused "
        f"(AUROC {unknown['auroc']:.4f})\n"
        f"Written into {run.folder}. Next: python -m training report {run.folder}"
    )
    return 0


def _elsewhere(run: Run, source: str) -> int:
    from training.evaluation.again import measure_elsewhere

    figures = measure_elsewhere(run, source)
    print(
        f"{figures['dataset']}: accuracy {figures['accuracy']:.2%} on {figures['pictures']:,} pictures, macro F1 "
        f"{figures['macro']['f1']:.4f}, log loss {figures['log_loss']:.4f}, calibration error "
        f"{figures['calibration']['ece']:.4f}, {figures['kept']:.1%} answered\n"
    )
    width = max(len(row["label"]) for row in figures["per_class"])
    print(f"{'':{width}}  precision  recall      f1  pictures")
    for row in figures["per_class"]:
        if row["support"]:
            print(
                f"{row['label']:{width}}  {row['precision']:9.4f}  {row['recall']:6.4f}  {row['f1']:6.4f}  "
                f"{row['support']:8,}"
            )
    return 0


def _reason(calibration: dict[str, Any]) -> str:
    return f" ({calibration['reason']})" if calibration["reason"] else ""
