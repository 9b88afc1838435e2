"""A model repository in the middle of things, and metrics of a gateway that has seen some traffic."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from contract.card import ModelCard
from contract.release import AutomaticRollout, HistoryEntry, ModelRelease
from tests.gateway.fake_serving import card

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
_SECONDS = tuple(0.001 * 1.5**power for power in range(22))
_CONFIDENCES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 0.999, 1.0)


def at(minutes: float) -> str:
    """So many minutes after noon."""
    return (NOON + timedelta(minutes=minutes)).isoformat()


def side(requests: int, error_rate: float, p95_ms: float, **more: Any) -> dict[str, Any]:
    """One version's figures during a step."""
    told = {"requests": requests, "error_rate": error_rate, "p50_ms": p95_ms / 2, "p95_ms": p95_ms}
    return told | {"unknown_rate": 0.02, "confidence": 0.93} | more


def report(outcome: str = "promoted", steps: Sequence[float] = (5, 25, 50, 100)) -> dict[str, Any]:
    """An automatic rollout's report."""
    return {
        "version": 3,
        "stable": 2,
        "outcome": outcome,
        "reason": "every step held" if outcome == "promoted" else "error rate 8% of the candidate against 0.1%",
        "limits": {"max_error_rate": 0.01, "max_p95_ratio": 1.5, "min_requests": 50},
        "steps": [
            {
                "percent": percent,
                "since": at(place),
                "until": at(place + 1),
                "verdict": "advance" if outcome == "promoted" or place + 1 < len(steps) else "back",
                "reasons": [] if outcome == "promoted" else ["error rate 8% against 0.1%"],
                "stable": side(2000 - 20 * int(percent), 0.001, 12.5),
                "candidate": side(20 * int(percent), 0.002 * place, 13 + 2 * place),
                "agreement": 0.97 + 0.005 * place,
                "difference": 0.004,
            }
            for place, percent in enumerate(steps)
        ],
    }


def release(**changes: Any) -> ModelRelease:
    """Version 2 serves, 3 is its canary at 10 percent, 1 would be returned to."""
    history = (
        HistoryEntry(at(-90), "publish", 1, "first version"),
        HistoryEntry(at(-60), "rollout", 2, "5,25,50,100", report()),
        HistoryEntry(at(-10), "publish", 3),
        HistoryEntry(at(-5), "canary", 3, "10%"),
    )
    begun = ModelRelease(
        versions=(1, 2, 3),
        labels={"stable": 2, "canary": 3},
        canary_percent=10.0,
        previous=1,
        history=history,
    )
    return replace(begun, **changes)


ROLLOUT = AutomaticRollout(version=3, steps=(5.0, 25.0, 50.0, 100.0), step=1, since=at(2), every_s=60.0)


def trained(version: int) -> ModelCard:
    """A version's card."""
    return replace(card(), created=f"2026-11-{10 + version}T08:00:00+00:00", metrics={"accuracy": 0.95 + version / 100})


def exposition(model: str = "digits", stable: int = 2, candidate: int = 3, shadow: int = 3) -> bytes:
    """Metrics of some thousand requests to a stable version and its canary, and of copies to a shadow."""
    registry = CollectorRegistry()
    lots = random.Random(0)
    of = ("model", "version")
    answers = Counter("vitrine_answers_total", "", (*of, "outcome"), registry=registry)
    fallbacks = Counter("vitrine_fallbacks_total", "", of, registry=registry)
    known = Counter("vitrine_known_total", "", (*of, "known"), registry=registry)
    seconds = Histogram("vitrine_version_seconds", "", of, buckets=_SECONDS, registry=registry)
    confidence = Histogram("vitrine_confidence", "", of, buckets=_CONFIDENCES, registry=registry)
    Gauge("vitrine_start_time_seconds", "", registry=registry).set((NOON - timedelta(hours=2)).timestamp())
    for version, requests, failed, slow in ((stable, 1800, 2, 0.006), (candidate, 200, 6, 0.009)):
        named = (model, str(version))
        answers.labels(*named, "ok").inc(requests - failed)
        answers.labels(*named, "failed").inc(failed)
        answers.labels(*named, "refused").inc(1)
        known.labels(*named, "true").inc(requests * 0.97)
        known.labels(*named, "false").inc(requests * 0.03)
        for _ in range(requests):
            seconds.labels(*named).observe(lots.lognormvariate(0, 0.5) * slow)
            confidence.labels(*named).observe(min(1.0, lots.betavariate(9, 1)))
    fallbacks.labels(model, str(candidate)).inc(6)
    _shadow(registry, lots, (model, str(stable), str(shadow)))
    return generate_latest(registry)


def _shadow(registry: CollectorRegistry, lots: random.Random, named: tuple[str, str, str]) -> None:
    of = ("model", "version", "shadow")
    pictures = Counter("vitrine_shadow_pictures_total", "", (*of, "agrees"), registry=registry)
    requests = Counter("vitrine_shadow_requests_total", "", (*of, "outcome"), registry=registry)
    bounds = (0.001, 0.01, 0.1, 1.0)
    difference = Histogram("vitrine_shadow_difference", "", of, buckets=bounds, registry=registry)
    seconds = Histogram("vitrine_shadow_seconds", "", (*of, "side"), buckets=_SECONDS, registry=registry)
    pictures.labels(*named, "true").inc(955)
    pictures.labels(*named, "false").inc(45)
    requests.labels(*named, "ok").inc(495)
    requests.labels(*named, "failed").inc(5)
    requests.labels(*named, "dropped").inc(12)
    for _ in range(1000):
        difference.labels(*named).observe(0.004)
        seconds.labels(*named, "version").observe(lots.lognormvariate(0, 0.5) * 0.006)
        seconds.labels(*named, "shadow").observe(lots.lognormvariate(0, 0.5) * 0.012)
