"""The pipeline from uploaded bytes to probabilities: resolve, decode, predict, all three side by side.

It knows neither HTTP nor Flask. One bad file never fails the others; a version that is swapped away meanwhile costs a
retry, and a canary that fails an answer of the stable version's, not an error. Everything here runs in one event loop.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from contract.card import ModelCard
from contract.messages import SERVING_DEFAULT, ModelSpec
from gateway.classify.answer import Answer, Question, Refusal, Result, Scores, Stage, covered_s
from gateway.classify.decoding import TOO_LARGE, Decoder
from gateway.classify.job import Arriving, Group, Job, Limits, Pixels, give_up
from gateway.classify.outputs import scores
from gateway.errors import BadModelAnswer, EveryImageBad, EveryImageTooLarge, GatewayError
from gateway.settings.settings import Settings
from gateway.upstream.coalescer import Coalescer
from gateway.versions.attempts import FAULTS, Attempts
from gateway.versions.canaries import Canaries
from gateway.versions.cards import CardCache
from gateway.versions.resolve import Resolved, Resolver

EXPLAIN = "explain"
# Is told an answer, what was asked, and the pixels of each picture, which an answer does not hold on to.
OnAnswer = Callable[[Answer, Question, Sequence[Pixels]], None]


@dataclass(frozen=True, slots=True)
class Pictured:
    """One picture's result in a stream of them, with the version that gave it."""

    filename: str
    result: Result
    resolved: Resolved
    card: ModelCard


class Classifier:
    """Classifies uploads."""

    def __init__(
        self,
        settings: Settings,
        coalescer: Coalescer,
        resolver: Resolver,
        cards: CardCache,
        decoder: Decoder,
        *,
        on_answer: OnAnswer = lambda _answer, _question, _pixels: None,
    ) -> None:
        """Asks nothing yet. `on_answer` is told of each answer with predictions in it, once, before the caller is."""
        self._limits = Limits(settings.max_files, settings.max_batch, settings.timeout_s)
        self._coalescer = coalescer
        self._resolver = resolver
        self._cards = cards
        self._decoder = decoder
        self._on_answer = on_answer
        # A canary that is late took half of its caller's time.
        self._canaries = Canaries(settings.timeout_s / 2)

    async def classify(self, arriving: Arriving, question: Question) -> Answer:
        """The answer to an upload of one or many pictures, all by the same version.

        Raises:
            NoImage, TooManyImages, EveryImageBad: By what was uploaded.
            UnknownModel, UnknownVersion, UnknownLabel, NotReady: By what was wanted.
            BadModelAnswer, CardError, ServingError: By what the model server did.
        """
        job = Job(arriving, self._decoder, self._limits)
        attempts = self._attempts(question)
        try:
            while True:
                asked = await self._ask(job, question, attempts)
                try:
                    results = [await asked.result(place) for place in range(len(job.uploads))]
                    return self._ended(asked.answer(results, attempts.retries), question, attempts, job.pixels)
                except FAULTS as error:
                    await attempts.failed(error, job.deadline)
                finally:
                    asked.cancel()
        finally:
            job.close()

    async def stream(self, arriving: Arriving, question: Question) -> AsyncGenerator[Pictured | Answer]:
        """Each picture's result, in the order of the request, as soon as it and those before it are known.

        The whole request is read before the first result; the last item is the answer as a whole. A version that goes
        away in mid-stream leaves the rest to another: each result says whose it is, the answer names the last one.
        Raises as `classify` does, but for EveryImageBad.
        """
        job = Job(arriving, self._decoder, self._limits)
        attempts = self._attempts(question)
        results: list[Result] = []
        try:
            while True:
                first = len(results)
                asked = await self._ask(job, question, attempts, start=first)
                try:
                    while len(results) < len(job.uploads):
                        upload, result = job.uploads[len(results)], await asked.result(len(results))
                        results.append(result)
                        yield Pictured(upload.filename, result, asked.resolved, asked.card)
                    answer = asked.answer(results, attempts.retries)
                    with suppress(EveryImageBad):  # Each has its own line, and the status is out.
                        self._ended(answer, question, attempts, job.pixels, whole=first == 0)
                    yield answer
                    return
                except FAULTS as error:
                    await attempts.failed(error, job.deadline)
                finally:
                    asked.cancel()
        finally:
            job.close()

    async def _ask(self, job: Job, question: Question, attempts: Attempts, *, start: int = 0) -> _Asked:
        """Takes the whole request in and asks one version about it."""
        resolved, card = await attempts.next(job.deadline)
        asked = _Asked(self._coalescer, self._cards, job, resolved, card, question)
        try:
            async for group in job.groups(card.image, start=start):
                asked.ask(group)
        except BaseException as error:
            asked.cancel()
            if isinstance(error, GatewayError):
                question.trail.ended("refused")
            raise
        return asked

    def _attempts(self, question: Question) -> Attempts:
        return Attempts(self._resolver, self._canaries, question.wanted, question.client, question.trail)

    def _ended(
        self, answer: Answer, question: Question, attempts: Attempts, pixels: Sequence[Pixels], *, whole: bool = True
    ) -> Answer:
        """The answer itself, told to whom it may concern; to `on_answer` only if one version gave the `whole` of it.

        Raises:
            EveryImageBad: It holds refusals only.
        """
        try:
            _judge(answer)
        except EveryImageBad:
            question.trail.ended("refused")
            raise
        attempts.answered(answer.predict_ms / 1000)
        if whole:
            self._on_answer(answer, question, pixels)
        return answer


@dataclass(slots=True)
class _Asked:
    """The questions about one job's pictures, all put to one version."""

    coalescer: Coalescer
    cards: CardCache
    job: Job
    resolved: Resolved
    card: ModelCard
    question: Question
    waited_s: float = 0.0
    tasks: dict[int, tuple[asyncio.Task[list[Scores]], int]] = field(default_factory=dict)
    stages: list[Stage] = field(default_factory=list)

    def ask(self, group: Group) -> None:
        """Puts a question without waiting for its answer."""
        task = asyncio.create_task(self._predict(group))
        for number, place in enumerate(group.places):
            self.tasks[place] = task, number

    async def result(self, place: int) -> Result:
        """What became of one picture. Raises ServableNotFound if the version went away."""
        refusal = self.job.refusal(place)
        if refusal is not None:
            return refusal
        task, number = self.tasks[place]
        return (await task)[number]

    def answer(self, results: Sequence[Result], retries: int) -> Answer:
        """The answer as a whole."""
        return Answer(
            self.resolved,
            self.card,
            tuple(self.job.uploads),
            tuple(results),
            decode_ms=1000 * self.job.decode_s,
            queue_ms=1000 * self.waited_s,
            predict_ms=1000 * covered_s(self.stages),
            retries=retries,
            stages=(*self.job.stages, *self.stages),
        )

    def cancel(self) -> None:
        """Gives up what is not answered yet."""
        for task, _ in self.tasks.values():
            give_up(task)

    async def _predict(self, group: Group) -> list[Scores]:
        began = time.perf_counter()
        answered = await self.coalescer.predict(
            ModelSpec(self.resolved.model, version=self.resolved.version),
            group.images,
            signature=EXPLAIN if self.question.explain else SERVING_DEFAULT,
            # The stable version must have its time if a canary that was drawn takes too long.
            deadline=self.job.deadline.half() if self.resolved.drawn else self.job.deadline,
            request_id=self.question.request_id,
            trace=self.question.trace,
        )
        left, count = began + answered.waited_s, len(group.images)
        self.stages += (Stage("queue", began, left, count), Stage("predict", left, time.perf_counter(), count))
        self.waited_s = max(self.waited_s, answered.waited_s)
        try:
            return scores(answered.prediction.outputs, len(group.images), self.card, explain=self.question.explain)
        except BadModelAnswer:
            # Perhaps another model stands under this number by now, with another card.
            self.cards.forget(self.resolved.model, self.resolved.version)
            raise


def _judge(answer: Answer) -> None:
    """Raises EveryImageBad if an answer holds refusals only."""
    refusals = [result for result in answer.results if isinstance(result, Refusal)]
    if len(refusals) < len(answer.results):
        return
    kind = EveryImageTooLarge if all(refusal.code == TOO_LARGE for refusal in refusals) else EveryImageBad
    message = refusals[0].message if len(refusals) == 1 else f"None of the {len(refusals)} files can be classified"
    raise kind(message, answer)
