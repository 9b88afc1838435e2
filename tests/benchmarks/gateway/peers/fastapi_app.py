"""FastAPI and the exported SavedModel's signature called in process, on uvicorn with uvloop and httptools.

A worker for each CPU, which decodes and predicts in its event loop: a request is nothing but work for the CPU, and to
hand it to the thread pool brought a third fewer small pictures a second. Large uploads stay in memory: Starlette would
write them to a file, chunk by chunk, through threads. The answer is written by orjson and passed as bytes, past
FastAPI's own validation.
"""

from __future__ import annotations

import numpy as np
from fastapi import FastAPI, Response, UploadFile  # type: ignore[import-not-found]
from starlette.formparsers import MultiPartParser

from tests.benchmarks.gateway.peers import common

MultiPartParser.spool_max_size = 1 << 26
predict = common.load_signature()
app = FastAPI()


@app.post("/classify")  # type: ignore[untyped-decorator]
async def classify(images: list[UploadFile]) -> Response:
    """All pictures of the request in one batch."""
    probabilities = predict(np.stack([common.to_pixels(await image.read()) for image in images]))
    return Response(common.answer([image.filename for image in images], probabilities), media_type="application/json")
