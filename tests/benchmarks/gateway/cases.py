"""What is asked: which pictures, how many in a request, of which network, by how many clients."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass

from tests.benchmarks.gateway import http_load, pictures
from tests.benchmarks.networks import MOBILENET_V2, MOBILENET_V2_035, SMALL_CNN, Network


@dataclass(frozen=True)
class Case:
    """One row of load.

    Attributes:
        name: For the command line.
        title: For people.
        network: Which model is asked.
        picture: Makes the bytes of the upload, the same one for every picture of a request.
        batch: Pictures in a request.
        clients: Requests under way at any time.
        wanted: The aim: images a second, as a multiple of the best peer's, with the official TensorFlow Serving.
    """

    name: str
    title: str
    network: Network
    picture: Callable[[], bytes]
    batch: int
    clients: int
    wanted: float | None = None

    def request(self, path: str, batch: int | None = None) -> bytes:
        """The bytes of one request."""
        data = self.picture()
        extension, kind = ("png", "image/png") if data.startswith(b"\x89PNG") else ("jpg", "image/jpeg")
        return http_load.post(path, [(f"{n}.{extension}", kind, data) for n in range(batch or self.batch)])

    def fault(self, body: bytes, batch: int | None = None) -> str | None:
        """What is wrong with an answer: not every picture has the probability of every class. None if nothing is."""
        try:
            answer = json.loads(body)
            predictions = answer["predictions"] if isinstance(answer, dict) else answer
            rows = [prediction["probabilities"].values() for prediction in predictions]
        except (ValueError, KeyError, TypeError) as error:
            return f"{type(error).__name__} in {body[:200]!r}"
        if len(rows) != (batch or self.batch):
            return f"{len(rows)} predictions"
        if any(len(row) != self.network.classes or abs(sum(row) - 1) > 0.01 for row in rows):
            return "not the probability of every class"
        return None


CASES = (
    Case("small-1", "28 x 28 PNG, 1 a request", SMALL_CNN, pictures.small_png, 1, 8, 1.0),
    Case("small-8", "28 x 28 PNG, 8 a request", SMALL_CNN, pictures.small_png, 8, 8, 1.25),
    Case("small-32", "28 x 28 PNG, 32 a request", SMALL_CNN, pictures.small_png, 32, 8, 1.25),
    Case("vga-1", "640 x 480 JPEG, 1 a request", MOBILENET_V2_035, pictures.vga_jpeg, 1, 8, 1.35),
    Case("vga-8", "640 x 480 JPEG, 8 a request", MOBILENET_V2_035, pictures.vga_jpeg, 8, 8),
    Case("vga-32", "640 x 480 JPEG, 32 a request", MOBILENET_V2_035, pictures.vga_jpeg, 32, 8),
    Case("photo-1", "12-megapixel JPEG, 1 a request", MOBILENET_V2_035, pictures.phone_jpeg, 1, 4, 1.1),
)
# Only where it is asked for: there the model takes nearly all of the time.
OPTIONAL_CASES = (Case("full-vga-1", "640 x 480 JPEG, 1 a request, alpha 1.0", MOBILENET_V2, pictures.vga_jpeg, 1, 8),)
