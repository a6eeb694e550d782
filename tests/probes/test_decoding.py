"""Content codings: what comes out, how much at a time, and what is refused."""

import gzip
import sys
import zlib
from collections.abc import Callable

import brotli
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pollwatch.probes.decoding import MAX_FRAMES, PIECE, DecodingError, make_decoder

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd


def raw_deflate(data: bytes) -> bytes:
    compress = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return compress.compress(data) + compress.flush()


CODERS: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "gzip": ("gzip", gzip.compress),
    "x-gzip": ("x-gzip", gzip.compress),
    "deflate, zlib": ("deflate", zlib.compress),
    "deflate, raw": ("deflate", raw_deflate),
    "br": ("br", brotli.compress),
    "zstd": ("zstd", zstd.compress),
}
each_coder = pytest.mark.parametrize(("name", "code"), CODERS.values(), ids=list(CODERS))


def decode(name: str, *parts: bytes) -> bytes:
    decoder = make_decoder(name)
    assert decoder is not None
    decoded = b"".join(piece for part in parts for piece in decoder.decode(part))
    decoder.finish()
    return decoded


@each_coder
@given(data=st.binary(max_size=5000), size=st.integers(1, 500))
def test_what_was_coded_comes_back_however_it_is_cut(
    name: str, code: Callable[[bytes], bytes], data: bytes, size: int
) -> None:
    coded = code(data)
    assert decode(name, *(coded[start : start + size] for start in range(0, len(coded), size))) == data


@each_coder
def test_a_bomb_comes_out_in_pieces_and_stops_when_nobody_asks(
    name: str, code: Callable[[bytes], bytes]
) -> None:
    decoder = make_decoder(name)
    assert decoder is not None
    pieces = decoder.decode(code(bytes(20_000_000)))
    assert all(len(piece) <= 2 * PIECE for piece, _ in zip(pieces, range(10), strict=False))


@each_coder
def test_a_body_cut_short_is_refused(name: str, code: Callable[[bytes], bytes]) -> None:
    coded = code(b"Welcome to Canada" * 100)
    with pytest.raises(DecodingError, match="cut short"):
        decode(name, coded[: len(coded) // 2])


@each_coder
@given(garbage=st.binary(min_size=1, max_size=200))
def test_garbage_is_refused_or_decoded_and_nothing_else(
    name: str, code: Callable[[bytes], bytes], garbage: bytes
) -> None:
    del code
    try:
        decode(name, garbage)
    except DecodingError:
        return


@each_coder
def test_an_empty_body_is_no_coded_body(name: str, code: Callable[[bytes], bytes]) -> None:
    del code
    assert decode(name) == b""


@pytest.mark.parametrize("coder", sorted(set(CODERS) - {"br"}))
def test_what_follows_the_coded_body_is_ignored(coder: str) -> None:
    name, code = CODERS[coder]
    assert decode(name, code(b"Welcome") + b"\0\0\0", b"more") == b"Welcome"


@pytest.mark.parametrize("parts", [(b"\0\0\0",), (b"", b"\0\0\0")], ids=["at once", "later"])
def test_brotli_ends_where_it_says_and_not_before(parts: tuple[bytes, ...]) -> None:
    first, *others = parts
    with pytest.raises(DecodingError):
        decode("br", brotli.compress(b"Welcome") + first, *others)


@pytest.mark.parametrize("name", ["gzip", "zstd"])
def test_several_streams_are_one_body_and_too_many_are_refused(name: str) -> None:
    _, code = CODERS[name]
    assert decode(name, code(b"Welcome ") + code(b"to ") + code(b"Canada")) == b"Welcome to Canada"
    with pytest.raises(DecodingError, match="streams in one body"):
        decode(name, code(b"") * (MAX_FRAMES + 1))


def test_codings_on_top_of_each_other_are_undone_from_the_last() -> None:
    assert decode("gzip, br", brotli.compress(gzip.compress(b"Welcome"))) == b"Welcome"
    assert decode("identity, GZIP ,", gzip.compress(b"Welcome")) == b"Welcome"


@pytest.mark.parametrize("name", ["compress", "aws-chunked", "gzip, rot13"])
def test_an_unknown_coding_is_refused_by_name(name: str) -> None:
    with pytest.raises(DecodingError, match="is not known"):
        make_decoder(name)


def test_too_many_codings_are_refused() -> None:
    with pytest.raises(DecodingError, match="on top of each other"):
        make_decoder("gzip, gzip, gzip, gzip")


@pytest.mark.parametrize("name", ["", "identity", " , "])
def test_no_coding_needs_no_decoder(name: str) -> None:
    assert make_decoder(name) is None


def test_a_zstd_window_beyond_what_the_web_allows_is_refused() -> None:
    options: dict[int, int] = {
        zstd.CompressionParameter.window_log: 27,
        zstd.CompressionParameter.content_size_flag: 0,
    }
    compress = zstd.ZstdCompressor(options=options)
    coded = compress.compress(bytes(1000)) + compress.flush()
    with pytest.raises(DecodingError):
        decode("zstd", coded)
