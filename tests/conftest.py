"""Fixtures that every test may ask for."""

pytest_plugins = ["tests.cluster.fixtures", "tests.support.no_skips"]
