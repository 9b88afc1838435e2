"""Which versions serve: the core, which knows neither TensorFlow nor a protocol. Read in this order.

================  =====================================================================================
``config``        model lists from their text format
``source``        what lies on disk, and which of it a version policy wants (pure)
``policy``        the states of a version, and what to load or unload next (pure)
``lifecycle``     one version on its way through those states, and the lease that a request has on it
``manager``       the registry of loaded versions: carries out the policy, hands out versions to requests
``labels``        which version a label stands for, and when it may move (pure)
``availability``  whether the models that a list brought serve by now, or never will (pure)
``core``          model list, labels and reload on top of the manager
``memory``        resident memory, for the log
================  =====================================================================================
"""
