"""Checks a version as every replica serves it: loaded, with the card it has on disk, and giving probabilities."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from contract.card import CardError, ModelCard
from contract.client import ModelSpec, ServingClient
from contract.errors import ServingError
from contract.tensors import TensorError
from serving.replicas import Replicas
from serving.signatures import SIGNATURES, faults
from serving.verify import Finding

# float32 sums over many classes, and processors of different kinds, differ in the last digits.
_TOLERANCE = 1e-3
_TIMEOUT_S = 30.0
_Probabilities = NDArray[np.float32]
_CARD = [field.name for field in fields(ModelCard) if field.name not in ("version", "extra")]
_Value = TypeVar("_Value")
# Makes the pictures that a version is tried with, as its card has them.
Images = Callable[[ModelCard], NDArray[np.uint8]]


class _Wrong(Exception):
    """What a check found."""


def verify_served(
    replicas: Replicas,
    name: str,
    version: int,
    card: ModelCard | None,
    images: Callable[[ModelCard], NDArray[np.uint8]],
) -> list[Finding]:
    """Every check of a version on every replica.

    Args:
        replicas: The model servers.
        name: The model.
        version: Its number.
        card: The card on disk; None to trust the one that is served.
        images: Makes pictures to try the version with, uint8 [N, H, W, C] with N > 1, as its card has them.
    """
    answers = replicas.ask(lambda client: _Examination(client, ModelSpec(name, version), card, images).done())
    findings: list[Finding] = []
    probabilities: dict[str, _Probabilities] = {}
    for replica, answer in answers.items():
        if isinstance(answer, ServingError):
            findings.append(Finding(f"answers at {replica}", False, _line(answer)))
            continue
        findings += [Finding(f"{one.check} at {replica}", one.ok, one.reason) for one in answer.findings]
        if answer.probabilities is not None:
            probabilities[replica] = answer.probabilities
    return [*findings, *_agreement(probabilities)]


class _Examination:
    """One replica's version, looked at: a finding for each check, and its probabilities where there are some."""

    def __init__(self, client: ServingClient, spec: ModelSpec, card: ModelCard | None, images: Images) -> None:
        self._client, self._spec, self._card, self._images = client, spec, card, images
        self.findings: list[Finding] = []
        self.probabilities: _Probabilities | None = None

    def done(self) -> Self:
        """Itself, after all checks; those that make no sense after what others found are left out."""
        client, spec = self._client, self._spec
        if self._check("loaded", lambda: _available(client, spec), str) is None:
            return self
        self._check("signatures", lambda: _signatures(client, spec, self._card), ", ".join)
        card = self._check(
            "card", lambda: _described(client, spec, self._card), lambda card: f"{len(card.labels)} labels"
        )
        if card is not None:
            images = self._images(card)
            self.probabilities = self._check(
                "predictions", lambda: _predicted(client, spec, card, images), lambda found: f"{len(found)} pictures"
            )
        return self

    def _check(self, what: str, run: Callable[[], _Value], words: Callable[[_Value], str]) -> _Value | None:
        """What a check gives; None if it failed."""
        try:
            value = run()
        except (_Wrong, ServingError, CardError, TensorError) as error:
            self.findings.append(Finding(what, False, _line(error)))
            return None
        self.findings.append(Finding(what, True, words(value)))
        return value


def _available(client: ServingClient, spec: ModelSpec) -> str:
    (status, *_) = client.status(spec, timeout_s=_TIMEOUT_S)
    if not status.available:
        raise _Wrong(f"Expected AVAILABLE. Received: {status.state} {status.error}".rstrip())
    return status.state


def _signatures(client: ServingClient, spec: ModelSpec, card: ModelCard | None) -> list[str]:
    found = client.signatures(spec, timeout_s=_TIMEOUT_S)
    wrong = [f"{name}: {fault}" for name in SIGNATURES for fault in faults(name, found, card)]
    if wrong:
        raise _Wrong("; ".join(wrong))
    return list(SIGNATURES)


def _described(client: ServingClient, spec: ModelSpec, card: ModelCard | None) -> ModelCard:
    served = client.describe(spec, timeout_s=_TIMEOUT_S)
    # What the card has besides, of a kind that this release does not know, is nobody's business here.
    different = [] if card is None else [key for key in _CARD if getattr(card, key) != getattr(served, key)]
    if different:
        raise _Wrong(f"Expected the card on disk. Received one with other {', '.join(different)}")
    return served


def _predicted(client: ServingClient, spec: ModelSpec, card: ModelCard, images: NDArray[np.uint8]) -> _Probabilities:
    """The probabilities [N, K] of all pictures, asked for together. Raises _Wrong."""
    together = _probabilities(client, spec, card, images)
    alone = _probabilities(client, spec, card, images[:1])
    difference = float(np.abs(together[:1] - alone).max())
    if difference > _TOLERANCE:
        raise _Wrong(
            f"Expected the same of a picture alone and with others. Received: a difference of {difference:.2g}"
        )
    return together


def _probabilities(
    client: ServingClient, spec: ModelSpec, card: ModelCard, images: NDArray[np.uint8]
) -> _Probabilities:
    answer = client.predict(spec, {"images": images}, timeout_s=_TIMEOUT_S)
    if answer.version != spec.version:
        raise _Wrong(f"Expected an answer of version {spec.version}. Received: of {answer.version}")
    found, wanted = answer.outputs.get("probabilities"), (len(images), len(card.labels))
    if found is None or found.shape != wanted:
        shape = "none" if found is None else str(found.shape)
        raise _Wrong(f"Expected probabilities of shape {wanted}. Received: {shape}")
    if not np.isfinite(found).all():
        raise _Wrong(f"Expected probabilities that are numbers. Received: {_example(found, ~np.isfinite(found))}")
    outside = (found < -_TOLERANCE) | (found > 1 + _TOLERANCE)
    if outside.any():
        raise _Wrong(f"Expected probabilities from 0 to 1. Received: {_example(found, outside)}")
    sums = found.sum(axis=1)
    if (np.abs(sums - 1) > _TOLERANCE).any():
        raise _Wrong(f"Expected probabilities that add up to 1. Received: {sums[np.abs(sums - 1).argmax()]:.4g}")
    return found.astype(np.float32)


def _agreement(probabilities: Mapping[str, _Probabilities]) -> list[Finding]:
    """Whether all replicas say the same of the same pictures."""
    if len(probabilities) < 2:
        return []
    (first, expected), *others = probabilities.items()
    differences = {replica: float(np.abs(found - expected).max()) for replica, found in others}
    worst = max(differences, key=lambda replica: differences[replica])
    told = f"largest difference {differences[worst]:.2g}, {worst} against {first}"
    return [Finding("replicas agree", differences[worst] <= _TOLERANCE, told)]


def _example(found: NDArray[np.float32], where: NDArray[np.bool_]) -> str:
    return str(found[where][0])


def _line(error: Exception) -> str:
    return " ".join(str(error).split())
