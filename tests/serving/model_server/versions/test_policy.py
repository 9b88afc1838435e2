"""The aspired-version policy: new before old, and never nothing if something can serve."""

from __future__ import annotations

import pytest

from serving.model_server.versions.policy import Load, Snapshot, State, Unload, next_action

WANTED, UNWANTED = True, False


def one(version: int, state: State, aspired: bool, load_requested: bool = False) -> Snapshot:
    return Snapshot(version, state, aspired, load_requested)


CASES: dict[str, tuple[list[Snapshot], Load | Unload | None]] = {
    "nothing to do": ([one(1, State.AVAILABLE, WANTED)], None),
    "the first version loads": ([one(1, State.START, WANTED)], Load(1)),
    "the highest loads first": ([one(1, State.START, WANTED), one(2, State.START, WANTED)], Load(2)),
    "a version that is slow to load holds up no other": (
        [one(1, State.START, WANTED), one(2, State.LOADING, WANTED)],
        Load(1),
    ),
    "one that waits for a thread is not loaded twice": (
        [one(1, State.START, WANTED), one(2, State.START, WANTED, load_requested=True)],
        Load(1),
    ),
    "what leaves goes before anything is loaded": (
        [one(1, State.AVAILABLE, UNWANTED), one(2, State.AVAILABLE, WANTED), one(3, State.START, WANTED)],
        Unload(1),
    ),
    "the old one stays while the new one loads": (
        [one(1, State.AVAILABLE, UNWANTED), one(2, State.LOADING, WANTED)],
        None,
    ),
    "the old one goes once the new one serves": (
        [one(1, State.AVAILABLE, UNWANTED), one(2, State.AVAILABLE, WANTED)],
        Unload(1),
    ),
    "the old one stays if the new one failed": (
        [one(1, State.AVAILABLE, UNWANTED), one(2, State.END, WANTED)],
        None,
    ),
    "of two old ones the lower goes at once": (
        [one(1, State.AVAILABLE, UNWANTED), one(2, State.AVAILABLE, UNWANTED), one(3, State.START, WANTED)],
        Unload(1),
    ),
    "all go when none is wanted": ([one(1, State.AVAILABLE, UNWANTED)], Unload(1)),
    "what is ended or unloading is left alone": (
        [one(1, State.END, UNWANTED), one(2, State.UNLOADING, UNWANTED)],
        None,
    ),
    "no version": ([], None),
}


@pytest.mark.parametrize("case", CASES)
def test_the_next_action_preserves_availability(case: str) -> None:
    versions, expected = CASES[case]
    assert next_action(versions) == expected
