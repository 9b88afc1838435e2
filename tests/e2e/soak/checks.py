"""What must hold of all answers: none failed, each by the model it says, from a version that was to answer."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from tests.e2e.faulty import class_of, mark_of
from tests.e2e.soak.chaos import Outage
from tests.e2e.soak.load import Asked
from tests.e2e.soak.watcher import Moment

# A gateway's worker takes a change within a second, a model server polls its configuration every second; and a machine
# with more to do than processors is late.
_GATEWAY_S, _SERVER_S = 1.5, 4.0


@dataclass
class Verdict:
    """What was found.

    Attributes:
        failed: Requests without a good answer.
        mislabelled: Answers of another model than that of the version they name, or of two names.
        wrong: Answers with the class of another picture.
        stray: Answers of versions that nobody had released for them at that time.
        moved: Clients that met two versions while nothing changed and no replica was away.
        moved_in_outages: The same while a replica was away.
        shares: The canary's share of the clients in each phase, beside the one that was wanted.
        untold: Answers without the header that names their version.
    """

    failed: list[str] = field(default_factory=list)
    mislabelled: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    stray: list[str] = field(default_factory=list)
    moved: list[str] = field(default_factory=list)
    moved_in_outages: list[str] = field(default_factory=list)
    shares: list[tuple[float, float, int]] = field(default_factory=list)
    untold: int = 0

    @property
    def faults(self) -> list[str]:
        """All that must not be."""
        return [*self.failed, *self.mislabelled, *self.wrong, *self.stray, *self.moved]


@dataclass(frozen=True)
class Phase:
    """A stretch of time in which nothing changed in who gets which version."""

    moment: Moment
    since: float
    until: float


def judge(
    asked: Sequence[Asked], moments: Sequence[Moment], outages: Sequence[Outage], mark: Callable[[int], int]
) -> Verdict:
    """Looks at every answer.

    Args:
        asked: All of them.
        moments: The states on disk, in their order.
        outages: When replicas were away.
        mark: The mark of the model of a version.
    """
    verdict = Verdict()
    for one in asked:
        _judge_one(one, moments, mark, verdict)
    for phase in phases(moments, asked[-1].ended if asked else 0.0):
        _judge_phase(phase, [one for one in asked if one.answer.status == 200], outages, verdict)
    return verdict


def phases(moments: Sequence[Moment], end: float) -> Iterator[Phase]:
    """The stretches of time without a change, those too short to be seen left out."""
    began: Moment | None = None
    for moment in moments:
        if began is not None and moment.split != began.split:
            yield from _phase(began, moment.at)
            began = moment
        began = began or moment
    if began is not None:
        yield from _phase(began, end)


def _phase(moment: Moment, until: float) -> Iterator[Phase]:
    if until > moment.at + _GATEWAY_S:
        yield Phase(moment, moment.at + _GATEWAY_S, until)


def _judge_one(one: Asked, moments: Sequence[Moment], mark: Callable[[int], int], verdict: Verdict) -> None:
    if one.answer.status != 200 or len(one.answer.seen) != len(one.greys):
        verdict.failed.append(f"{told(one)}: {one.answer.status} {one.answer.text}")
        return
    verdict.untold += one.answer.told is None
    for grey, seen in zip(one.greys, one.answer.seen, strict=True):
        if one.answer.told not in (None, seen.version):
            verdict.mislabelled.append(f"{told(one)}: header {one.answer.told}, body {seen}")
        elif seen.version < 0:
            continue  # a table without a header tells no version
        elif mark_of(seen.probability) != mark(seen.version):
            verdict.mislabelled.append(f"{told(one)}: {seen} is by mark {mark_of(seen.probability)}")
        elif seen.version not in _allowed(one, moments):
            verdict.stray.append(f"{told(one)}: {seen}, allowed {sorted(_allowed(one, moments))}")
        if seen.label != class_of(grey):
            verdict.wrong.append(f"{told(one)}: {seen} for grey {grey}")


def _allowed(one: Asked, moments: Sequence[Moment]) -> set[int]:
    """The versions that may answer: all that were released for such a request while it was under way."""
    before_s = _SERVER_S if one.question.name.startswith("gRPC") else _GATEWAY_S
    versions: set[int | None] = set()
    for moment, following in zip(moments, [*moments[1:], None], strict=True):
        if moment.at <= one.ended and (following is None or following.at >= one.began - before_s):
            versions |= {moment.stable} if one.question.pinned else {moment.stable, moment.canary}
    return {version for version in versions if version is not None}


def _judge_phase(phase: Phase, asked: Iterable[Asked], outages: Sequence[Outage], verdict: Verdict) -> None:
    canary = phase.moment.canary
    free = [one for one in asked if not one.question.pinned and phase.since <= one.began and one.ended <= phase.until]
    free = [one for one in free if one.answer.seen[0].version >= 0]
    by_client: dict[str, list[Asked]] = {}
    for one in free:
        by_client.setdefault(one.client, []).append(one)
    for answers in by_client.values():
        met = Counter(one.answer.seen[0].version for one in answers)
        if len(met) > 1 and phase.moment.model.split == "client":
            rare = next(one for one in answers if one.answer.seen[0].version == met.most_common()[-1][0])
            away = any(out.since - 1 <= rare.ended and rare.began <= out.until + 1 for out in outages)
            where = verdict.moved_in_outages if away else verdict.moved
            where.append(f"{told(rare)}: met {dict(met)}; stable {phase.moment.stable}, canary {canary}")
    if canary is not None and free:
        share = sum(one.answer.seen[0].version == canary for one in free) / len(free)
        verdict.shares.append((phase.moment.model.canary_percent, 100 * share, len(free)))


def told(one: Asked) -> str:
    """Which request it was, and when it ended, by the clock on the wall."""
    at = time.time() - time.monotonic() + one.ended
    clock = time.strftime("%H:%M:%S", time.localtime(at)) + f"{at % 1:.3f}"[1:]
    return f"{clock} {one.question.name} of {one.client}, {1000 * (one.ended - one.began):.0f} ms"
