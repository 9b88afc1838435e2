"""The pure part of a rollout: what is to serve in the end (goals), and the next step towards it (reconcile)."""
