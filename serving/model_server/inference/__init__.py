"""What a loaded version answers. Knows no protocol but TensorFlow Serving's messages.

===================  =====================================================================================
``servable``         one loaded SavedModel
``tflite``           one loaded TensorFlow Lite model, in the place of a SavedModel
``tensors``          TensorProto from and to numpy, as TensorFlow itself reads and writes it
``predict``          a request checked against its signature
``examples``         the tf.Examples of the three calls below
``classify``         their classes and scores
``regress``          a number for each of them
``multi_inference``  several such signatures in one call
``warmup``           recorded requests replayed before a version serves
===================  =====================================================================================
"""
