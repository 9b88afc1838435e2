"""contract/wire.proto is what TensorFlow Serving speaks: each message and field, the bytes, the text, the methods."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from google.protobuf import message_factory, text_format
from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor
from google.protobuf.message import Message
from tensorflow.core.framework import function_pb2, graph_pb2, node_def_pb2, tensor_pb2, tensor_shape_pb2, types_pb2
from tensorflow.core.protobuf import meta_graph_pb2, saved_model_pb2, tensor_bundle_pb2
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_management_pb2,
    model_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_log_pb2,
    prediction_service_pb2_grpc,
)
from tensorflow_serving.config import model_server_config_pb2

from contract import wire_pb2 as wire
from contract.channel import MODEL_SERVICE, PREDICTION_SERVICE
from contract.client import ModelSpec
from contract.tensors import to_proto
from tests.conftest import ROOT

# Two of the messages lie in modules that the official package leaves out: they are reached over a field of their type.
OFFICIAL = {
    "TensorShapeProto": tensor_shape_pb2.TensorShapeProto,
    "TensorProto": tensor_pb2.TensorProto,
    "ModelSpec": model_pb2.ModelSpec,
    "PredictRequest": predict_pb2.PredictRequest,
    "PredictResponse": predict_pb2.PredictResponse,
    "TensorInfo": meta_graph_pb2.TensorInfo,
    "SignatureDef": meta_graph_pb2.SignatureDef,
    "SignatureDefMap": get_model_metadata_pb2.SignatureDefMap,
    "GetModelMetadataRequest": get_model_metadata_pb2.GetModelMetadataRequest,
    "GetModelMetadataResponse": get_model_metadata_pb2.GetModelMetadataResponse,
    "StatusProto": message_factory.GetMessageClass(
        model_management_pb2.ReloadConfigResponse.DESCRIPTOR.fields_by_name["status"].message_type
    ),
    "GetModelStatusRequest": get_model_status_pb2.GetModelStatusRequest,
    "ModelVersionStatus": get_model_status_pb2.ModelVersionStatus,
    "GetModelStatusResponse": get_model_status_pb2.GetModelStatusResponse,
    "ServableVersionPolicy": message_factory.GetMessageClass(
        model_server_config_pb2.ModelConfig.DESCRIPTOR.fields_by_name["model_version_policy"].message_type
    ),
    "ModelConfig": model_server_config_pb2.ModelConfig,
    "ModelConfigList": model_server_config_pb2.ModelConfigList,
    "ModelServerConfig": model_server_config_pb2.ModelServerConfig,
    "ReloadConfigRequest": model_management_pb2.ReloadConfigRequest,
    "ReloadConfigResponse": model_management_pb2.ReloadConfigResponse,
    "NodeDef": node_def_pb2.NodeDef,
    "FunctionDef": function_pb2.FunctionDef,
    "FunctionDefLibrary": function_pb2.FunctionDefLibrary,
    "GraphDef": graph_pb2.GraphDef,
    "AssetFileDef": meta_graph_pb2.AssetFileDef,
    "MetaGraphDef": meta_graph_pb2.MetaGraphDef,
    "SavedModel": saved_model_pb2.SavedModel,
    "BundleHeaderProto": tensor_bundle_pb2.BundleHeaderProto,
    "BundleEntryProto": tensor_bundle_pb2.BundleEntryProto,
    "PredictLog": prediction_log_pb2.PredictLog,
    "PredictionLog": prediction_log_pb2.PredictionLog,
}


# Where ours differs on purpose, in what does not show on the wire.
SIMPLER = {
    "vitrine.wire.StatusProto.error_code": "an enum there: the number is enough, and an unknown one is kept",
    "vitrine.wire.TensorInfo.name": "one choice of a oneof there, whose others no server sends for images",
    "vitrine.wire.ModelServerConfig.model_config_list": "one choice of a oneof there; the other is for custom servers",
}


def with_nested(ours: Descriptor, theirs: Descriptor) -> Iterator[tuple[Descriptor, Descriptor]]:
    yield ours, theirs
    for nested in ours.nested_types:
        yield from with_nested(nested, theirs.nested_types_by_name[nested.name])


MESSAGES = {
    ours.full_name: (ours, theirs)
    for name, official in OFFICIAL.items()
    for ours, theirs in with_nested(wire.DESCRIPTOR.message_types_by_name[name], official.DESCRIPTOR)
}


def shape(field: FieldDescriptor) -> tuple[object, ...]:
    """What of a field decides about its bytes, its text and its JSON."""
    oneof = field.containing_oneof
    described = field.message_type or field.enum_type
    return (
        field.number,
        field.type,
        field.is_repeated,
        field.is_packed,
        field.has_presence,
        oneof.name if oneof else None,
        described.name if described else None,
    )


def on_the_wire(field: FieldDescriptor) -> tuple[object, ...]:
    """The same for the bytes alone, where an enum is an int32."""
    kind = FieldDescriptor.TYPE_INT32 if field.type == FieldDescriptor.TYPE_ENUM else field.type
    return field.number, kind, field.is_repeated, field.is_packed


def values(enum: EnumDescriptor) -> dict[str, int]:
    return {value.name: value.number for value in enum.values}


def test_every_message_of_ours_has_an_official_one() -> None:
    assert set(wire.DESCRIPTOR.message_types_by_name) == set(OFFICIAL)


@pytest.mark.parametrize("name", MESSAGES)
def test_every_field_has_the_number_type_and_label_of_the_official_one(name: str) -> None:
    ours, theirs = MESSAGES[name]
    for field in ours.fields:
        assert field.name in theirs.fields_by_name, field.full_name
        official = theirs.fields_by_name[field.name]
        if field.full_name in SIMPLER:
            assert on_the_wire(field) == on_the_wire(official), field.full_name
        else:
            assert shape(field) == shape(official), field.full_name


def test_the_enums_have_the_official_numbers() -> None:
    assert values(wire.DataType.DESCRIPTOR).items() <= values(types_pb2.DataType.DESCRIPTOR).items()
    assert values(wire.ModelVersionStatus.State.DESCRIPTOR) == values(
        get_model_status_pb2.ModelVersionStatus.State.DESCRIPTOR
    )


class Recorder:
    """Takes the place of a channel and keeps what a stub asks of it, by method path."""

    def __init__(self) -> None:
        self.methods: dict[str, tuple[object, object]] = {}

    def unary_unary(
        self,
        path: str,
        request_serializer: Callable[[Message], bytes],
        response_deserializer: Callable[[bytes], Message],
        **_options: object,
    ) -> None:
        # The deserializer knows its message; the serializer takes only its own.
        self.methods[path] = (request_serializer, type(response_deserializer(b"")))


@pytest.mark.parametrize(
    ("method", "request_name", "response_name"),
    [
        (f"{PREDICTION_SERVICE}/Predict", "PredictRequest", "PredictResponse"),
        (f"{PREDICTION_SERVICE}/GetModelMetadata", "GetModelMetadataRequest", "GetModelMetadataResponse"),
        (f"{MODEL_SERVICE}/GetModelStatus", "GetModelStatusRequest", "GetModelStatusResponse"),
        (f"{MODEL_SERVICE}/HandleReloadConfigRequest", "ReloadConfigRequest", "ReloadConfigResponse"),
    ],
)
def test_the_methods_that_the_client_calls_are_those_of_the_official_stubs(
    method: str, request_name: str, response_name: str
) -> None:
    channel = Recorder()
    prediction_service_pb2_grpc.PredictionServiceStub(channel)
    model_service_pb2_grpc.ModelServiceStub(channel)

    serialize, response = channel.methods[f"/{method}"]
    assert response is OFFICIAL[response_name]
    assert serialize is OFFICIAL[request_name].SerializeToString


def a_config() -> wire.ModelServerConfig:
    policy = wire.ServableVersionPolicy(specific=wire.ServableVersionPolicy.Specific(versions=[1, 2**40]))
    one = wire.ModelConfig(
        name="digits",
        base_path="/models/digits",
        model_platform="tensorflow",
        model_version_policy=policy,
        version_labels={"stable": 2**40, "canary": 1},
    )
    return wire.ModelServerConfig(model_config_list=wire.ModelConfigList(config=[one]))


def samples() -> dict[str, Message]:
    """A filled message of every kind that goes over the wire."""
    spec = ModelSpec("digits", version=2**40).to_proto("serving_default")
    tensor = to_proto(np.arange(6, dtype=np.float32).reshape(2, 3))
    strings = to_proto(np.array([b"\xff"], dtype=object))
    info = wire.TensorInfo(name="x:0", dtype="DT_UINT8", tensor_shape={"dim": [{"size": -1, "name": "n"}]})
    signatures = wire.SignatureDefMap(
        signature_def={"s": wire.SignatureDef(inputs={"x": info}, outputs={"y": info}, method_name="predict")}
    )
    metadata = wire.GetModelMetadataResponse(model_spec=spec)
    metadata.metadata["signature_def"].Pack(signatures)
    ended = wire.ModelVersionStatus(version=3, state="END", status={"error_code": 5, "error_message": "é"})
    return {
        "PredictRequest": wire.PredictRequest(
            model_spec=spec, inputs={"a": tensor, "b": strings}, output_filter=["p", "q"]
        ),
        "PredictResponse": wire.PredictResponse(model_spec=spec, outputs={"y": tensor}),
        "SignatureDefMap": signatures,
        "GetModelMetadataRequest": wire.GetModelMetadataRequest(model_spec=spec, metadata_field=["signature_def"]),
        "GetModelMetadataResponse": metadata,
        "GetModelStatusRequest": wire.GetModelStatusRequest(model_spec=ModelSpec("m", label="canary").to_proto()),
        "GetModelStatusResponse": wire.GetModelStatusResponse(model_version_status=[ended]),
        "ReloadConfigRequest": wire.ReloadConfigRequest(config=a_config(), metric_names=["m"]),
        "ReloadConfigResponse": wire.ReloadConfigResponse(status={"error_code": 9, "error_message": "no"}),
    }


@pytest.mark.parametrize("name", samples())
def test_the_official_message_reads_ours_whole_and_writes_the_same_bytes(name: str) -> None:
    ours = samples()[name]
    theirs = OFFICIAL[name].FromString(ours.SerializeToString(deterministic=True))

    assert theirs.SerializeToString(deterministic=True) == ours.SerializeToString(deterministic=True)
    # The bytes of unknown fields would come through as well; the text would not.
    assert text_format.MessageToString(theirs).splitlines()[0] == text_format.MessageToString(ours).splitlines()[0]
    assert type(ours).FromString(theirs.SerializeToString()) == ours


def test_a_models_config_in_text_is_read_by_the_official_message() -> None:
    text = text_format.MessageToString(a_config())

    official = text_format.Parse(text, model_server_config_pb2.ModelServerConfig())

    assert official.SerializeToString(deterministic=True) == a_config().SerializeToString(deterministic=True)
    assert text_format.MessageToString(official) == text


def test_signatures_inside_any_are_taken_out_in_spite_of_another_type_name() -> None:
    official = get_model_metadata_pb2.GetModelMetadataResponse()
    signatures = get_model_metadata_pb2.SignatureDefMap()
    signatures.signature_def["s"].inputs["x"].CopyFrom(
        meta_graph_pb2.TensorInfo(name="x:0", dtype=types_pb2.DT_STRING, tensor_shape=tf.TensorShape([None]).as_proto())
    )
    official.metadata["signature_def"].Pack(signatures)

    response = wire.GetModelMetadataResponse.FromString(official.SerializeToString())
    read = wire.SignatureDefMap.FromString(response.metadata["signature_def"].value)

    info = read.signature_def["s"].inputs["x"]
    assert (info.name, info.dtype, info.tensor_shape.dim[0].size) == ("x:0", wire.DT_STRING, -1)


def test_the_committed_code_is_what_protoc_makes_of_the_proto(tmp_path: Path) -> None:
    words = ["-I.", f"--python_out={tmp_path}", f"--pyi_out={tmp_path}", "contract/wire.proto"]
    subprocess.run([sys.executable, "-m", "grpc_tools.protoc", *words], cwd=ROOT, check=True, timeout=60)

    for name in ("wire_pb2.py", "wire_pb2.pyi"):
        assert (tmp_path / "contract" / name).read_bytes() == (ROOT / "contract" / name).read_bytes(), (
            "run `make protos`"
        )
