"""Learning rates over a training, and when it is given up."""

from __future__ import annotations

import pytest

from training.fitting.schedule import cosine, epochs_without_progress, plateau
from training.fitting.stages import stages
from training.presets import PRESETS


def test_a_cosine_rises_in_its_warm_up_and_falls_to_nothing() -> None:
    shares = [cosine(step, 100, warm_up=0.1) for step in range(100)]
    assert shares[:10] == pytest.approx([0.1 * step for step in range(1, 11)])
    assert shares[10] == 1
    assert shares[55] == pytest.approx(0.5)
    assert shares[-1] < 1e-3
    assert shares[10:] == sorted(shares[10:], reverse=True)


def test_a_training_of_one_step_has_a_rate() -> None:
    assert cosine(0, 1, warm_up=0.1) == 1


def test_a_plateau_of_three_epochs_cuts_the_rate_to_a_fifth() -> None:
    assert plateau([]) == 1
    assert plateau([1.0, 0.9, 0.95, 0.91]) == 1
    assert plateau([1.0, 0.9, 0.95, 0.91, 0.9]) == pytest.approx(0.2)
    assert plateau([1.0, 0.9, 0.95, 0.91, 0.9, 0.5, 0.6, 0.6, 0.6]) == pytest.approx(0.04)


def test_progress_is_a_lower_validation_loss() -> None:
    assert epochs_without_progress([]) == 0
    assert epochs_without_progress([1.0, 0.5, 0.6, 0.5]) == 2
    assert epochs_without_progress([1.0, 0.5, 0.4]) == 0


def test_a_network_with_weights_trains_its_head_first_and_then_all_of_it_more_slowly() -> None:
    preset = PRESETS["transfer"]()
    head, rest = stages(preset, 10)
    assert (head.first, head.last, head.head) == (1, preset.head_epochs, True)
    assert (rest.first, rest.last, rest.head) == (preset.head_epochs + 1, 10, False)
    assert rest.learning_rate < head.learning_rate


def test_a_single_epoch_is_one_stage() -> None:
    assert [stage.epochs for stage in stages(PRESETS["transfer"](), 1)] == [1]
    assert [stage.epochs for stage in stages(PRESETS["cnn-sgd"](), 10)] == [10]
