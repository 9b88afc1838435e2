"""The HTTP API for classification, answered in the event loop without Flask."""
