"""The figures: counted by hand, with classes that are missing, at both levels of hierarchical labels."""

from __future__ import annotations

import json

import numpy as np
import pytest

from training.evaluation.categories import evaluate_categories
from training.evaluation.metrics import evaluate_answers

# Right: a a a b b c. Answered: a a b b b a. Nothing is ever called c.
ANSWERS = np.eye(3, dtype=np.float32)[[0, 0, 1, 1, 1, 0]]
CLASSES = np.array([0, 0, 0, 1, 1, 2])


def test_the_figures_are_those_counted_by_hand() -> None:
    report = evaluate_answers(ANSWERS, CLASSES, ("a", "b", "c"))
    assert report["accuracy"] == pytest.approx(4 / 6)
    assert report["confusion_matrix"] == [[2, 1, 0], [0, 2, 0], [1, 0, 0]]
    a, b, c = report["per_class"]
    assert (a["precision"], a["recall"], a["support"]) == (pytest.approx(2 / 3), pytest.approx(2 / 3), 3)
    assert (b["precision"], b["recall"], b["f1"]) == (pytest.approx(2 / 3), 1.0, pytest.approx(0.8))
    assert (c["precision"], c["recall"], c["f1"], c["support"]) == (0.0, 0.0, 0.0, 1)
    assert report["macro"]["recall"] == pytest.approx((2 / 3 + 1 + 0) / 3)
    assert report["weighted"]["recall"] == pytest.approx(4 / 6)
    assert report["top_k"] == {}
    json.dumps(report)


def test_a_class_without_test_pictures_does_not_pull_the_means_down() -> None:
    report = evaluate_answers(np.eye(4, dtype=np.float32)[[0, 1, 2]], np.array([0, 1, 2]), ("a", "b", "c", "d"))
    assert report["macro"] == report["weighted"] == {"precision": 1.0, "recall": 1.0, "f1": 1.0}
    assert report["per_class"][3]["support"] == 0
    assert np.shape(report["confusion_matrix"]) == (4, 4)


def test_top_k_counts_the_right_class_among_the_k_most_probable() -> None:
    probabilities = np.tile(np.array([0.4, 0.3, 0.15, 0.1, 0.04, 0.01], np.float32), (4, 1))
    report = evaluate_answers(probabilities, np.array([0, 2, 3, 5]), tuple("abcdef"))
    assert (report["accuracy"], report["top_k"]) == (0.25, {"3": 0.5, "5": 0.75})


def test_a_network_that_always_answers_alike_is_not_right_within_top_k() -> None:
    probabilities = np.full((6, 6), 1 / 6, np.float32)
    assert evaluate_answers(probabilities, np.arange(6), tuple("abcdef"))["top_k"] == {
        "3": 0.5,
        "5": pytest.approx(5 / 6),
    }


def test_two_classes_and_five_hundred_have_figures() -> None:
    two = evaluate_answers(np.array([[0.7, 0.3]], np.float32), np.array([1]), ("no", "yes"))
    assert (two["accuracy"], two["log_loss"]) == (0.0, pytest.approx(-np.log(0.3), rel=1e-6))
    many = evaluate_answers(np.eye(500, dtype=np.float32), np.arange(500), [str(n) for n in range(500)])
    assert (many["accuracy"], many["macro"]["f1"], many["top_k"]["5"]) == (1.0, 1.0, 1.0)


def test_a_category_is_as_probable_as_its_sub_categories_together() -> None:
    labels = ("shoe/boot", "shoe/sandal", "shirt")
    # The single most probable class is shirt, yet shoes are more probable than shirts.
    probabilities = np.array([[0.3, 0.3, 0.4], [0.1, 0.2, 0.7]], np.float32)
    figures = evaluate_categories(probabilities, np.array([0, 2]), labels)
    assert figures is not None
    assert (figures["labels"], figures["accuracy"]) == (["shoe", "shirt"], 1.0)
    assert figures["confusion_matrix"] == [[1, 0], [0, 1]]
    assert [row["label"] for row in figures["per_class"]] == ["shoe", "shirt"]
    json.dumps(figures)


def test_flat_labels_have_no_categories() -> None:
    assert evaluate_categories(ANSWERS, CLASSES, ("a", "b", "c")) is None
