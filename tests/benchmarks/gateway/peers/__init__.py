"""What a user would build instead of Vitrine, each tuned. They run in a virtualenv of their own: see `environment`."""
