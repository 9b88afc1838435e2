"""Versions change again and again under a steady load, while model servers are killed and restarted.

`python -m tests.e2e.soak --cycles 10` prints what happened, and ends with 1 if anything did that must not.

``system``     several model servers and a gateway, as processes
``questions``  the kinds of request, and how each answer shows which model gave it
``load``       clients that ask without pause
``watcher``    the state on disk: whether it is valid at every moment, and what it said when
``chaos``      kills and restarts model servers at random, never all at once
``cycles``     the operator: publish, canary, promote, roll back, by the command line
``checks``     what must hold of all answers
"""
