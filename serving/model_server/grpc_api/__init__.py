"""The gRPC edge.

=====================  ==================================================================================
``listener``           the ports, and the server behind them
``service``            PredictionService and ModelService over the core
``direct``             Predict without a change of threads
``health``             the standard health service
``profiler``           TensorFlow's profiler service
``tls``                keys and certificates from their text format
``channel_arguments``  gRPC's own settings
=====================  ==================================================================================
"""
