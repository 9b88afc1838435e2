"""FastAPI and the exported model as a `tf.function` in process, on uvicorn with uvloop and httptools.

2 workers. The body is parsed in the event loop, decoding and prediction run in the thread pool so that the loop goes
on accepting. The answer is written by orjson and passed as bytes, past FastAPI's own validation.
"""

from __future__ import annotations

import numpy as np
from fastapi import FastAPI, Response, UploadFile  # type: ignore[import-not-found]
from starlette.concurrency import run_in_threadpool

from tests.benchmarks.gateway.peers import common

predict = common.load_signature()
app = FastAPI()


def classified(names: list[str | None], files: list[bytes]) -> bytes:
    """All pictures of the request in one batch."""
    return common.answer(names, predict(np.stack([common.to_pixels(data) for data in files])))


@app.post("/classify")  # type: ignore[untyped-decorator]
async def classify(images: list[UploadFile]) -> Response:
    """The same in a thread."""
    files = [await image.read() for image in images]
    body = await run_in_threadpool(classified, [image.filename for image in images], files)
    return Response(body, media_type="application/json")
