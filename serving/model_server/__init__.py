"""The embedded model server: TensorFlow Serving's gRPC and REST APIs without its binary.

``python -m serving.model_server`` takes the flags of ``tensorflow_model_server`` and answers as that does, for machines
without Docker and for tests. It executes SavedModels with TensorFlow's own runtime.

The edges are ``grpc_service``, ``rest`` and ``__main__``; they import the core, never the reverse:

=================  =====================================================================================
``flags``          every flag, one table
``command_line``   what an operator wrote, read and checked
``config``         model lists and batching parameters from their text format
``source``         what lies on disk, and which of it a version policy wants (pure)
``policy``         what to load or unload next (pure)
``manager``        the registry of loaded versions: carries out the policy, hands out versions to requests
``core``           model list, labels and reload on top of the manager
``servable``       one loaded SavedModel
``predict``        a request checked against its signature
``batching``       concurrent requests joined into one run
``warmup``         recorded requests replayed before a version serves
=================  =====================================================================================
"""
