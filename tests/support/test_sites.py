"""The servers of the tests leave nothing open behind, whenever a client comes."""

import asyncio
import contextlib
import gc
import socket
from collections.abc import Iterator

import pytest

from tests.support.dns import Zone, running_name_server
from tests.support.sites import serve

TURNS = range(8)
"""Turns of the loop from a connection to the end: in each, asyncio has got further with it."""


@contextlib.contextmanager
def client_of(host: str, port: int) -> Iterator[None]:
    with socket.create_connection((host, port)):
        yield


async def nothing(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    await reader.read()


@pytest.mark.parametrize("turns", TURNS)
def test_a_site_that_closes_while_a_client_comes_closes_its_connection(turns: int) -> None:
    async def play() -> None:
        with contextlib.ExitStack() as clients:
            async with serve(nothing) as server:
                clients.enter_context(client_of(server.host, server.port))
                for _ in range(turns):
                    await asyncio.sleep(0)

    asyncio.run(play())
    gc.collect()


@pytest.mark.parametrize("turns", TURNS)
def test_a_name_server_that_closes_while_a_client_comes_closes_its_connection(turns: int) -> None:
    async def play() -> None:
        with contextlib.ExitStack() as clients:
            async with running_name_server(Zone({})) as server:
                clients.enter_context(client_of(server.address, server.port))
                for _ in range(turns):
                    await asyncio.sleep(0)

    asyncio.run(play())
    gc.collect()
