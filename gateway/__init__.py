"""The gateway: pictures in, as a page or as JSON, and the probability of every class out.

The core (`classify`, `versions`, `upstream`, `admission`, `observe`, `settings`) knows neither HTTP nor Flask; the
edges (`api`, `web`, `asgi`, `connection`, `worker`, `server`) import the core. TensorFlow is nowhere.
"""
