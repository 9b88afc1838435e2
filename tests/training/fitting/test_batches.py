"""Batches: every picture once an epoch, in an order that a resumed training repeats; rare classes count more."""

from __future__ import annotations

import numpy as np
import pytest

from training.datasets.dataset import Part
from training.fitting.batches import Batches
from training.fitting.class_weights import class_weights


def numbered(count: int) -> Part:
    """Pictures of one pixel that holds their number."""
    return Part(np.arange(count, dtype=np.uint8).reshape(count, 1, 1, 1), np.arange(count) % 3)


def shown(batches: Batches, epoch: int, first: int = 0) -> list[list[int]]:
    return [batch.images.ravel().tolist() for batch in batches.epoch(epoch, first=first)]


def test_every_picture_comes_once_an_epoch_and_the_last_batch_is_filled_up() -> None:
    batches = Batches(numbered(10), np.ones(3, np.float32), size=4, seed=0)
    rows = shown(batches, 1)
    assert batches.steps == len(rows) == 3
    assert sorted([*rows[0], *rows[1], *rows[2][:2]]) == list(range(10))
    assert rows[2][2:] == rows[0][:2]


def test_the_order_hangs_on_seed_and_epoch_and_can_be_entered_in_the_middle() -> None:
    batches = Batches(numbered(50), np.ones(3, np.float32), size=8, seed=7)
    again = Batches(numbered(50), np.ones(3, np.float32), size=8, seed=7)
    assert shown(batches, 3) == shown(again, 3)
    assert shown(batches, 3) != shown(batches, 4)
    assert shown(batches, 3, first=2) == shown(again, 3)[2:]


def test_a_batch_is_never_larger_than_the_dataset() -> None:
    batches = Batches(numbered(5), np.ones(3, np.float32), size=64, seed=0)
    assert (batches.size, batches.steps) == (5, 1)


def test_labels_are_one_hot_and_weights_those_of_the_class() -> None:
    batches = Batches(numbered(6), np.array([1, 2, 3], np.float32), size=6, seed=0)
    batch = next(iter(batches.epoch(1)))
    classes = batch.images.ravel() % 3
    assert batch.labels.argmax(axis=1).tolist() == classes.tolist()
    assert batch.weights.tolist() == (classes + 1).tolist()
    assert {batch.labels.dtype, batch.weights.dtype} == {np.dtype(np.float32)}


def test_leaving_an_epoch_early_ends_its_thread() -> None:
    batches = Batches(numbered(100), np.ones(3, np.float32), size=2, seed=0)
    epoch = batches.epoch(1)
    next(epoch)
    epoch.close()
    assert batches.waited_s >= 0


def test_balanced_classes_count_alike() -> None:
    assert class_weights(np.array([0, 0, 0, 1, 1]), 2).tolist() == [1, 1]


def test_a_rare_class_counts_more_and_the_average_picture_one() -> None:
    classes = np.array([0] * 400 + [1] * 100)
    weights = class_weights(classes, 2)
    assert weights[1] / weights[0] == pytest.approx(2)
    assert weights[classes].mean() == pytest.approx(1)


def test_a_class_without_a_training_picture_breaks_nothing() -> None:
    assert np.isfinite(class_weights(np.array([0, 0, 0, 0, 2]), 3)).all()
