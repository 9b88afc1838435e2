"""Flask and the exported SavedModel's signature called in process, on gunicorn.

A worker of 4 threads for each CPU: while one thread is in TensorFlow or Pillow, which let go of the interpreter's lock,
another parses. JPEGs are scaled down while they are decoded, TensorFlow runs one thread an operation, orjson writes the
answer.
"""

from __future__ import annotations

import numpy as np
from flask import Flask, Response, request

from tests.benchmarks.gateway.peers import common

predict = common.load_signature()
app = Flask(__name__)


@app.post("/classify")
def classify() -> Response:
    """All pictures of the request in one batch."""
    files = request.files.getlist("images")
    images = np.stack([common.to_pixels(file.read()) for file in files])
    body = common.answer([file.filename for file in files], predict(images))
    return Response(body, mimetype="application/json")
