"""Flask and `model.predict` in process: what most tutorials show, on gunicorn instead of Flask's own server.

A worker of 4 threads for each CPU, TensorFlow with one thread an operation. `predict` itself cannot be tuned: it builds
an input pipeline for every call.
"""

from __future__ import annotations

import os

import keras
import numpy as np
from flask import Flask, Response, request

from tests.benchmarks.gateway.peers import common

common.one_thread_an_operation()
model = keras.models.load_model(os.environ["PEER_KERAS"], compile=False)
app = Flask(__name__)


@app.post("/classify")
def classify() -> Response:
    """All pictures of the request in one batch."""
    files = request.files.getlist("images")
    images = np.stack([common.to_pixels(file.read()) for file in files])
    probabilities = model.predict(images, verbose=0)
    return Response(common.answer([file.filename for file in files], probabilities), mimetype="application/json")
