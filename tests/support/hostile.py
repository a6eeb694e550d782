"""Servers that do their worst. Each is a handler for `sites.serve`."""

import asyncio
import socket
import ssl
import struct
import zlib

from tests.support.connections import Handler
from tests.support.sites import read_request

HEAD = b"HTTP/1.1 200 OK\r\n"
_CHUNK = b"x" * 65536


async def garbage(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Speak something that is not HTTP, without being asked."""
    writer.write(b"SSH-2.0-OpenSSH_9.6\r\n\x00\xff\x1b[31m")
    await reader.read()


async def silence(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Take the request and never say a word."""
    del writer
    while await reader.read(65536):
        pass


async def endless_headers(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Send header fields for ever."""
    await read_request(reader)
    writer.write(HEAD)
    number = 0
    while True:
        writer.write(f"X-{number}: {'y' * 1000}\r\n".encode())
        number += 1
        await writer.drain()


async def many_small_headers(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Send more header fields than anyone needs, in few bytes."""
    await read_request(reader)
    writer.write(HEAD + b"a: b\r\n" * 5000 + b"\r\n")
    await reader.read()


async def one_endless_header(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Send one header field that never ends."""
    await read_request(reader)
    writer.write(HEAD + b"X-Long: ")
    while True:
        writer.write(_CHUNK)
        await writer.drain()


async def endless_interim_responses(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer `103 Early Hints` for ever."""
    await read_request(reader)
    while True:
        writer.write(b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>\r\n\r\n" * 50)
        await writer.drain()


async def endless_body(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Send a body that never ends."""
    await read_request(reader)
    writer.write(HEAD + b"\r\n")
    while True:
        writer.write(_CHUNK)
        await writer.drain()


async def endless_chunk_extension(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Begin a chunk whose extension never ends."""
    await read_request(reader)
    writer.write(HEAD + b"Transfer-Encoding: chunked\r\n\r\n5;a=")
    while True:
        writer.write(_CHUNK)
        await writer.drain()


async def endless_trailer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """End the body, and never the trailer."""
    await read_request(reader)
    writer.write(HEAD + b"Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n")
    while True:
        writer.write(b"X-Trailer: " + _CHUNK[:1000] + b"\r\n")
        await writer.drain()


async def slow_drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Send the answer one byte at a time, slower than anyone's patience."""
    await read_request(reader)
    for byte in HEAD + b"Content-Length: 100\r\n\r\n" + b"z" * 100:
        writer.write(bytes([byte]))
        await writer.drain()
        await asyncio.sleep(0.05)


def gzip_bomb(megabytes: int = 1024) -> Handler:
    """Send what grows a thousand times when decoded."""
    # Full flushes make each megabyte independent of the one before, so one is compressed for all.
    compress = zlib.compressobj(9, zlib.DEFLATED, 31)
    header = compress.compress(b"") + compress.flush(zlib.Z_FULL_FLUSH)
    megabyte = compress.compress(bytes(1 << 20)) + compress.flush(zlib.Z_FULL_FLUSH)
    return answering(HEAD + b"Content-Encoding: gzip\r\n\r\n" + header + megabyte * megabytes)


def answering(wire: bytes, *, wait: bool = True) -> Handler:
    """Send these bytes, whatever was asked; then wait for the peer to go, or close at once."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(wire)
        await writer.drain()
        if wait:
            await reader.read()

    return answer


async def close_at_once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Accept, and close."""
    del reader, writer
    await asyncio.sleep(0)


async def close_after_request(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Read the request, and close without an answer."""
    del writer
    await read_request(reader)


def resetting(wire: bytes = b"", *, read: bool = True) -> Handler:
    """Send some bytes, then reset the connection (RST)."""

    async def reset(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if read:
            await reader.read(1)
        writer.write(wire)
        await writer.drain()
        if wire:
            await asyncio.sleep(0.05)  # An RST may overtake what was not read yet.
        connection: socket.socket = writer.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()

    return reset


def dropping_tls(context: ssl.SSLContext) -> Handler:
    """Shake hands, and go on in plain text."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = context.wrap_bio(incoming, outgoing, server_side=True)
        while True:
            try:
                tls.do_handshake()
            except ssl.SSLWantReadError:
                writer.write(outgoing.read())
                incoming.write(await reader.read(65536))
            else:
                break
        writer.write(outgoing.read() + HEAD + b"Content-Length: 2\r\n\r\nok")
        await reader.read()

    return answer
