"""Where the model fails: the pairs of classes that it confuses most, and its worst answers, with the pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from training.datasets.dataset import Part
from training.evaluation.pictures import save_pixels
from training.evaluation.predictions import Answers

_PAIRS = 10
_PICTURES_PER_PAIR = 6
_TOP_LOSSES = 18


@dataclass(frozen=True)
class Failures:
    """Tells of single test pictures.

    Attributes:
        part: The test pictures.
        answers: What was answered.
        labels: K class names.
        folder: The run's.
    """

    part: Part
    answers: Answers
    labels: Sequence[str]
    folder: Path

    def most_confused(self) -> list[dict[str, Any]]:
        """Up to ten pairs, the most frequent first, each with the pictures that the model was most sure of.

        ``share`` is that of the right class's pictures.
        """
        answers = self.answers
        size = len(self.labels)
        wrong = np.flatnonzero(~answers.right)
        pairs, counts = np.unique(answers.classes[wrong] * size + answers.answers[wrong], return_counts=True)
        support = np.bincount(answers.classes, minlength=size)
        found = []
        for place in np.argsort(-counts, kind="stable")[:_PAIRS]:
            right, answer = divmod(int(pairs[place]), size)
            members = wrong[(answers.classes[wrong] == right) & (answers.answers[wrong] == answer)]
            surest = members[np.argsort(-answers.confidence[members], kind="stable")][:_PICTURES_PER_PAIR]
            found.append(
                {
                    "right": self.labels[right],
                    "answer": self.labels[answer],
                    "count": int(counts[place]),
                    "share": float(counts[place] / support[right]),
                    "pictures": [self._describe(index) for index in surest],
                }
            )
        return found

    def top_losses(self) -> list[dict[str, Any]]:
        """The pictures whose right class got the smallest probability, the worst first."""
        worst = np.argsort(-self.answers.losses, kind="stable")[:_TOP_LOSSES]
        return [self._describe(index) for index in worst]

    def _describe(self, index: int) -> dict[str, Any]:
        part, answers = self.part, self.answers
        return {
            "picture": save_pixels(part.images[index], self.folder, f"test-{index}"),
            "file": part.files[index] if part.files else None,
            "right": self.labels[answers.classes[index]],
            "answer": self.labels[answers.answers[index]],
            "probability": float(answers.confidence[index]),
            "loss": float(answers.losses[index]),
        }
