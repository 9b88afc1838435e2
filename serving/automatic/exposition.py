"""Prometheus's text format -> `Counts`."""

from __future__ import annotations

from prometheus_client.parser import text_string_to_metric_families

from contract import metrics as names
from serving.automatic.counts import Counts

# What a rollout reads of a gateway's metrics, by sample name.
WANTED = frozenset(
    {
        names.ANSWERS,
        names.KNOWN,
        f"{names.CONFIDENCE}_bucket",
        f"{names.CONFIDENCE}_sum",
        f"{names.VERSION_SECONDS}_bucket",
        names.SHADOW_PICTURES,
        names.SHADOW_REQUESTS,
        f"{names.SHADOW_DIFFERENCE}_bucket",
        f"{names.SHADOW_DIFFERENCE}_sum",
        f"{names.SHADOW_SECONDS}_bucket",
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
