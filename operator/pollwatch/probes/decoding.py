"""Content codings (RFC 9110, section 8.4): gzip, deflate, br and zstd, and stacks of them.

A decoder hands out its output in small pieces, so that who counts them can stop in time: a bomb
never takes more memory than a piece for each coding.
"""

import sys
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Protocol

import brotli

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

PIECE = 1 << 16
"""The longest piece of output, in bytes (brotli may exceed it by a little)."""
MAX_CODINGS = 3
"""The longest stack of codings."""
MAX_FRAMES = 256
"""How many gzip members or zstd frames may follow each other: each costs work, and may be empty."""
_MAX_WINDOW_LOG = 23
"""RFC 9659: a zstd window is at most 8 MiB on the web."""


class DecodingError(Exception):
    """The coded bytes are broken, cut short, or in a coding that is not known."""


class Decoder(Protocol):
    """One content coding, decoded as the bytes come."""

    def decode(self, data: bytes) -> Iterator[bytes]:
        """Decode more bytes, in pieces.

        Raises:
            DecodingError: The bytes are not in this coding.
        """
        ...

    def finish(self) -> None:
        """Learn that there are no more bytes.

        Raises:
            DecodingError: The coding says that there should be.
        """
        ...


class _Stream(Protocol):
    """One gzip member, zlib stream or zstd frame."""

    @property
    def eof(self) -> bool: ...

    @property
    def unused_data(self) -> bytes: ...

    def pieces(self, data: bytes) -> Iterator[bytes]: ...


class _ZlibStream:
    """zlib with the window bits that tell gzip, zlib and raw deflate apart."""

    def __init__(self, window_bits: int) -> None:
        self._inflate = zlib.decompressobj(window_bits)

    @property
    def eof(self) -> bool:
        return self._inflate.eof

    @property
    def unused_data(self) -> bytes:
        return self._inflate.unused_data

    def pieces(self, data: bytes) -> Iterator[bytes]:
        while True:
            piece = self._inflate.decompress(data, PIECE)
            if piece:
                yield piece
            data = self._inflate.unconsumed_tail
            # A full piece may have left output inside, even when all the input is consumed.
            if self._inflate.eof or (not data and len(piece) < PIECE):
                return


class _ZstdStream:
    def __init__(self) -> None:
        self._frame = zstd.ZstdDecompressor(
            options={zstd.DecompressionParameter.window_log_max: _MAX_WINDOW_LOG}
        )

    @property
    def eof(self) -> bool:
        return self._frame.eof

    @property
    def unused_data(self) -> bytes:
        return self._frame.unused_data

    def pieces(self, data: bytes) -> Iterator[bytes]:
        while True:
            piece = self._frame.decompress(data, PIECE)
            if piece:
                yield piece
            if self._frame.eof or self._frame.needs_input:
                return
            data = b""


class _Framed:
    """Streams of one kind, one after the other, as gzip (RFC 1952) and zstd (RFC 8878) allow it.

    What follows the last stream and cannot begin another one is ignored, as browsers do.
    """

    def __init__(self, make: Callable[[], _Stream], may_begin: Callable[[int], bool]) -> None:
        self._make = make
        self._may_begin = may_begin
        self._stream = make()
        self._begun = False
        self._ended = False
        self._frames = 1

    def decode(self, data: bytes) -> Iterator[bytes]:
        while data and not self._ended:
            if self._stream.eof:
                if not self._may_begin(data[0]):
                    self._ended = True
                    return
                self._frames += 1
                if self._frames > MAX_FRAMES:
                    raise DecodingError(f"more than {MAX_FRAMES} streams in one body")
                self._stream = self._make()
            self._begun = True
            try:
                yield from self._stream.pieces(data)
            except (zlib.error, zstd.ZstdError) as error:
                raise DecodingError(str(error)) from None
            data = self._stream.unused_data if self._stream.eof else b""

    def finish(self) -> None:
        if self._begun and not self._stream.eof:
            raise DecodingError("the coded body is cut short")


class _Deflate:
    """The zlib format (RFC 9110, 8.4.1.2), or the raw one that some servers send in its place."""

    def __init__(self) -> None:
        self._head = b""
        self._inner: _Framed | None = None

    def decode(self, data: bytes) -> Iterator[bytes]:
        if self._inner is None:
            self._head += data
            if len(self._head) < 2:  # noqa: PLR2004 - the header's two bytes
                return
            data = self._head
            is_zlib = data[0] & 0x0F == zlib.DEFLATED and int.from_bytes(data[:2], "big") % 31 == 0
            window_bits = zlib.MAX_WBITS if is_zlib else -zlib.MAX_WBITS
            self._inner = _Framed(lambda: _ZlibStream(window_bits), _never)
        yield from self._inner.decode(data)

    def finish(self) -> None:
        if self._inner is not None:
            self._inner.finish()
        elif self._head:
            raise DecodingError("the coded body is cut short")


class _Brotli:
    def __init__(self) -> None:
        self._decompressor = brotli.Decompressor()
        self._begun = False

    def decode(self, data: bytes) -> Iterator[bytes]:
        if self._decompressor.is_finished():
            # The library says so itself where the bytes come together with the end.
            raise DecodingError("brotli: bytes after the end")
        self._begun = True
        try:
            while True:
                piece = self._decompressor.process(data, output_buffer_limit=PIECE)
                if piece:
                    yield piece
                if self._decompressor.is_finished() or self._decompressor.can_accept_more_data():
                    return
                data = b""
        except brotli.error as error:
            raise DecodingError(str(error)) from None

    def finish(self) -> None:
        if self._begun and not self._decompressor.is_finished():
            raise DecodingError("the coded body is cut short")


class _Stack:
    """Codings applied one after the other, undone in the opposite order."""

    def __init__(self, decoders: Sequence[Decoder]) -> None:
        self._decoders = decoders

    def decode(self, data: bytes) -> Iterator[bytes]:
        pieces: Iterable[bytes] = (data,)
        for decoder in self._decoders:
            pieces = _each(decoder, pieces)
        yield from pieces

    def finish(self) -> None:
        for decoder in self._decoders:
            decoder.finish()


def _each(decoder: Decoder, pieces: Iterable[bytes]) -> Iterator[bytes]:
    for piece in pieces:
        yield from decoder.decode(piece)


def _never(first: int) -> bool:
    del first
    return False


def _gzip() -> Decoder:
    return _Framed(lambda: _ZlibStream(zlib.MAX_WBITS | 16), lambda first: first == 0x1F)  # noqa: PLR2004 - magic


def _zstd() -> Decoder:
    # 0x28: a frame; 0x50 to 0x5f: one that is skipped.
    return _Framed(_ZstdStream, lambda first: first == 0x28 or first >> 4 == 5)  # noqa: PLR2004 - magic numbers


_CODINGS: dict[str, Callable[[], Decoder]] = {
    "gzip": _gzip,
    "x-gzip": _gzip,
    "deflate": _Deflate,
    "br": _Brotli,
    "zstd": _zstd,
}
ACCEPTED = "gzip, deflate, br, zstd"
"""For the request's Accept-Encoding."""


def make_decoder(content_encoding: str) -> Decoder | None:
    """The decoder for a Content-Encoding field; `None` when there is nothing to decode.

    Raises:
        DecodingError: A coding is not known, or there are more than `MAX_CODINGS`.
    """
    names = [name for token in content_encoding.split(",") if (name := token.strip().lower())]
    codings = [name for name in names if name != "identity"]
    unknown = [name for name in codings if name not in _CODINGS]
    if unknown:
        raise DecodingError(f"content coding {unknown[0]!r} is not known")
    if len(codings) > MAX_CODINGS:
        raise DecodingError(f"{len(codings)} content codings on top of each other")
    decoders = [_CODINGS[name]() for name in reversed(codings)]
    if len(decoders) > 1:
        return _Stack(decoders)
    return decoders[0] if decoders else None
