"""From a finished run to a served version: SavedModel, checks, gate, publishing.

The one part of training that imports TensorFlow; `live`, `held_out`, `trained` and `keras_file` do without it.
"""
