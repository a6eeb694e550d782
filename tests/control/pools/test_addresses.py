"""Where the API server is: read from the cluster, and never forgotten because a read was refused."""

from typing import Any

import pytest

from pollwatch.control.cluster import SERVICES, Cluster, RefusedError, Resource
from pollwatch.control.pools.addresses import MOST, REMEMBERED, ApiServerAddresses, api_server_addresses
from tests.support.clock import FakeClock

SERVICE = "10.96.0.1"


class Answering(Cluster):
    """A cluster that knows one Service and one EndpointSlice, or refuses to say."""

    def __init__(self, *, refused: int = 0) -> None:
        self._refused = refused
        self.endpoints = ["192.0.2.7"]

    async def get(self, resource: Resource, namespace: str | None, name: str) -> dict[str, Any]:
        assert (namespace, name) == ("default", "kubernetes")
        if self._refused:
            raise RefusedError(self._refused, "refused")
        if resource == SERVICES:
            return {"spec": {"clusterIPs": ["10.96.0.1", "None"]}}
        return {"endpoints": [{"addresses": [address]} for address in self.endpoints]}


async def test_addresses_are_those_of_the_service_and_behind_it() -> None:
    assert await api_server_addresses(Answering()) == ("10.96.0.1", "192.0.2.7")


@pytest.mark.parametrize("code", [403, 404])
async def test_where_nobody_may_know_them_there_are_none(code: int) -> None:
    assert await api_server_addresses(Answering(refused=code)) == ()


async def test_what_was_known_is_not_given_up_because_a_read_is_refused() -> None:
    with pytest.raises(RefusedError):
        await api_server_addresses(Answering(refused=403), known=("10.96.0.1",))


async def test_an_api_server_that_is_out_for_a_moment_stays_refused() -> None:
    cluster, clock = Answering(), FakeClock()
    addresses = ApiServerAddresses(cluster, clock)
    cluster.endpoints = ["192.0.2.7", "192.0.2.8"]
    everything = await addresses.look()
    for endpoints in (["192.0.2.8"], [], ["192.0.2.7"]):
        clock.advance(3600.0)
        cluster.endpoints = endpoints
        assert await addresses.look() == everything == (SERVICE, "192.0.2.7", "192.0.2.8")


async def test_an_address_that_was_not_there_for_a_day_is_forgotten() -> None:
    cluster, clock = Answering(), FakeClock()
    addresses = ApiServerAddresses(cluster, clock)
    await addresses.look()
    cluster.endpoints = ["192.0.2.9"]
    clock.advance(REMEMBERED - 1.0)
    assert await addresses.look() == (SERVICE, "192.0.2.7", "192.0.2.9")
    clock.advance(2.0)
    assert await addresses.look() == (SERVICE, "192.0.2.9")


async def test_of_many_addresses_those_that_were_there_last_are_remembered() -> None:
    cluster, clock = Answering(), FakeClock()
    addresses = ApiServerAddresses(cluster, clock)
    known: tuple[str, ...] = ()
    for number in range(200):
        cluster.endpoints = [f"192.0.2.{number}"]
        clock.advance(1.0)
        known = await addresses.look()
    assert set(known) == {SERVICE, *(f"192.0.2.{number}" for number in range(200 - (MOST - 1), 200))}
    cluster.endpoints = [f"198.51.100.{number}" for number in range(100)]
    assert set(await addresses.look()) == {SERVICE, *cluster.endpoints}


async def test_a_read_that_is_refused_forgets_no_address() -> None:
    cluster, clock = Answering(), FakeClock()
    addresses = ApiServerAddresses(cluster, clock)
    before = await addresses.look()
    cluster._refused = 403
    with pytest.raises(RefusedError):
        await addresses.look()
    cluster._refused = 404
    assert await addresses.look() == before
