"""Warm-up: the requests recorded in a version's ``assets.extra``, replayed before it serves.

The first run of a signature costs many times a later one; without this the first caller after a swap would pay.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from google.protobuf.message import DecodeError
from tensorflow_serving.apis import prediction_log_pb2

from serving.model_server import tf
from serving.model_server.errors import DataLoss, InvalidArgument, Unimplemented
from serving.model_server.inference.classify import classify
from serving.model_server.inference.multi_inference import multi_inference
from serving.model_server.inference.predict import SERVING_DEFAULT, Runner, predict, run_directly
from serving.model_server.inference.regress import regress
from serving.model_server.inference.servable import Servable

REQUESTS = Path("assets.extra", "tf_serving_warmup_requests")
_MOST_RECORDS = 1000
_SHOWN_BYTES = 100


def replay(servable: Servable, version_directory: Path, *, iterations: int = 1, run: Runner = run_directly) -> int:
    """Runs every recorded request, as it would run for a client.

    Args:
        servable: The loaded version.
        version_directory: Where its recording may lie.
        iterations: How often each request is run.
        run: What runs it.

    Returns:
        How many records there were; 0 where the version has no recording.

    Raises:
        ServerError: A damaged recording, too many records, or a request that fails.
    """
    path = version_directory / REQUESTS
    if not path.is_file():
        return 0
    count = 0
    for record in _records(path):
        for _ in range(iterations):
            _run(servable, record, run)
        count += 1
        if count > _MOST_RECORDS:
            raise InvalidArgument(f"Number of warmup records exceeds the maximum ({_MOST_RECORDS}) at {path}")
    return count


def _run(servable: Servable, record: Any, run: Runner) -> None:
    match record.WhichOneof("log_type"):
        case "predict_log":
            request = record.predict_log.request
            predict(servable, _signature(request), request.inputs, output_filter=request.output_filter, run=run)
        case "classify_log":
            request = record.classify_log.request
            classify(servable, _signature(request), request.input, run=run)
        case "regress_log":
            request = record.regress_log.request
            regress(servable, _signature(request), request.input, run=run)
        case "multi_inference_log":
            multi_inference(servable, record.multi_inference_log.request, run=run)
        case "session_run_log":
            raise Unimplemented(f"Unsupported log_type for warmup: {record.SESSION_RUN_LOG_FIELD_NUMBER}")
        # Records of other kinds are counted and not run.


def _signature(request: Any) -> str:
    return request.model_spec.signature_name or SERVING_DEFAULT


def _records(path: Path) -> Iterator[Any]:
    try:
        for record in tf.tf_record_iterator(str(path)):
            try:
                yield prediction_log_pb2.PredictionLog.FromString(record)
            except DecodeError:
                shown = record[:_SHOWN_BYTES].decode(errors="backslashreplace")
                raise InvalidArgument(f"Failed to parse warmup record: {shown} from {path}") from None
    except tf.errors.DataLossError as error:
        raise DataLoss(f"{error.message}. Please verify your warmup data is in TFRecord format.") from None
