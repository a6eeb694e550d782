"""The contract between the control plane and the data plane.

The Plan (`plan.checks`) is everything a worker needs, compiled: no lookups, no
defaults left, secrets resolved. What flows back is made of samples
(`plan.samples`) and of the states they add up to (`plan.states`).

This package imports nothing else of Pollwatch, and only the standard library.
"""
