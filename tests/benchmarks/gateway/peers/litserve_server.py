"""LitServe with batching: an API process for each CPU parses, as many workers decode and predict what has queued up.

ZeroMQ carries answers back (`fast_queue`). A batch takes what is there and does not wait for more: with the clients
waiting for their answers, waiting only adds to their latency. A single API process was slower for small pictures. The
answer comes back as bytes.
"""

from typing import Any

import litserve  # type: ignore[import-not-found]
import numpy as np
from fastapi import Request, Response  # type: ignore[import-not-found]
from numpy.typing import NDArray

from tests.benchmarks.gateway.peers import common


class Classifier(litserve.LitAPI):  # type: ignore[misc, unused-ignore]
    """The model in a worker."""

    def setup(self, device: str) -> None:  # noqa: ARG002
        self._predict = common.load_signature()

    def decode_request(self, request: Request) -> tuple[list[str | None], NDArray[np.uint8]]:
        files = request.getlist("images")
        return [file.filename for file in files], np.stack([common.to_pixels(file.file.read()) for file in files])

    def batch(self, inputs: list[tuple[list[str | None], NDArray[np.uint8]]]) -> Any:
        return inputs

    def predict(self, requests: list[tuple[list[str | None], NDArray[np.uint8]]]) -> list[bytes]:
        rows = self._predict(np.concatenate([images for _, images in requests]))
        ends = np.cumsum([len(names) for names, _ in requests])[:-1]
        return [common.answer(names, part) for (names, _), part in zip(requests, np.split(rows, ends), strict=True)]

    def unbatch(self, output: list[bytes]) -> list[bytes]:
        return output

    def encode_response(self, output: bytes) -> Response:
        return Response(output, media_type="application/json")


if __name__ == "__main__":
    api = Classifier(max_batch_size=8, batch_timeout=0.0, api_path="/classify")
    server = litserve.LitServer(api, accelerator="cpu", workers_per_device=common.WORKERS, fast_queue=True)
    server.run(host="127.0.0.1", port=common.PORT, log_level="warning", generate_client_file=False)
