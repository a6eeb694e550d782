"""Where the API server is: read from the cluster, and never forgotten because a read was refused."""

from typing import Any

import pytest

from pollwatch.control.cluster import SERVICES, Cluster, RefusedError, Resource
from pollwatch.control.pools.addresses import api_server_addresses


class Answering(Cluster):
    """A cluster that knows one Service and one EndpointSlice, or refuses to say."""

    def __init__(self, *, refused: int = 0) -> None:
        self._refused = refused

    async def get(self, resource: Resource, namespace: str | None, name: str) -> dict[str, Any]:
        assert (namespace, name) == ("default", "kubernetes")
        if self._refused:
            raise RefusedError(self._refused, "refused")
        if resource == SERVICES:
            return {"spec": {"clusterIPs": ["10.96.0.1", "None"]}}
        return {"endpoints": [{"addresses": ["192.0.2.7"]}]}


async def test_addresses_are_those_of_the_service_and_behind_it() -> None:
    assert await api_server_addresses(Answering()) == ("10.96.0.1", "192.0.2.7")


@pytest.mark.parametrize("code", [403, 404])
async def test_where_nobody_may_know_them_there_are_none(code: int) -> None:
    assert await api_server_addresses(Answering(refused=code)) == ()


async def test_what_was_known_is_not_given_up_because_a_read_is_refused() -> None:
    with pytest.raises(RefusedError):
        await api_server_addresses(Answering(refused=403), known=("10.96.0.1",))
