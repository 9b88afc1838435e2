"""Concurrent requests joined into one run.

==============  =====================================================================================
``parameters``  the batching parameters from their text format
``schedule``    which requests run together, and when (pure: time is an argument)
``tensors``     inputs joined and padded, outputs split
``batcher``     the threads; to ``inference.predict`` one more way of running a request
``metrics``     how full the runs are, and how long requests wait for them
==============  =====================================================================================
"""
