"""What training, serving and gateway agree on.

Imports the standard library, numpy, Pillow, grpc and protobuf only: neither TensorFlow nor Flask.
"""
