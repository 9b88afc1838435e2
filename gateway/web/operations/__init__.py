"""What operators look at: versions and their traffic, canaries and shadows compared, what was done. Read-only.

`view` gathers, everything else is pure: `exposition` reads the counts, `state` puts them beside the release and what
the model server says, `report` makes sense of an automatic rollout's report, `plots` draws.
"""
