"""Requests that TensorFlow Serving replays before a version takes traffic: no user's request is the slow first one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from tensorflow_serving.apis import prediction_log_pb2

from training.export.signatures import DESCRIBE, EXPLAIN, SERVING_BYTES, SERVING_DEFAULT

FILE = "tf_serving_warmup_requests"
# A request above the server's max_batch_size fails, and with it the load of the version: so nothing large.
_BATCHES = (1, 2, 4, 8)


def write_warmup(extra: Path, name: str, images: NDArray[np.uint8], encoded: bytes) -> None:
    """Writes the requests into ``assets.extra``.

    Args:
        extra: The folder ``assets.extra`` of the version.
        name: The model's name.
        images: uint8 [N, H, W, C], at least one; repeated as needed.
        encoded: A picture as a file's bytes.
    """
    requests = [_request(name, SERVING_DEFAULT, "images", np.resize(images, (n, *images.shape[1:]))) for n in _BATCHES]
    requests.append(_request(name, EXPLAIN, "images", images[:1]))
    requests.append(_request(name, SERVING_BYTES, "image_bytes", np.array([encoded], object)))
    requests.append(_request(name, DESCRIBE, "query", np.array([b""], object)))
    with tf.io.TFRecordWriter(str(extra / FILE)) as writer:
        for request in requests:
            writer.write(request.SerializeToString())


def _request(name: str, signature: str, key: str, value: NDArray[np.generic]) -> prediction_log_pb2.PredictionLog:
    log = prediction_log_pb2.PredictionLog()
    request = log.predict_log.request
    request.model_spec.name = name
    request.model_spec.signature_name = signature
    request.inputs[key].CopyFrom(tf.make_tensor_proto(value))
    return log
