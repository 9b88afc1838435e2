"""Who gets which share of the requests that name neither version nor label."""

from __future__ import annotations

from collections.abc import Collection

from contract.release import CANARY, STABLE, ModelRelease
from gateway.versions.split import may_stand_in


def meant(release: ModelRelease) -> dict[int, float]:
    """Percent by version, as the release has it."""
    stable, canary = release.labels.get(STABLE), release.labels.get(CANARY)
    shares: dict[int, float] = {}
    if stable is not None:
        shares[stable] = 100 - (release.canary_percent if canary is not None else 0)
    if canary is not None:
        shares[canary] = shares.get(canary, 0) + release.canary_percent
    return shares


def actual(release: ModelRelease, loaded: Collection[int]) -> dict[int, float]:
    """Percent by version, as it is while only so much is loaded.

    A canary that is not loaded leaves its share to stable; in the place of a stable version that is not, the newest
    loaded one answers that may. Where none may, less than 100 is answered.
    """
    stable, canary = release.labels.get(STABLE), release.labels.get(CANARY)
    shares = {version: share for version, share in meant(release).items() if version in loaded and version == canary}
    able = (one for one in loaded if may_stand_in(release, one))
    rest = stable if stable in loaded else max(able, default=None)
    if rest is not None:
        shares[rest] = shares.get(rest, 0) + 100 - sum(shares.values())
    return shares
