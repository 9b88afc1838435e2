"""The Flask gateway: pictures in, as a page or as JSON, and the probability of every class out.

The core (`classify`, `resolve`, `cards`, `catalogue`, `releases`, `errors`) imports neither Flask nor a server; the
edges (`app`, `pages`, `api`, `probes`, `docs`, `server`) import the core. TensorFlow is nowhere.
"""
