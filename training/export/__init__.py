"""From a finished run to a served version: SavedModel, checks, publishing. The one part of training on TensorFlow."""

from training.export.publish import Published, export

__all__ = ["Published", "export"]
