"""The automatic rollout: reads what the gateways count, judges a candidate against stable, and moves traffic by that.

`exposition` → `counts` → `figures` → `judge` are pure; `gateways` fetches, `runner` applies.
"""
