"""The four signatures that every version has, and whether one that came is the one that was wanted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from contract import wire_pb2 as wire
from contract.card import ModelCard

_ANY = -1


@dataclass(frozen=True)
class Tensor:
    """An input or an output: its data type and its dimensions; a letter stands for a number that the card knows."""

    dtype: wire.DataType
    shape: str


@dataclass(frozen=True)
class Signature:
    """What a signature takes and gives, by name."""

    inputs: Mapping[str, Tensor]
    outputs: Mapping[str, Tensor]


_IMAGES = Tensor(wire.DT_UINT8, "NHWC")
_STRINGS = Tensor(wire.DT_STRING, "N")
_PROBABILITIES = Tensor(wire.DT_FLOAT, "NK")
SIGNATURES: Mapping[str, Signature] = {
    "serving_default": Signature({"images": _IMAGES}, {"probabilities": _PROBABILITIES}),
    "serving_bytes": Signature(
        {"image_bytes": _STRINGS}, {"classes": Tensor(wire.DT_STRING, "NK"), "probabilities": _PROBABILITIES}
    ),
    "explain": Signature(
        {"images": _IMAGES}, {"heatmaps": Tensor(wire.DT_FLOAT, "Nhw"), "probabilities": _PROBABILITIES}
    ),
    "describe": Signature({"query": _STRINGS}, {"card": _STRINGS}),
}


def faults(name: str, found: Mapping[str, wire.SignatureDef], card: ModelCard | None) -> list[str]:
    """What is wrong with one of the four signatures; nothing if it is as it should be.

    Args:
        name: Which of them.
        found: The signatures that a version has.
        card: Its card, for the picture's size and the number of classes; None if nothing is known of them.
    """
    if name not in found:
        ours = sorted(signature for signature in found if not signature.startswith("__"))
        return [f"Expected the signature {name}. Received: {', '.join(ours) or 'none'}"]
    wanted, dims = SIGNATURES[name], _dims(card)
    said = []
    for kind, tensors, there in (
        ("input", wanted.inputs, found[name].inputs),
        ("output", wanted.outputs, found[name].outputs),
    ):
        said += [_fault(f"{kind} {key}", tensor, there.get(key), dims) for key, tensor in tensors.items()]
    extra = sorted(found[name].inputs.keys() - wanted.inputs.keys())
    said += [f"Expected no other input. Received: {', '.join(extra)}"] if extra else []
    return [one for one in said if one]


def _fault(what: str, wanted: Tensor, found: wire.TensorInfo | None, dims: Mapping[str, int]) -> str:
    if found is None:
        return f"Expected an {what}. Received: none"
    shape = None if found.tensor_shape.unknown_rank else [dim.size for dim in found.tensor_shape.dim]
    if found.dtype == wanted.dtype and (shape is None or _fits(shape, wanted.shape, dims)):
        return ""
    expected = ", ".join(str(dims.get(letter, letter)) for letter in wanted.shape)
    received = "…" if shape is None else ", ".join("any" if size == _ANY else str(size) for size in shape)
    return f"Expected the {what} to be {_name(wanted.dtype)} [{expected}]. Received: {_name(found.dtype)} [{received}]"


def _fits(found: list[int], wanted: str, dims: Mapping[str, int]) -> bool:
    """A batch may have any size; of all else the size is the card's, or not said."""
    return len(found) == len(wanted) and all(
        size == _ANY or (letter != "N" and size == dims.get(letter, size))
        for letter, size in zip(wanted, found, strict=True)
    )


def _dims(card: ModelCard | None) -> dict[str, int]:
    if card is None:
        return {}
    height, width, channels = card.image.shape
    return {"H": height, "W": width, "C": channels, "K": len(card.labels)}


def _name(dtype: int) -> str:
    known = wire.DataType.DESCRIPTOR.values_by_number.get(dtype)
    return known.name.removeprefix("DT_").lower() if known else f"data type {dtype}"
