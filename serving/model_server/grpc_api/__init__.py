"""The gRPC edge.

=====================  ==================================================================================
``listener``           the ports, and the server behind them
``service``            PredictionService and ModelService over the core
``direct``             Predict without a change of threads
``direct_worker``      one of its threads
``direct_call``        one of its calls
``admission``          which calls run, which wait, which are too many
``health``             the standard health service
``profiler``           TensorFlow's profiler service
``tls``                keys and certificates from their text format
``channel_arguments``  gRPC's own settings
=====================  ==================================================================================
"""
