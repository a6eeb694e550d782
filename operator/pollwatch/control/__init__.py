"""The control plane: everything that talks to the Kubernetes API.

Data flows one way round, and every step reads current state only (level-based):

    watch, resync ──> inbox ──> store ──> reconcile ──> Plan ──> data plane
                                              │                      │ feed
                                              └──> writer <──────────┘
                                                     └──> status, Events

Nothing here writes to a Check but `writer`, and only to its status.
"""
