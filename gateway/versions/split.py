"""Which share of the traffic meets the canary, and who may answer in the stable version's place: both pure.

Every worker of every gateway draws alike, for a draw depends on nothing but the release and the caller.
"""

from __future__ import annotations

import hashlib
import random

from contract.release import CANARY, STABLE, ModelRelease


def draws_canary(release: ModelRelease, model: str, client: str) -> bool:
    """True if a request that names neither version nor label goes to the version labelled ``canary``.

    Args:
        release: What serves of the model.
        model: Its name.
        client: Who asks: the API key's name, or the address. A client that nobody can tell is drawn anew each time, for
            otherwise all of them together would go one way.
    """
    canary = release.labels.get(CANARY)
    if canary is None or canary == release.labels.get(STABLE) or not release.canary_percent:
        return False
    if release.split == "client" and client:
        return place(model, canary, client) < release.canary_percent
    return random.random() * 100 < release.canary_percent  # noqa: S311 - a share of traffic is no secret


def place(model: str, version: int, client: str) -> float:
    """Where a client stands in the queue for a canary, 0 to 100 without 100: it meets one with a larger share.

    A share that grows keeps those who were in it, and another canary has another queue: nobody is always the first.
    """
    # No checksum such as CRC-32, whose queues for two canaries would be each other's images.
    digest = hashlib.blake2b(f"{model}\0{version}\0{client}".encode("utf-8", "replace"), digest_size=8).digest()
    return int.from_bytes(digest, "big") * (100 / 2**64)


def may_stand_in(release: ModelRelease, version: int) -> bool:
    """True if a version may answer in the place of a stable one that is not served.

    A candidate never gets more than its share, whatever happens to the stable version; nor does a newer version that is
    pinned, for it is on its way in.
    """
    candidates = {release.labels.get(CANARY), release.shadow, release.rollout.version if release.rollout else None}
    stable = release.labels.get(STABLE)
    on_its_way_in = stable is not None and version > stable and version in release.versions
    return version not in candidates and not on_its_way_in
