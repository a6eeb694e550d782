"""Every probe is tested on both event loops: uvloop, which is used, and asyncio's own."""

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
import uvloop

from tests.support.certificates import Authority


def pytest_asyncio_loop_factories() -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    return {"uvloop": uvloop.new_event_loop, "asyncio": asyncio.new_event_loop}


@pytest.fixture(scope="session")
def authority() -> Authority:
    """A certificate authority that nobody trusts unless told to."""
    return Authority()


@pytest.fixture
def hosts_file(tmp_path: Path) -> Path:
    """A hosts file with a name on two addresses, one on IPv6, and another one on IPv4."""
    path = tmp_path / "hosts"
    path.write_text(
        "127.0.0.1 www.example.org\n"
        "127.0.0.2 www.example.org\n"
        "::1       six.example.org\n"
        "127.0.0.1 other.example.org\n"
    )
    return path
