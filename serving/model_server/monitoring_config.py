"""The ``--monitoring_config_file``: TensorFlow Serving's text-proto ``MonitoringConfig``.

The message is not part of the ``tensorflow-serving-api`` package, so its fields are declared here.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

from serving.model_server.versions.config import read_text_proto

_DEFAULT_PATH = "/monitoring/prometheus/metrics"


def read_prometheus_path(path: Path) -> str | None:
    """The URL path of the Prometheus page, or None if it is not enabled.

    Raises:
        InvalidArgument: The file is missing, is no text-proto, or has an unknown field.
    """
    message: Any = message_factory.GetMessageClass(_descriptor())()
    read_text_proto(path, message)
    prometheus = message.prometheus_config
    return (prometheus.path or _DEFAULT_PATH) if prometheus.enable else None


def _descriptor() -> Any:
    """The descriptor of ``tensorflow.serving.MonitoringConfig``, field numbers as in monitoring_config.proto."""
    file = descriptor_pb2.FileDescriptorProto(name="monitoring.proto", package="tensorflow.serving", syntax="proto3")
    field = descriptor_pb2.FieldDescriptorProto
    prometheus = file.message_type.add(name="PrometheusConfig")
    prometheus.field.add(name="enable", number=1, type=field.TYPE_BOOL, label=field.LABEL_OPTIONAL)
    prometheus.field.add(name="path", number=2, type=field.TYPE_STRING, label=field.LABEL_OPTIONAL)
    monitoring = file.message_type.add(name="MonitoringConfig")
    monitoring.field.add(
        name="prometheus_config",
        number=1,
        type=field.TYPE_MESSAGE,
        type_name=".tensorflow.serving.PrometheusConfig",
        label=field.LABEL_OPTIONAL,
    )
    # A pool of its own: the process may hold the real message under the same name.
    pool: Any = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(file.SerializeToString())
    return pool.FindMessageTypeByName("tensorflow.serving.MonitoringConfig")
