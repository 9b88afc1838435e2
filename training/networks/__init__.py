"""The networks. Each takes uint8 pictures: what happens to the pixels is part of it, so that it is served too."""

from training.networks.parts import KerasModel, KerasTensor, Pixels

__all__ = ["KerasModel", "KerasTensor", "Pixels"]
