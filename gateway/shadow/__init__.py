"""Copies of answered requests for a version that is being tried out, and what comes of the comparison.

A copy is made after the answer was found and begins when users leave room for it. What becomes of it is counted and
never told to anybody who waits: a shadow version that fails, hangs or lies harms nobody. Knows neither HTTP nor Flask.
"""
