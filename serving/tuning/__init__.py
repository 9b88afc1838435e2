"""Finds the batching and the threads that suit a model on this machine, by measuring.

`candidates` says what is tried, `search` in which order and for how long, `choice` what the figures mean: these and
`statistics` are pure. `servers` runs a model server for a candidate, `generator` the clients, `bench` a measurement;
`journal` keeps what was measured, `files`, `chart` and `page` write what was found.
"""
