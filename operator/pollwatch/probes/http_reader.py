"""Reads one HTTP/1 response (RFC 9112) out of bytes, however they are cut: no connection, no clock.

llhttp (through httptools) does the grammar. What is added here is when the message ends, and every
bound: a hostile server gets a reasoned failure, and no more memory than the limits say.
"""

import httptools

from pollwatch.plan.samples import Reason
from pollwatch.probes.decoding import Decoder, DecodingError, make_decoder
from pollwatch.probes.failure import ProbeError

MAX_HEAD_BYTES = 1 << 16
"""Status lines and header fields, interim (1xx) responses included."""
MAX_FIELDS = 256
"""Header and trailer fields."""
MAX_IDLE_BYTES = 1 << 16
"""Bytes after the header that bring no body: chunk extensions, trailer fields."""
EXCERPT_BYTES = 2048
"""How much of the decoded body is always kept, to be shown as evidence."""
_GARBAGE_BYTES = 64

_SWITCHING_PROTOCOLS = 101
_NO_CONTENT = 204
_NOT_MODIFIED = 304


class ResponseReader:
    """One response.

    Attributes:
        status: The status code; 0 before the final response's header is read.
        phrase: The reason phrase.
        version: `1.0` or `1.1`.
        fields: Header fields in the order received, names in lower case.
        content_length: The field's value; -1 when there is none.
        last_modified: The field's value; empty when there is none.
        body_bytes: Length of the decoded body so far.
    """

    __slots__ = (
        "_chunked",
        "_complete",
        "_decoder",
        "_failure",
        "_first",
        "_head_bytes",
        "_head_done",
        "_idle_bytes",
        "_is_head_request",
        "_keep_body",
        "_max_body_bytes",
        "_parser",
        "_pieces",
        "_progress",
        "_received",
        "body_bytes",
        "content_length",
        "fields",
        "last_modified",
        "phrase",
        "status",
        "version",
    )

    def __init__(self, *, method: str, max_body_bytes: int, keep_body: bool) -> None:
        self.status = 0
        self.phrase = b""
        self.version = ""
        self.fields: list[tuple[bytes, bytes]] = []
        self.content_length = -1
        self.last_modified = b""
        self.body_bytes = 0
        self._is_head_request = method == "HEAD"
        self._max_body_bytes = max_body_bytes
        self._keep_body = keep_body
        self._parser: httptools.HttpResponseParser | None = httptools.HttpResponseParser(self)
        # Visitors' browsers take a bare LF for a line end, and what follows the answer for nothing.
        self._parser.set_dangerous_leniencies(
            lenient_optional_cr_before_lf=True, lenient_data_after_close=True
        )
        self._decoder: Decoder | None = None
        self._pieces: list[bytes] = []
        self._failure: ProbeError | None = None
        self._first = b""
        self._head_bytes = 0
        self._idle_bytes = 0
        self._received = 0
        self._progress = False
        self._chunked = False
        self._head_done = False
        self._complete = False

    def feed(self, data: bytes) -> bool:
        """Take the next bytes; return whether the response is whole. What follows it is ignored.

        Raises:
            ProbeError: `InvalidResponse`, `HeadersTooLarge`, `BodyTooLarge` or `BodyUndecodable`.
        """
        while data and not self._complete:
            if self._head_done:
                self._parse(data)
                self._bound_idleness(len(data))
                break
            # The head is fed up to its limit and not beyond, so that where the reads were cut
            # makes no difference.
            room = MAX_HEAD_BYTES - self._head_bytes
            self._head_bytes += min(len(data), room)
            if len(self._first) < _GARBAGE_BYTES:
                self._first += data[:_GARBAGE_BYTES]
            self._parse(data if len(data) <= room else data[:room])
            if self._head_bytes == MAX_HEAD_BYTES and not self._head_done:
                self.release()
                raise ProbeError(
                    Reason.HEADERS_TOO_LARGE, f"the header is longer than {MAX_HEAD_BYTES} bytes"
                )
            data = data[room:]
        if self._complete:
            self.release()
        return self._complete

    def eof(self) -> None:
        """Learn that no more bytes will come: that ends a body whose length nothing else tells.

        Raises:
            ProbeError: `ConnectionClosed`, `BodyUndecodable`.
        """
        self.release()
        if self._complete:
            return
        if not self._first:
            raise ProbeError(Reason.CONNECTION_CLOSED, "the server closed the connection without an answer")
        if not self._head_done:
            raise ProbeError(
                Reason.CONNECTION_CLOSED, "the server closed the connection in the middle of the header"
            )
        if self._chunked or self.content_length >= 0:
            promised = "" if self._chunked else f" of {self.content_length}"
            raise ProbeError(
                Reason.CONNECTION_CLOSED,
                f"the server closed the connection after {self._received}{promised} bytes of the body",
            )
        self._finish()

    def field(self, name: bytes) -> str | None:
        """The value of a header field, by its name in lower case; several are joined (RFC 9110, 5.2)."""
        values = [value for field_name, value in self.fields if field_name == name]
        return b", ".join(values).decode("latin-1") if values else None

    @property
    def body(self) -> bytes:
        """The decoded body if it was to be kept, else its first `EXCERPT_BYTES` bytes or more."""
        return b"".join(self._pieces)

    def release(self) -> None:
        """Let go of the parser, which refers back to the reader."""
        self._parser = None

    def _parse(self, data: bytes) -> None:
        if self._parser is None:
            return
        self._progress = False
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._complete = True  # 101: a final answer, since nothing was offered to switch to.
        except httptools.HttpParserError as error:
            if self._complete:
                return
            self.release()
            raise self._failure or self._invalid(str(error)) from None

    def _invalid(self, what: str) -> ProbeError:
        if self._head_done:
            return ProbeError(Reason.INVALID_RESPONSE, f"not HTTP/1.1 in the body: {what}")
        return ProbeError(
            Reason.INVALID_RESPONSE,
            f"not HTTP/1.1: {what}; the answer begins",
            excerpt=self._first[:_GARBAGE_BYTES].decode("latin-1"),
        )

    def _bound_idleness(self, length: int) -> None:
        self._idle_bytes = 0 if self._progress else self._idle_bytes + length
        if self._idle_bytes > MAX_IDLE_BYTES and not self._complete:
            self.release()
            raise ProbeError(Reason.INVALID_RESPONSE, f"more than {MAX_IDLE_BYTES} bytes that bring no body")

    # Called by the parser. What is raised here stops it; `_parse` then finds it in `_failure`.

    def on_message_begin(self) -> None:
        """Begin a response: the final one, or an interim one before it."""
        if not self._head_done:  # Otherwise it stands behind the final one.
            self.phrase = b""
            self.fields = []

    def on_status(self, phrase: bytes) -> None:
        """Take (a part of) the reason phrase."""
        if not self._head_done:
            self.phrase += phrase

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header field, or a trailer field, which is not looked at."""
        if self._head_done:
            return
        self.fields.append((name.lower(), value))
        if len(self.fields) > MAX_FIELDS:
            self._fail(Reason.HEADERS_TOO_LARGE, f"more than {MAX_FIELDS} header fields")

    def on_headers_complete(self) -> None:
        """Decide how the message ends (RFC 9112, section 6.3)."""
        parser = self._parser
        if parser is None or self._head_done:
            return
        status = parser.get_status_code()
        if 100 <= status < 200 and status != _SWITCHING_PROTOCOLS:  # noqa: PLR2004 - interim responses
            return
        self._head_done = True
        self.status = status
        self.version = parser.get_http_version()
        transfer_codings, content_codings = self._read_fields()
        if self._is_head_request or status in (_NO_CONTENT, _NOT_MODIFIED):
            self._complete = True
            return
        if transfer_codings:
            self._set_transfer_codings(transfer_codings)
        if content_codings:
            self._set_content_codings(content_codings)

    def on_body(self, data: bytes) -> None:
        """Take bytes of the body, decode and count them."""
        self._progress = True
        if self._complete:
            return
        self._received += len(data)
        if self._decoder is None:
            self._keep(data)
            return
        try:
            for piece in self._decoder.decode(data):
                self._keep(piece)
        except DecodingError as error:
            self._fail(Reason.BODY_UNDECODABLE, str(error))

    def on_message_complete(self) -> None:
        """End the message, unless it was an interim one."""
        if self._head_done and not self._complete:
            try:
                self._finish()
            except ProbeError as failure:
                self._failure = failure
                raise

    def _read_fields(self) -> tuple[bytes, bytes]:
        """Take what the fields say about the message; return its transfer and its content codings."""
        transfer_codings, content_codings = [], []
        for name, value in self.fields:
            if name == b"content-length":
                self.content_length = int(value)  # The parser has let only digits pass.
            elif name == b"transfer-encoding":
                transfer_codings.append(value)
            elif name == b"content-encoding":
                content_codings.append(value)
            elif name == b"last-modified":
                self.last_modified = value
        return b",".join(transfer_codings), b",".join(content_codings)

    def _set_transfer_codings(self, value: bytes) -> None:
        codings = [coding.strip().lower() for coding in value.split(b",") if coding.strip()]
        self._chunked = codings[-1:] == [b"chunked"]
        if codings != [b"chunked"]:
            text = value.decode("latin-1")
            self._fail(Reason.BODY_UNDECODABLE, f"transfer coding {text!r} was not asked for")

    def _set_content_codings(self, value: bytes) -> None:
        try:
            self._decoder = make_decoder(value.decode("latin-1"))
        except DecodingError as error:
            self._fail(Reason.BODY_UNDECODABLE, str(error))

    def _keep(self, piece: bytes) -> None:
        if self._keep_body or self.body_bytes < EXCERPT_BYTES:
            self._pieces.append(piece if self._keep_body else piece[:EXCERPT_BYTES])
        self.body_bytes += len(piece)
        if self.body_bytes > self._max_body_bytes:
            self._fail(Reason.BODY_TOO_LARGE, f"the body is longer than {self._max_body_bytes} bytes")

    def _finish(self) -> None:
        if self._decoder is not None:
            try:
                self._decoder.finish()
            except DecodingError as error:
                raise ProbeError(Reason.BODY_UNDECODABLE, str(error)) from None
        self._complete = True

    def _fail(self, reason: Reason, evidence: str) -> None:
        self._failure = ProbeError(reason, evidence)
        raise self._failure
