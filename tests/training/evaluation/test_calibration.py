"""Calibration: the temperature that undoes an overconfidence, where it is left alone, and the error's definition."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import softmax

from training.evaluation.calibration import calibrated, fit_temperature, measure_calibration
from training.evaluation.predictions import Answers, logits, probabilities
from training.predict import predict

from .conftest import MakeModel, noise


def drawn(count: int, temperature: float) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Scores, and classes drawn with the probabilities that the scores would have at that temperature."""
    rng = np.random.default_rng(0)
    scores = rng.normal(0, 3, (count, 5)).astype(np.float32)
    exact = softmax(scores / temperature, axis=1)
    return scores, np.array([rng.choice(5, p=row) for row in exact])


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
def test_the_temperature_that_made_the_classes_is_found_and_calibrates(temperature: float) -> None:
    scores, classes = drawn(4000, temperature)
    fitted = fit_temperature(scores, classes)
    assert fitted.value == pytest.approx(temperature, rel=0.1)
    assert fitted.reason is None
    after = measure_calibration(Answers(probabilities(scores, fitted.value), classes))
    assert after["ece"] < 0.02
    if temperature != 1:
        before = measure_calibration(Answers(probabilities(scores, 1.0), classes))
        assert before["ece"] > 0.08
        assert after["log_loss"] < before["log_loss"]


def test_too_few_pictures_leave_the_temperature_at_1_and_say_so() -> None:
    fitted = fit_temperature(*drawn(49, 2.0))
    assert fitted.value == 1
    assert "49 validation pictures, at least 50" in str(fitted.reason)
    assert fit_temperature(np.empty((0, 3), np.float32), np.empty(0, np.int64)).value == 1


def test_right_answers_alone_do_not_make_the_model_surer() -> None:
    scores = np.eye(10, dtype=np.float32).repeat(10, axis=0)
    fitted = fit_temperature(scores, scores.argmax(axis=1))
    assert fitted.value == 1
    assert "answered rightly" in str(fitted.reason)


def test_scores_that_say_nothing_stay_within_sane_limits() -> None:
    rng = np.random.default_rng(0)
    scores, classes = rng.normal(0, 100, (200, 3)).astype(np.float32), rng.integers(0, 3, 200)
    assert 4.9 < fit_temperature(scores, classes).value <= 5


def test_the_calibration_error_is_the_one_counted_by_hand() -> None:
    # Two answers at 0.9, one right; two at 0.6, both right.
    confidence = np.array([0.9, 0.9, 0.6, 0.6])
    answers = Answers(np.stack([confidence, 1 - confidence], axis=1).astype(np.float32), np.array([0, 1, 0, 0]))
    found = measure_calibration(answers)
    assert found["ece"] == pytest.approx((2 * 0.4 + 2 * 0.4) / 4)
    assert [each["count"] for each in found["bins"]] == [2, 2]
    assert [each["accuracy"] for each in found["bins"]] == [1.0, 0.5]
    assert all(each["low"] < each["confidence"] <= each["high"] for each in found["bins"])


def test_full_confidence_falls_into_the_last_bin() -> None:
    (only,) = measure_calibration(Answers(np.array([[1.0, 0.0]], np.float32), np.array([0])))["bins"]
    assert (only["high"], only["count"]) == (1.0, 1)


def test_the_model_file_carries_the_temperature(make_model: MakeModel, tmp_path: Path) -> None:
    import keras

    model, images = make_model(), noise(20, (8, 8, 1))
    scores, before = logits(model, images), predict(model, images)
    twice = calibrated(calibrated(model, 3.0), 2.0)
    twice.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras", compile=False)
    assert predict(loaded, images) == pytest.approx(softmax(scores / 2, axis=1), abs=1e-6)
    assert logits(loaded, images) == pytest.approx(scores, abs=1e-5)
    assert [layer.name for layer in loaded.layers] == [layer.name for layer in model.layers]
    assert np.array_equal(predict(model, images), before)
