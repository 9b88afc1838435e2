"""Files in protobuf's text format, and the messages for them that the ``tensorflow-serving-api`` package leaves out.

Those are declared here from TensorFlow Serving's own names and types, in the default pool, where a text's
``[type.googleapis.com/…]`` is looked up. In a text the names of fields matter, not their numbers.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, text_format, wrappers_pb2
from tensorflow.core.protobuf import config_pb2

from serving.model_server.errors import InvalidArgument

_PACKAGE = "tensorflow.serving"
# The fields of each message and their types; [] is a repeated one.
_MESSAGES = {
    "SSLConfig": {"server_key": "string", "server_cert": "string", "custom_ca": "string", "client_verify": "bool"},
    "PrometheusConfig": {"enable": "bool", "path": "string"},
    "MonitoringConfig": {"prometheus_config": ".tensorflow.serving.PrometheusConfig"},
    "BatchingParameters": {
        "max_batch_size": ".google.protobuf.Int64Value",
        "batch_timeout_micros": ".google.protobuf.Int64Value",
        "max_enqueued_batches": ".google.protobuf.Int64Value",
        "num_batch_threads": ".google.protobuf.Int64Value",
        "thread_pool_name": ".google.protobuf.StringValue",
        "enable_large_batch_splitting": ".google.protobuf.BoolValue",
        "max_execution_batch_size": ".google.protobuf.Int64Value",
        "allowed_batch_sizes": "int64[]",
        "pad_variable_length_inputs": "bool",
    },
    "ModelWarmupOptions": {"num_request_iterations": ".google.protobuf.Int32Value"},
    "SessionBundleConfig": {
        "session_config": ".tensorflow.ConfigProto",
        "batching_parameters": ".tensorflow.serving.BatchingParameters",
        "model_warmup_options": ".tensorflow.serving.ModelWarmupOptions",
        "session_target": "string",
        "saved_model_tags": "string[]",
        "enable_model_warmup": "bool",
    },
    "SavedModelBundleSourceAdapterConfig": {"legacy_config": ".tensorflow.serving.SessionBundleConfig"},
}


def read(path: Path, message: Any) -> None:
    """Fills a message from a file.

    Raises:
        InvalidArgument: The file is missing, is no text-proto, or has an unknown field.
    """
    try:
        text_format.Parse(path.read_bytes(), message)
    except OSError as error:
        raise InvalidArgument(f"Cannot read '{path}': {error.strerror}") from None
    except (text_format.ParseError, UnicodeDecodeError) as error:
        mistake = f"Error parsing text-format {message.DESCRIPTOR.full_name}: {error}"
        raise InvalidArgument(f"Invalid protobuf file: '{path}': {mistake}") from None


def empty(name: str) -> Any:
    """A new message of one of the types declared here, such as ``MonitoringConfig``."""
    return message_factory.GetMessageClass(_declared().message_types_by_name[name])()


@cache
def _declared() -> Any:
    """The descriptor of a file that declares them all."""
    field = descriptor_pb2.FieldDescriptorProto
    scalars = {"string": field.TYPE_STRING, "int64": field.TYPE_INT64, "bool": field.TYPE_BOOL}
    file = descriptor_pb2.FileDescriptorProto(name="text_proto.proto", package=_PACKAGE, syntax="proto3")
    file.dependency.extend([wrappers_pb2.DESCRIPTOR.name, config_pb2.DESCRIPTOR.name])
    for name, kinds in _MESSAGES.items():
        message = file.message_type.add(name=name)
        for number, (field_name, kind) in enumerate(kinds.items(), start=1):
            one = message.field.add(name=field_name, number=number)
            one.label = field.LABEL_REPEATED if kind.endswith("[]") else field.LABEL_OPTIONAL
            one.type = scalars.get(kind.removesuffix("[]"), field.TYPE_MESSAGE)
            if one.type == field.TYPE_MESSAGE:
                one.type_name = kind
    pool: Any = descriptor_pool.Default()  # type: ignore[no-untyped-call]  # no stub
    pool.AddSerializedFile(file.SerializeToString())
    return pool.FindFileByName(file.name)
