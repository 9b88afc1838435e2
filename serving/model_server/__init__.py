"""The embedded model server: TensorFlow Serving's gRPC and REST APIs without its binary.

``python -m serving.model_server`` takes the flags of ``tensorflow_model_server`` and answers as that does, for machines
without Docker and for tests. It executes SavedModels with TensorFlow's own runtime.

The edges are ``grpc_service``, ``rest`` and ``__main__``; they import the core, never the reverse:

===================  =====================================================================================
``flags``            every flag, one table
``command_line``     what an operator wrote, read and checked
``config``           model lists from their text format
``source``           what lies on disk, and which of it a version policy wants (pure)
``policy``           the states of a version, and what to load or unload next (pure)
``lifecycle``        one version on its way through those states, and the lease that a request has on it
``manager``          the registry of loaded versions: carries out the policy, hands out versions to requests
``labels``           which version a label stands for, and when it may move (pure)
``availability``     whether the models that a list brought serve by now, or never will (pure)
``core``             model list, labels and reload on top of the manager
``servable``         one loaded SavedModel
``tflite``           one loaded TensorFlow Lite model, in the place of a SavedModel
``predict``          a request checked against its signature
``examples``         the tf.Examples of the three calls below
``classify``         their classes and scores
``regress``          a number for each of them
``multi_inference``  several such signatures in one call
``tensors``          TensorProto from and to numpy, as TensorFlow itself reads and writes it
``batching``         concurrent requests joined into one run
``warmup``           recorded requests replayed before a version serves
===================  =====================================================================================
"""
