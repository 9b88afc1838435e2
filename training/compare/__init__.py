"""Runs side by side: which is best, and why. Only their files are read."""
