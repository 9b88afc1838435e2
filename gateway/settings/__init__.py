"""The gateway's settings: one table, read once from the environment."""
