"""Pools: workers as pods of their own, told by Secrets what to probe, and heard through their feeds."""
