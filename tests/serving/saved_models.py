"""SavedModels, written without TensorFlow: they say what a version says of itself, and compute nothing."""

from __future__ import annotations

from pathlib import Path

from contract import wire_pb2 as wire
from contract.card import ImageSpec, ModelCard
from serving.repository import CARD
from serving.warmup import FILE as WARMUP


def card(accuracy: float = 0.98, labels: tuple[str, ...] = ("0", "1"), image: ImageSpec | None = None) -> ModelCard:
    """A card; `accuracy` tells one from another."""
    return ModelCard(
        name="digits",
        labels=labels,
        image=image or ImageSpec(8, 8, 1),
        metrics={"accuracy": accuracy},
        created="2026-01-02T03:04:05+00:00",
        extra={"licence": "CC0"},
    )


def signatures(card: ModelCard) -> dict[str, wire.SignatureDef]:
    """The four signatures of a version with that card."""
    images = tensor(wire.DT_UINT8, -1, *card.image.shape)
    strings = tensor(wire.DT_STRING, -1)
    probabilities = tensor(wire.DT_FLOAT, -1, len(card.labels))
    heatmaps, classes = tensor(wire.DT_FLOAT, -1, 4, 4), tensor(wire.DT_STRING, -1, len(card.labels))
    return {
        "serving_default": wire.SignatureDef(inputs={"images": images}, outputs={"probabilities": probabilities}),
        "serving_bytes": wire.SignatureDef(
            inputs={"image_bytes": strings}, outputs={"classes": classes, "probabilities": probabilities}
        ),
        "explain": wire.SignatureDef(
            inputs={"images": images}, outputs={"heatmaps": heatmaps, "probabilities": probabilities}
        ),
        "describe": wire.SignatureDef(inputs={"query": strings}, outputs={"card": strings}),
    }


def tensor(dtype: wire.DataType, *shape: int) -> wire.TensorInfo:
    """An input or an output; -1 stands for any size."""
    dims = [wire.TensorShapeProto.Dim(size=size) for size in shape]
    return wire.TensorInfo(dtype=dtype, tensor_shape=wire.TensorShapeProto(dim=dims))


def saved_model(card: ModelCard, variables: int = 0, assets: tuple[str, ...] = ()) -> wire.SavedModel:
    """The graph, with so many variables and the files that it reads."""
    nodes = [wire.NodeDef(name=f"weight{index}", op="VarHandleOp") for index in range(variables)]
    meta = wire.MetaGraphDef(
        meta_info_def=wire.MetaGraphDef.MetaInfoDef(tags=["serve"]),
        graph_def=wire.GraphDef(node=[*nodes, wire.NodeDef(name=f"accuracy {card.metrics['accuracy']}", op="NoOp")]),
        signature_def=signatures(card),
        asset_file_def=[wire.AssetFileDef(filename=name) for name in assets],
    )
    return wire.SavedModel(saved_model_schema_version=1, meta_graphs=[meta])


def write(folder: Path, card: ModelCard, model: wire.SavedModel | None = None) -> Path:
    """Makes the folder a version: the graph, the card, two warm-up requests."""
    (folder / CARD).parent.mkdir(parents=True)
    (folder / "variables").mkdir()
    (folder / "saved_model.pb").write_bytes((model or saved_model(card)).SerializeToString())
    (folder / CARD).write_text(card.to_json())
    (folder / WARMUP).write_bytes(2 * record(wire.PredictionLog(predict_log=wire.PredictLog())))
    return folder


def record(message: wire.PredictionLog) -> bytes:
    """A record of a TFRecord file, its checksums left empty."""
    content = message.SerializeToString()
    return len(content).to_bytes(8, "little") + bytes(4) + content + bytes(4)
