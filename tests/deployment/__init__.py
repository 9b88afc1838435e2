"""The files that put Vitrine into containers and CI, checked without a container engine.

Schemas and linters say that they are well-formed, the other tests that they agree with the code that they start.
"""
