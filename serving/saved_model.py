"""What a SavedModel says of itself, read from its files without TensorFlow.

The graph is read to the depth of its nodes. So a file that was cut off is found wherever that was; a hole of zeros is
found in the graph's structure, not within a weight.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from google.protobuf import text_format
from google.protobuf.message import DecodeError

from contract import wire_pb2 as wire
from serving.checkpoint import CheckpointError, shard_sizes

GRAPHS = ("saved_model.pb", "saved_model.pbtxt")
SERVING_TAG = "serve"
_VARIABLES = "variables/variables"
_ASSETS = "assets/"
_VARIABLE_OPS = frozenset({"VarHandleOp", "VariableV2", "Variable"})

Files = Mapping[str, int]
Read = Callable[[str], bytes]


class SavedModelError(ValueError):
    """A SavedModel that no model server could load; the message says what is wrong with which file."""


@dataclass(frozen=True)
class SavedModel:
    """The part of a SavedModel that is served.

    Attributes:
        signatures: By name.
        variables: How many variables the graph has; their values lie in files beside it.
        assets: The names of the files in ``assets/`` that the graph reads.
    """

    signatures: Mapping[str, wire.SignatureDef]
    variables: int
    assets: tuple[str, ...]


def read_saved_model(files: Files, read: Read) -> SavedModel:
    """Reads the graph that TensorFlow Serving would load.

    Args:
        files: Every file of the version, its path and its size in bytes.
        read: Gives the bytes of one of them.

    Raises:
        SavedModelError: There is none, or it is damaged, or it is not made for serving.
    """
    graph = next((name for name in GRAPHS if name in files), None)
    if graph is None:
        raise SavedModelError(f"Expected {GRAPHS[0]}. Received: {_listed(files)}")
    meta = _served(graph, _parsed(graph, read(graph)))
    return SavedModel(
        signatures=dict(meta.signature_def),
        variables=sum(node.op in _VARIABLE_OPS for node in meta.graph_def.node),
        assets=tuple(asset.filename for asset in meta.asset_file_def),
    )


def check_variables(model: SavedModel, files: Files, read: Read) -> str:
    """What there is to say of the files with the variables' values.

    Raises:
        SavedModelError: One is missing or shorter than the index says.
    """
    index = f"{_VARIABLES}.index"
    if index not in files:
        if model.variables:
            raise SavedModelError(
                f"Expected {index}: the graph has {model.variables} variables. Received: no such file"
            )
        return "none: the weights are constants"
    try:
        wanted = shard_sizes(read(index))
    except CheckpointError as error:
        raise SavedModelError(f"{index}: {error}") from None
    for shard, size in enumerate(wanted):
        name = f"{_VARIABLES}.data-{shard:05d}-of-{len(wanted):05d}"
        if files.get(name, -1) < size:
            raise SavedModelError(f"Expected {name} of {size} bytes. Received: {files.get(name, 'no such file')}")
    return f"{model.variables}" if model.variables else "none: the weights are constants"


def check_assets(model: SavedModel, files: Files) -> str:
    """What there is to say of the files that the graph reads. Raises SavedModelError if one is missing."""
    missing = [name for name in model.assets if _ASSETS + name not in files]
    if missing:
        raise SavedModelError(
            f"Expected the files {missing} in {_ASSETS}, which the graph reads. Received: none of them"
        )
    return f"{len(model.assets)}" if model.assets else "none needed"


def _parsed(name: str, content: bytes) -> wire.SavedModel:
    try:
        if name.endswith(".pbtxt"):
            text = content.decode()
            return text_format.Parse(text, wire.SavedModel(), allow_unknown_field=True)
        return wire.SavedModel.FromString(content)
    except (DecodeError, text_format.ParseError, UnicodeDecodeError):
        raise SavedModelError(
            f"Expected {name} to be a whole SavedModel. Received: {len(content)} bytes that cannot be read as one, "
            "as of a copy that was cut short"
        ) from None


def _served(name: str, model: wire.SavedModel) -> wire.MetaGraphDef:
    for meta in model.meta_graphs:
        if SERVING_TAG in meta.meta_info_def.tags:
            return meta
    tags = [list(meta.meta_info_def.tags) for meta in model.meta_graphs]
    raise SavedModelError(f"Expected a graph tagged {SERVING_TAG!r} in {name}. Received: graphs tagged {tags}")


def _listed(files: Files) -> str:
    return ", ".join(sorted(files)[:5]) or "no files"
