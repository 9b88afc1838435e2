"""One table of requests and TensorFlow Serving's answers, for this server and for the official one.

``grpc_table`` and ``rest_table`` hold the rows, each with the whole answer, errors included. By default they are put to
the embedded server. To put them to another, let it serve the folder that this writes::

    python -m tests.serving.model_server.conformance.repository models --seen-as /models

with ``--model_config_file=/models/models.config --monitoring_config_file=/models/monitoring.config``
``--allow_version_labels_for_unavailable_models=true``, and run the tests with its addresses in ``VITRINE_SERVING``
(gRPC), ``VITRINE_SERVING_REST`` and the folder, as it sees it, in ``VITRINE_SERVING_MODELS``.
"""
