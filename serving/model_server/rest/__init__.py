"""The REST edge: HTTP and JSON over the core.

==================  =====================================================================================
``listener``        the port, and a thread for each connection
``http``            one connection: reads requests, writes answers
``parser``          HTTP/1.1 by httptools, and the limits on it
``messages``        a request and a response
``api``             a response for every request
``route``           what a URL asks for
``json_request``    the JSON of Predict
``json_tensor``     JSON values as arrays
``json_examples``   the JSON of Classify and Regress
``kinds``             what a JSON value may be for
``syntax``          what Python's JSON parser refuses, read as TensorFlow Serving's reads it
``mistakes``        the first mistake in a request that does not fit, in TensorFlow Serving's words
``show``            JSON values as TensorFlow Serving writes them
``render``          the JSON of the answers
==================  =====================================================================================
"""
