"""The model server as the gateway sees it."""
