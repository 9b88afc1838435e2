"""A model server that takes TensorFlow Serving's flags and whose speed depends on them as a test wants it.

``python -m tests.serving.tuning.fake_server [--slow=MS] [--fast=MS] FLAGS``: a call takes `slow` milliseconds, one at a
time; with batching `fast` milliseconds, all side by side. ``--ends-with=FLAG``: with that flag it ends at once.
``--version`` says so.
"""

from __future__ import annotations

import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext

import grpc
import numpy as np

from contract import tensors
from contract import wire_pb2 as wire

PREDICT = ("tensorflow.serving.PredictionService", "Predict")


def main() -> None:
    """Serves until it is killed."""
    flags = dict(word.removeprefix("--").partition("=")[::2] for word in sys.argv[1:])
    if "version" in flags:
        print("fake 1")
        return
    fatal = flags.get("ends-with")
    if fatal and fatal in flags:
        sys.exit(f"--{fatal} is more than this server can bear")
    batches = flags.get("enable_batching") == "true"
    seconds = float(flags.get("fast" if batches else "slow", "5")) / 1000
    lock = nullcontext() if batches else threading.Lock()

    def predict(request: bytes, _context: grpc.ServicerContext) -> bytes:
        message = wire.PredictRequest.FromString(request)
        rows = message.inputs["images"].tensor_shape.dim[0].size
        with lock:
            time.sleep(seconds)
        response = wire.PredictResponse(model_spec=message.model_spec)
        response.outputs["probabilities"].CopyFrom(tensors.to_proto(np.full((rows, 2), 0.5, np.float32)))
        return response.SerializeToString()

    service, method = PREDICT
    handler = grpc.method_handlers_generic_handler(service, {method: grpc.unary_unary_rpc_method_handler(predict)})
    server = grpc.server(ThreadPoolExecutor(64))
    server.add_generic_rpc_handlers((handler,))
    server.add_insecure_port(f"127.0.0.1:{flags['port']}")
    server.start()
    server.wait_for_termination()


if __name__ == "__main__":
    main()
