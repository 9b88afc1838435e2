"""The embedded model server: TensorFlow Serving's gRPC and REST APIs without its binary.

``python -m serving.model_server`` takes the flags of ``tensorflow_model_server`` and answers as that does, for machines
without Docker and for tests. It executes SavedModels with TensorFlow's own runtime.

=====================  ==================================================================================
``flags``              every flag, one table
``command_line``       what an operator wrote, read and checked
``ports``              whether the ports are free, told before anything is loaded
``server``             the process: loads the models, opens the ports, drains
``assembly``           the parts that the flags choose
``versions``           which versions serve
``inference``          what a loaded version answers
``batching``           concurrent requests joined into one run
``rest``, ``grpc_api`` the two edges: they import the three above, never the reverse
``errors``             what can go wrong in the core
``messages``           the core's values as TensorFlow Serving's messages
``metrics``            requests, runs, loads and warm-ups, counted and timed for Prometheus
``monitoring_config``  whether Prometheus may read them, and where
``session_bundle``     how SavedModels are loaded: session options, tags, batching
``text_proto``         configuration files in protobuf's text format
``cpus``               how many this process may use
``tf``, ``quiet``      the parts of TensorFlow that are needed, without its chatter
=====================  ==================================================================================
"""
