"""`--listen`: what is bound, and the one line that says why it cannot be."""

import errno
import socket
from typing import Any

import httpx
import pytest

from pollwatch.worker.health import Health
from pollwatch.worker.listen import ListenAddress, ListenError, bind, parse_listen
from pollwatch.worker.serve import HttpServer


def server(listen: str) -> HttpServer:
    return HttpServer(listen, metrics=[], health=lambda: Health(ok=True), ready=lambda: Health(ok=True))


@pytest.mark.parametrize("listen", ["127.0.0.1:0", "[::1]:0", "localhost:0", ":0", "0.0.0.0:0", "[::]:0"])
async def test_it_answers_at_the_url_it_names(listen: str) -> None:
    started = server(listen)
    await started.start()
    try:
        async with httpx.AsyncClient() as client:
            assert (await client.get(f"{started.url}/healthz")).status_code == 200
        assert started.url.endswith(f":{started.port}")
    finally:
        await started.stop()


async def test_a_taken_address_is_one_line_that_says_what_to_do() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        listen = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(ListenError) as caught:
            await server(listen).start()
    assert str(caught.value) == f"--listen {listen}: address already in use (choose another with --listen)"


@pytest.mark.parametrize(
    "text",
    ["", "9115", "localhost", "localhost:", "127.0.0.1:65536", "127.0.0.1:-1", "::1:9115", "[::1]", "a b:1"],
)
def test_what_is_not_an_address_is_refused_with_the_forms_that_are(text: str) -> None:
    with pytest.raises(ListenError, match=r"not an address \(write HOST:PORT, \[IPV6\]:PORT or :PORT"):
        parse_listen(text)


def test_an_address_of_another_machine_is_refused() -> None:
    with pytest.raises(ListenError, match=r"192\.0\.2\.1:0: not an address of this machine"):
        bind("192.0.2.1:0")


@pytest.mark.parametrize("host", ["nowhere.invalid", "300.1.1.1", "a" * 70])
def test_a_name_that_does_not_resolve_is_refused(host: str) -> None:
    with pytest.raises(ListenError, match="no such host"):
        bind(f"{host}:0")


def test_a_port_that_needs_a_privilege_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    # The tests may run as root, who may bind anything.
    def refuse(*_: Any, **__: Any) -> socket.socket:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(socket, "create_server", refuse)
    with pytest.raises(ListenError, match=r"127\.0\.0\.1:80: permission denied .*choose a higher one"):
        bind("127.0.0.1:80")


def test_without_ipv6_every_address_means_every_ipv4_address(monkeypatch: pytest.MonkeyPatch) -> None:
    real = socket.create_server

    def without_ipv6(address: Any, **options: Any) -> socket.socket:
        if options["family"] == socket.AF_INET6:
            raise OSError(errno.EADDRNOTAVAIL, "Cannot assign requested address")
        return real(address, **options)

    monkeypatch.setattr(socket, "create_server", without_ipv6)
    monkeypatch.setattr(socket, "has_dualstack_ipv6", lambda: True)
    monkeypatch.setattr(
        socket, "getaddrinfo", lambda *_, **__: [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("0.0.0.0", 0))]
    )
    with bind(":0") as listener:
        assert listener.family == socket.AF_INET


@pytest.mark.parametrize(
    ("address", "url"),
    [
        (ListenAddress("127.0.0.1", 9115), "http://127.0.0.1:9115"),
        (ListenAddress("::1", 9115), "http://[::1]:9115"),
        (ListenAddress("::", 9115), "http://[::1]:9115"),
        (ListenAddress("0.0.0.0", 9115), "http://127.0.0.1:9115"),
    ],
)
def test_the_url_is_one_that_a_client_on_this_machine_can_use(address: ListenAddress, url: str) -> None:
    assert address.url == url
