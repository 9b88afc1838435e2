"""What operators do with model versions: the model repository, the release state, rollouts and their command line.

Asks model servers over gRPC and needs no TensorFlow.
"""
