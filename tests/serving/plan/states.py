"""States to plan from, and what a replica may say."""

from __future__ import annotations

from contract.client import VersionStatus
from contract.release import CANARY, STABLE, ModelRelease
from serving.replicas import ReplicaStatus

AT = "2026-01-01T00:00:00+00:00"
ONE = ModelRelease((1,), {STABLE: 1})
TWO = ModelRelease((1, 2), {STABLE: 2}, previous=1)
CANARIED = ModelRelease((1, 2, 3), {STABLE: 2, CANARY: 3}, canary_percent=10, previous=1)


def replica(name: str, **states: str) -> ReplicaStatus:
    """A replica's answer, from ``v2="AVAILABLE"`` or ``v2="END: why"``."""
    split = {int(version[1:]): state.partition(": ") for version, state in states.items()}
    return ReplicaStatus(name, tuple(VersionStatus(number, one[0], one[2]) for number, one in split.items()))
