"""The chaos uses what the tests of the operator use."""

from tests.control.conftest import cluster, counted, pool_rights, pools

__all__ = ["cluster", "counted", "pool_rights", "pools"]
