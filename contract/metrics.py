"""The names of the gateway's metrics by which versions are compared: on its operations page, and by a rollout.

Counters as they stand in the text format; of histograms the name that ``_bucket`` and ``_sum`` follow.
"""

from __future__ import annotations

ANSWERS = "vitrine_answers_total"
FALLBACKS = "vitrine_fallbacks_total"
KNOWN = "vitrine_known_total"
CONFIDENCE = "vitrine_confidence"
VERSION_SECONDS = "vitrine_version_seconds"
SHADOW_REQUESTS = "vitrine_shadow_requests_total"
SHADOW_PICTURES = "vitrine_shadow_pictures_total"
SHADOW_DIFFERENCE = "vitrine_shadow_difference"
SHADOW_SECONDS = "vitrine_shadow_seconds"
START_TIME = "vitrine_start_time_seconds"
