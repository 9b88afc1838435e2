"""The gRPC channel to one or many TensorFlow Serving replicas: balanced, kept alive, retried.

The policy lives in the channel's service config (https://grpc.io/docs/guides/service-config/), so that gRPC itself
picks another replica for the second try.
"""

from __future__ import annotations

import json

import grpc
import grpc.aio

PREDICTION_SERVICE = "tensorflow.serving.PredictionService"
MODEL_SERVICE = "tensorflow.serving.ModelService"


def open_channel(target: str) -> grpc.Channel:
    """A channel that opens its connections at the first call: make it after a fork, never before.

    Args:
        target: ``host:port`` (every address of the name is used, round-robin), or a gRPC target such as
            ``ipv4:10.0.0.1:8500,10.0.0.2:8500``.
    """
    return grpc.insecure_channel(_uri(target), options=_OPTIONS)


def open_async_channel(target: str) -> grpc.aio.Channel:
    """The same for the running event loop."""
    return grpc.aio.insecure_channel(_uri(target), options=_OPTIONS)


def _uri(target: str) -> str:
    schemes = ("dns:", "ipv4:", "ipv6:", "unix:", "xds:")
    return target if target.startswith(schemes) else f"dns:///{target}"


def _retry(codes: list[str]) -> dict[str, object]:
    return {
        "maxAttempts": 5,  # gRPC's own upper limit
        # Four waits, 0.4 s in all: another replica answers at the second try, and where none is, callers learn it soon.
        "initialBackoff": "0.025s",
        "maxBackoff": "0.2s",
        "backoffMultiplier": 2,
        "retryableStatusCodes": codes,
    }


# A server that is told to stop ends some calls as CANCELLED. What we cancel ourselves gRPC does not try again.
_GONE = ["UNAVAILABLE", "CANCELLED"]
_SERVICE_CONFIG = {
    "loadBalancingConfig": [{"round_robin": {}}],
    "methodConfig": [
        # RESOURCE_EXHAUSTED comes at random from a server whose gRPC threads are all busy; another try soon succeeds.
        {"name": [{"service": PREDICTION_SERVICE}], "retryPolicy": _retry([*_GONE, "RESOURCE_EXHAUSTED"])},
        {"name": [{"service": MODEL_SERVICE}], "retryPolicy": _retry(_GONE)},
    ],
}

_OPTIONS: list[tuple[str, str | int]] = [
    ("grpc.service_config", json.dumps(_SERVICE_CONFIG)),
    ("grpc.enable_retries", 1),
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 5_000),
    # A server that returns is found again within a second, not after gRPC's usual two minutes.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 500),
    ("grpc.max_reconnect_backoff_ms", 250),
    ("grpc.dns_min_time_between_resolutions_ms", 1_000),
    # A model server is inside the cluster; a proxy for the outside must not see its traffic.
    ("grpc.enable_http_proxy", 0),
    # Two clients in one process must not share one connection, or closing one would disturb the other.
    ("grpc.use_local_subchannel_pool", 1),
]
