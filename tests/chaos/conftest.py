"""The chaos uses what the tests of the operator use."""

from tests.control.conftest import cluster, counted, pooled_cluster, pools

__all__ = ["cluster", "counted", "pooled_cluster", "pools"]
