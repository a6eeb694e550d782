"""Fixtures that every test may ask for."""

from hypothesis import settings

pytest_plugins = ["tests.cluster.fixtures", "tests.support.no_skips", "tests.support.order"]

# How long an example takes says more about the machine than about the code.
settings.register_profile("pollwatch", deadline=None)
settings.load_profile("pollwatch")
