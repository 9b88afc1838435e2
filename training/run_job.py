"""A training job from its data to a finished run: the steps that ``python -m training train`` takes."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

from training import datasets
from training.datasets.dataset import Dataset
from training.errors import RunError
from training.inspection.inspection import inspect
from training.inspection.write import write as write_inspection
from training.job import Job
from training.record import record
from training.report.write import write_report
from training.runs import Run, new_run
from training.train import Settings, search_rate, train


def run_job(job: Job, dataset: Dataset, run: Run | None, runs: Path, *, find_lr: bool = False) -> Run:
    """Inspects the data, trains, measures, records and reports.

    Args:
        job: What was asked for.
        dataset: Its data.
        run: An unfinished run of the job to go on with; None makes a new one.
        runs: The folder of all runs.
        find_lr: Whether the learning rate is measured first.

    Returns:
        The run, finished.

    Raises:
        RunError: The run's data is not what it was, or another process is at work on it.
    """
    if find_lr:
        job = _with_found_rate(job, dataset)
    fingerprint = datasets.fingerprint(dataset)
    if run is None:
        run = new_run(runs, dataset.name)
        job.write(run, fingerprint)
    elif Job.read(run)[1] != fingerprint:
        raise RunError(
            f"The pictures of {job.source} are not those that {run.folder} began with: train anew with --new"
        )
    else:
        print(f"Going on with {run.folder}, which was stopped (--new begins anew)", flush=True)
    with run.claimed() as log:
        if not run.inspection.is_file():
            write_inspection(inspect(dataset), run.inspection.parent)
        trained = train(
            dataset, _settings(job), out=sys.stdout, log=log, checkpoint=run.checkpoint, tensorboard=run.tensorboard
        )
        report = record(run, dataset, _settings(job), trained, name=job.name or dataset.name, out=sys.stdout)
        summary = (
            f"Test accuracy {report['accuracy']:.2%} on {len(dataset.test):,} pictures, macro F1 "
            f"{report['macro']['f1']:.4f}, trained in {report['seconds']:.0f} s: {run.folder}"
        )
        log.write(f"{summary}\n")
        print(summary, flush=True)
    run.checkpoint.unlink(missing_ok=True)
    write_report(run)
    return run


def _settings(job: Job) -> Settings:
    return Settings(job.make_preset(), job.seed, job.epochs, precision=job.precision, weigh_classes=job.weigh_classes)


def _with_found_rate(job: Job, dataset: Dataset) -> Job:
    print("Searching the learning rate...", flush=True)
    found = search_rate(dataset, _settings(job))
    print(
        f"The loss is lowest at {found.proposed * 10:g} and breaks near {found.rates[-1]:.0e}: "
        f"training with {found.proposed:g} (the preset has {job.make_preset().optimizer.learning_rate:g})"
    )
    return replace(job, learning_rate=found.proposed)
