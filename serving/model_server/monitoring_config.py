"""The ``--monitoring_config_file``: TensorFlow Serving's text-proto ``MonitoringConfig``."""

from __future__ import annotations

from pathlib import Path

from serving.model_server import text_proto

_DEFAULT_PATH = "/monitoring/prometheus/metrics"


def read_prometheus_path(path: Path) -> str | None:
    """The URL path of the Prometheus page, or None if it is not enabled.

    Raises:
        InvalidArgument: The file is missing, is no text-proto, or has an unknown field.
    """
    message = text_proto.empty("MonitoringConfig")
    text_proto.read(path, message)
    prometheus = message.prometheus_config
    return (prometheus.path or _DEFAULT_PATH) if prometheus.enable else None
