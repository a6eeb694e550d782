"""The chaos uses what the tests of the operator use."""

from tests.control.conftest import cluster, counted, pools

__all__ = ["cluster", "counted", "pools"]
