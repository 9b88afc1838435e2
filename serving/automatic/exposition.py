"""Prometheus's text format -> `Counts`."""

from __future__ import annotations

from prometheus_client.parser import text_string_to_metric_families

from serving.automatic.counts import Counts

# What a rollout reads of a gateway's metrics, by sample name; histograms with their `_bucket` and `_sum`.
WANTED = frozenset(
    {
        "vitrine_answers_total",
        "vitrine_known_total",
        "vitrine_confidence_bucket",
        "vitrine_confidence_sum",
        "vitrine_version_seconds_bucket",
        "vitrine_shadow_pictures_total",
        "vitrine_shadow_requests_total",
        "vitrine_shadow_difference_bucket",
        "vitrine_shadow_difference_sum",
        "vitrine_shadow_seconds_bucket",
    }
)


class NotMetrics(ValueError):
    """A text that is not in Prometheus's format."""


def parse(text: str, model: str) -> Counts:
    """The counters that matter, of one model.

    Raises:
        NotMetrics: The text is something else, such as a page of a proxy.
    """
    try:
        families = list(text_string_to_metric_families(text))
    except ValueError as error:
        raise NotMetrics(f"Expected Prometheus's text format. Received: {text[:60]!r} ({error})") from None
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in families
        for sample in family.samples
        if sample.name in WANTED and sample.labels.get("model") == model
    }
