"""Answers as the pipeline gives them, and expositions taken apart."""

from __future__ import annotations

import numpy as np
from prometheus_client.parser import text_string_to_metric_families

from contract.card import ImageSpec, ModelCard
from gateway.classify.answer import Answer, Refusal, Scores, Stage, Upload
from gateway.versions.resolve import Resolved

CARD = ModelCard(name="digits", labels=("0", "1"), image=ImageSpec(height=8, width=8, channels=1))


def answer(*tops: float | str, model: str = "digits", version: int = 2, known: bool | None = None) -> Answer:
    """An answer about pictures that have a top probability each, or the code of a refusal."""
    results = [
        Refusal(top, "No picture") if isinstance(top, str) else Scores(np.array([top, 1 - top], "f"), None, known, top)
        for top in tops
    ]
    return Answer(
        Resolved(model, version),
        CARD,
        tuple(Upload(f"{place}.png", b"x") for place in range(len(tops))),
        tuple(results),
        decode_ms=2.0,
        queue_ms=0.0,
        predict_ms=4.0,
        retries=1,
        stages=(Stage("decode", 100.0, 100.002, len(tops)), Stage("predict", 100.002, 100.006, len(tops))),
    )


def samples(exposition: bytes) -> dict[str, float]:
    """Values by ``name{label="value",...}``, labels in alphabetical order."""
    return {
        sample.name + "{" + ",".join(f'{key}="{of}"' for key, of in sorted(sample.labels.items())) + "}": sample.value
        for family in text_string_to_metric_families(exposition.decode())
        for sample in family.samples
    }
