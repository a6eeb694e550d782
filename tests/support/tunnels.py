"""A proxy for HTTPS (CONNECT, RFC 9110, 9.3.6): the way to one server, whatever name it is asked for."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from socketserver import StreamRequestHandler, ThreadingTCPServer


class _Tunnels(ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True
    far: tuple[str, int]


class _Tunnel(StreamRequestHandler):
    server: _Tunnels

    def handle(self) -> None:
        while self.rfile.readline().strip():
            pass
        with socket.create_connection(self.server.far) as far:
            self.connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            threading.Thread(target=_forward, args=(far, self.connection), daemon=True).start()
            _forward(self.connection, far)


def _forward(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    for end in (source, target):
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)


@contextmanager
def tunnel_to(host: str, port: int) -> Iterator[str]:
    """Run the proxy; gives its URL."""
    with _Tunnels(("127.0.0.1", 0), _Tunnel) as proxy:
        proxy.far = (host, port)
        serving = threading.Thread(target=proxy.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True)
        serving.start()
        try:
            yield f"http://127.0.0.1:{proxy.server_address[1]}"
        finally:
            proxy.shutdown()
            serving.join()
