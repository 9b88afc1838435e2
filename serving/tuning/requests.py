"""What the clients send: calls of many sizes, as gateways make them."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from contract.messages import SERVING_DEFAULT, ModelSpec, predict_request

INPUT = "images"
_REPEATS = 4


@dataclass(frozen=True)
class Mix:
    """How many of the calls have how many pictures.

    Attributes:
        weights: Of every size.
    """

    weights: Mapping[int, int]

    def __str__(self) -> str:
        return ",".join(f"{size}:{weight}" for size, weight in sorted(self.weights.items()))

    @property
    def most(self) -> int:
        """Pictures in the largest call."""
        return max(self.weights)

    def deck(self) -> list[int]:
        """The sizes of a client's calls in their order, over and over: always the same, for a fair comparison."""
        cards = [size for size, weight in sorted(self.weights.items()) for _ in range(weight)]
        order = random.Random(0)  # noqa: S311  # no secret
        return [size for _ in range(_REPEATS) for size in order.sample(cards, len(cards))]


def usual(most: int) -> Mix:
    """What gateways send that join what waits, up to `most` pictures a call.

    Most calls are small, for one alone leaves at once; half of the pictures come in full ones, from busy moments and
    requests of many pictures.
    """
    return Mix({**{size: weight for size, weight in ((1, 8), (2, 4), (8, 2)) if size < most}, most: 1})


def parse(text: str) -> Mix:
    """A mix from ``1,8,32`` or ``1:8,8:2,32:1``, sizes and how often each occurs.

    Raises:
        ValueError: It is neither.
    """
    weights: dict[int, int] = {}
    for part in text.split(","):
        size, _, weight = part.partition(":")
        weights[int(size)] = weights.get(int(size), 0) + int(weight or 1)
    if min(weights) < 1 or min(weights.values()) < 1:
        raise ValueError(f"Expected sizes and weights of 1 or more. Received: {text!r}")
    return Mix(weights)


def write(folder: Path, spec: ModelSpec, images: NDArray[np.uint8], mix: Mix) -> Path:
    """Writes each size's call, ready to be sent, and the order in which they are; gives the file that tells of both.

    Args:
        folder: Where to.
        spec: Whom the calls ask.
        images: uint8 [N, H, W, C]: the pictures, used in turn.
        mix: The sizes.
    """
    files: dict[str, str] = {}
    for size in mix.weights:
        pictures = images[np.arange(size) % len(images)]
        file = folder / f"request-{size}.bin"
        file.write_bytes(predict_request(spec, {INPUT: pictures}, SERVING_DEFAULT, ()))
        files[str(size)] = str(file)
    told = folder / "requests.json"
    told.write_text(json.dumps({"files": files, "deck": mix.deck()}))
    return told


def read(path: Path) -> tuple[Mapping[int, bytes], Sequence[int]]:
    """What `write` wrote: the calls by size, and their order."""
    told = json.loads(path.read_text())
    return {int(size): Path(file).read_bytes() for size, file in told["files"].items()}, told["deck"]
