"""The pipeline from uploaded bytes to probabilities: resolve, decode, predict.

It knows neither HTTP nor Flask. One bad file never fails the others, and a version that is swapped away meanwhile costs
a retry, not an error.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from contract.card import ImageSpec, ModelCard
from contract.client import SERVING_DEFAULT, ModelSpec
from contract.errors import ServableNotFound
from gateway.classify.decoding import TOO_LARGE, Decoded, Decoder, Refusal, Upload
from gateway.errors import BadModelAnswer, EveryImageBad, EveryImageTooLarge, NoImage, TooManyImages
from gateway.settings.table import Settings
from gateway.upstream.model_server import Deadline, ModelServer
from gateway.versions.cards import CardCache
from gateway.versions.resolve import Resolved, Resolver, Wanted

EXPLAIN = "explain"
# Each retry means that another version went away within this very request.
MAX_ATTEMPTS = 5


@dataclass(frozen=True)
class Scores:
    """What the model says of one picture.

    Attributes:
        probabilities: float32 [K], in the order of the card's labels.
        heatmap: float32 [h, w] from 0 to 1, if one was asked for.
    """

    probabilities: NDArray[np.float32]
    heatmap: NDArray[np.float32] | None = None


@dataclass(frozen=True)
class Answer:
    """The answer to one request.

    Attributes:
        resolved: The version that answered.
        card: Its card.
        uploads: What was uploaded.
        results: One for each upload, in its order.
        decode_ms: Milliseconds spent on decoding.
        predict_ms: Milliseconds spent on asking the model server.
        retries: How often another version had to be found.
    """

    resolved: Resolved
    card: ModelCard
    uploads: tuple[Upload, ...]
    results: tuple[Scores | Refusal, ...]
    decode_ms: float
    predict_ms: float
    retries: int


@dataclass
class _Job:
    """One request on its way through the attempts: what was decoded for one attempt serves the next."""

    uploads: tuple[Upload, ...]
    explain: bool
    request_id: str
    deadline: Deadline
    decoded: list[Decoded] = field(default_factory=list)
    decoded_for: ImageSpec | None = None
    decode_ms: float = 0.0
    predict_ms: float = 0.0


class Classifier:
    """Classifies uploads. Thread-safe."""

    def __init__(
        self, settings: Settings, client: ModelServer, resolver: Resolver, cards: CardCache, decoder: Decoder
    ) -> None:
        self._settings = settings
        self._client = client
        self._resolver = resolver
        self._cards = cards
        self._decoder = decoder

    def classify(
        self, uploads: Sequence[Upload], wanted: Wanted, *, explain: bool = False, request_id: str = ""
    ) -> Answer:
        """The answer to an upload of one or many pictures.

        Raises:
            NoImage, TooManyImages, EveryImageBad: By what was uploaded.
            UnknownModel, UnknownVersion, UnknownLabel, NotReady: By what was wanted.
            BadModelAnswer, CardError, ServingError: By what the model server did.
        """
        self._check(uploads)
        job = _Job(tuple(uploads), explain, request_id, Deadline(self._settings.timeout_s))
        for retries in range(MAX_ATTEMPTS):
            resolved, card = self._resolver.resolve(wanted, job.deadline)
            try:
                results = self._attempt(job, resolved, card)
            except ServableNotFound:
                if not resolved.movable:
                    raise self._resolver.not_loaded(resolved.model, resolved.version, job.deadline) from None
                self._resolver.gone(resolved)
            else:
                times_ms = (job.decode_ms, job.predict_ms)
                return _judged(Answer(resolved, card, job.uploads, results, *times_ms, retries))
        raise ServableNotFound(f"{MAX_ATTEMPTS} times a version of {resolved.model} went away while it was asked")

    def _check(self, uploads: Sequence[Upload]) -> None:
        if not uploads:
            raise NoImage("Expected at least one picture in the multipart field 'images'. Received: none")
        if len(uploads) > self._settings.max_files:
            raise TooManyImages(f"Expected at most {self._settings.max_files} pictures. Received: {len(uploads)}")

    def _attempt(self, job: _Job, resolved: Resolved, card: ModelCard) -> tuple[Scores | Refusal, ...]:
        """Asks one version. Raises ServableNotFound if it is not there any more."""
        start = time.perf_counter()
        if job.decoded_for != card.image:
            job.decoded = self._decoder.decode(job.uploads, card.image)
            job.decoded_for = card.image
        decoded = time.perf_counter()
        scores = iter(self._predict(job, resolved, card))
        job.decode_ms += (decoded - start) * 1000
        job.predict_ms += (time.perf_counter() - decoded) * 1000
        return tuple(item if isinstance(item, Refusal) else next(scores) for item in job.decoded)

    def _predict(self, job: _Job, resolved: Resolved, card: ModelCard) -> list[Scores]:
        """The scores of every decoded picture, asked of one version in chunks of at most `max_batch`."""
        arrays = [item for item in job.decoded if not isinstance(item, Refusal)]
        spec = ModelSpec(resolved.model, version=resolved.version)
        scores: list[Scores] = []
        for start in range(0, len(arrays), self._settings.max_batch):
            batch = np.stack(arrays[start : start + self._settings.max_batch])
            prediction = self._client.predict(
                spec,
                {"images": batch},
                signature=EXPLAIN if job.explain else SERVING_DEFAULT,
                timeout_s=job.deadline.left_s(),
                metadata=(("x-request-id", job.request_id),) if job.request_id else (),
            )
            try:
                scores += _scores(prediction.outputs, len(batch), card, job.explain)
            except BadModelAnswer:
                # Perhaps another model stands under this number by now, with another card.
                self._cards.forget(resolved.model, resolved.version)
                raise
        return scores


def _judged(answer: Answer) -> Answer:
    """The answer itself, unless it holds refusals only."""
    refusals = [result for result in answer.results if isinstance(result, Refusal)]
    if len(refusals) < len(answer.results):
        return answer
    kind = EveryImageTooLarge if all(refusal.code == TOO_LARGE for refusal in refusals) else EveryImageBad
    message = refusals[0].message if len(refusals) == 1 else f"None of the {len(refusals)} files can be classified"
    raise kind(message, answer)


def _scores(outputs: Mapping[str, NDArray[Any]], count: int, card: ModelCard, explain: bool) -> list[Scores]:
    """Checks a model's outputs against its card before anyone believes them."""
    probabilities = outputs.get("probabilities")
    wanted = (count, len(card.labels))
    if probabilities is None or probabilities.shape != wanted:
        got = "none" if probabilities is None else list(probabilities.shape)
        raise BadModelAnswer(f"Expected probabilities of the shape {list(wanted)} from {card.name}. Received: {got}")
    if not np.isfinite(probabilities).all():
        raise BadModelAnswer(f"Expected probabilities from {card.name}. Received: values that are no numbers")
    if not explain:
        return [Scores(row) for row in probabilities]
    heatmaps = outputs.get("heatmaps")
    if heatmaps is None or heatmaps.ndim != 3 or len(heatmaps) != count:
        got = "none" if heatmaps is None else list(heatmaps.shape)
        raise BadModelAnswer(f"Expected heatmaps of the shape [{count}, h, w] from {card.name}. Received: {got}")
    return [Scores(row, heatmap) for row, heatmap in zip(probabilities, heatmaps, strict=True)]
