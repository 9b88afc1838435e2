"""Warm-up: the requests recorded in a version's ``assets.extra``, replayed before it serves.

The first run of a signature costs many times a later one; without this the first caller after a swap would pay.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from google.protobuf.message import DecodeError
from tensorflow_serving.apis import prediction_log_pb2

from serving.model_server import tensors, tf
from serving.model_server.errors import DataLoss, InvalidArgument
from serving.model_server.predict import SERVING_DEFAULT, predict
from serving.model_server.servable import Servable

_LOG = logging.getLogger(__name__)
REQUESTS = Path("assets.extra", "tf_serving_warmup_requests")
_MOST_RECORDS = 1000


def replay(servable: Servable, version_directory: Path) -> int:
    """Runs every recorded Predict request; other kinds of request are skipped with a word in the log.

    Returns:
        How many were run; 0 where the version has no recording.

    Raises:
        ServerError: A damaged recording, too many requests, or one that fails.
    """
    path = version_directory / REQUESTS
    if not path.is_file():
        return 0
    count = 0
    for record in _records(path):
        kind = record.WhichOneof("log_type")
        if kind != "predict_log":
            _LOG.warning("skipping a warm-up request of kind %s in %s: this server answers Predict", kind, path)
            continue
        count += 1
        if count > _MOST_RECORDS:
            raise InvalidArgument(f"Number of warmup records exceeds the maximum ({_MOST_RECORDS}) at {path}")
        _run(servable, record.predict_log.request)
    return count


def _run(servable: Servable, request: Any) -> None:
    inputs = {alias: tensors.to_array(alias, proto) for alias, proto in request.inputs.items()}
    signature = request.model_spec.signature_name or SERVING_DEFAULT
    predict(servable, signature, inputs, output_filter=request.output_filter)


def _records(path: Path) -> Iterator[Any]:
    try:
        for record in tf.tf_record_iterator(str(path)):
            yield prediction_log_pb2.PredictionLog.FromString(record)
    except tf.errors.DataLossError as error:
        raise DataLoss(f"{error.message}. Please verify your warmup data is in TFRecord format.") from None
    except DecodeError:
        raise InvalidArgument(f"Failed to parse warmup record from {path}") from None
