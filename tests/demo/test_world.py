"""The small world of the demo: its sites fail and recover as they are told."""

import asyncio
import gc
import socket
from pathlib import Path

import pytest
import yaml

from demo.story import ELECTION_NIGHT, LENGTH, tell
from demo.website import Answer, PortTakenError
from demo.world import Addresses, Ports, World, can_listen, local_addresses
from tests.support.ports import free_port

SAMPLES = Path(__file__).parents[2] / "manifests/samples/election-night"


def free_ports() -> Ports:
    """Three ports that nobody listens on."""
    return Ports(immigration=free_port(), cape_breton=free_port(), ferry=free_port())


async def get(address: str, port: int) -> tuple[int, str]:
    """Fetch the front page as a visitor: status and body."""
    reader, writer = await asyncio.open_connection(address, port)
    try:
        writer.write(b"GET / HTTP/1.1\r\nHost: www.immigration.example\r\n\r\n")
        answer = (await reader.read()).decode()
    finally:
        writer.close()
        await writer.wait_closed()
    head, _, body = answer.partition("\r\n\r\n")
    return int(head.split()[1]), body


async def test_each_server_of_a_site_breaks_and_is_mended_on_its_own() -> None:
    ports = free_ports()
    async with World(ports=ports) as world:
        first, *_, last = world.immigration.addresses
        world.immigration.break_server(last)
        assert (await get(first, ports.immigration))[0] == 200
        status, body = await get(last, ports.immigration)
        assert (status, "500 - Internal server error" in body) == (500, True)

        world.immigration.break_server(last, Answer.POLITE_ERROR)
        status, body = await get(last, ports.immigration)
        assert (status, "500 - Internal server error" in body) == (200, True)

        world.immigration.mend(last)
        assert await get(last, ports.immigration) == (200, (await get(first, ports.immigration))[1])
        assert world.immigration.requests[last] == 3


async def test_a_silent_server_takes_the_request_and_never_answers() -> None:
    ports = free_ports()
    async with World(ports=ports) as world:
        address = world.immigration.addresses[0]
        world.immigration.break_server(address, Answer.SILENT)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3):
                await get(address, ports.immigration)


@pytest.mark.parametrize("turns", range(8))
def test_a_site_that_closes_while_a_visitor_comes_leaves_nothing_open(turns: int) -> None:
    async def close_while_somebody_comes() -> None:
        ports = free_ports()
        async with World(ports=ports) as world:
            with socket.create_connection((world.ferry.addresses[0], ports.ferry)):
                for _ in range(turns):
                    await asyncio.sleep(0)
                await world.ferry.stop()

    asyncio.run(close_while_somebody_comes())
    gc.collect()


async def test_a_connection_without_a_request_does_no_harm() -> None:
    ports = free_ports()
    async with World(ports=ports) as world:
        address = world.ferry.addresses[0]
        _, writer = await asyncio.open_connection(address, ports.ferry)
        writer.close()
        await writer.wait_closed()
        assert (await get(address, ports.ferry))[0] == 200


async def test_a_taken_port_is_named_and_nothing_stays_open() -> None:
    ports = free_ports()
    address = local_addresses().cape_breton[0]
    with socket.create_server((address, ports.cape_breton)):
        with pytest.raises(
            PortTakenError, match=rf"{address} port {ports.cape_breton}: address already in use"
        ):
            await World(ports=ports).__aenter__()
        immigration = local_addresses().immigration[0]
        socket.create_server((immigration, ports.immigration)).close()


def test_the_hosts_file_names_every_address_of_every_site() -> None:
    addresses = Addresses(immigration=("127.0.0.1", "::1"), cape_breton=("127.0.0.1",))
    assert World(addresses).hosts().splitlines() == [
        "127.0.0.1\twww.immigration.example",
        "::1\twww.immigration.example",
        "127.0.0.1\twww.capebreton.example",
        "127.0.0.1\tbooking.capebreton.example",
    ]


def test_an_address_that_is_not_this_machines_cannot_be_listened_on() -> None:
    assert can_listen("127.0.0.1")
    assert not can_listen("192.0.2.1")


def test_the_sample_checks_name_the_ports_and_names_of_the_world() -> None:
    documents = [
        document for path in SAMPLES.glob("*.yaml") for document in yaml.safe_load_all(path.read_text())
    ]
    aims = {
        document["spec"]["http"]["url"] if "http" in document["spec"] else document["spec"]["tcp"]["address"]
        for document in documents
    }
    ports = Ports()
    assert aims == {
        f"http://www.immigration.example:{ports.immigration}/",
        f"http://www.capebreton.example:{ports.cape_breton}/",
        f"booking.capebreton.example:{ports.ferry}",
    }


@pytest.mark.parametrize(
    "addresses",
    [
        Addresses(
            immigration=("127.0.0.2", "127.0.0.3", "127.0.0.4", "127.0.0.5"), cape_breton=("127.0.0.6",)
        ),
        Addresses(immigration=("::1", "127.0.0.1"), cape_breton=("127.0.0.1",)),
        Addresses(immigration=("127.0.0.1",), cape_breton=("127.0.0.1",)),
    ],
    ids=["linux", "macos", "no-ipv6"],
)
async def test_the_story_goes_from_all_well_through_some_and_all_failing_to_all_well(
    addresses: Addresses,
) -> None:
    world = World(addresses)  # not opened: the story only turns its switches
    failing: list[int] = []
    said: list[str] = []

    def say(line: str) -> None:
        said.append(line)
        failing.append(
            sum(world.immigration.answer(a) is not Answer.WELL for a in world.immigration.addresses)
        )

    await tell(world, say, speed=10_000)
    failing.append(sum(world.immigration.answer(a) is not Answer.WELL for a in world.immigration.addresses))
    count = len(addresses.immigration)
    assert said == [scene.says for scene in ELECTION_NIGHT]
    assert (failing[0], failing[-1], max(failing)) == (0, 0, count)
    if count > 1:
        assert any(0 < number < count for number in failing)
    assert [site.answer(site.addresses[0]) for site in world.sites] == [Answer.WELL] * 3


def test_the_story_lasts_about_a_minute_and_a_half() -> None:
    times = [scene.at for scene in ELECTION_NIGHT]
    assert times == sorted(times)
    assert times[-1] < LENGTH <= 90
