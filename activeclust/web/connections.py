"""Connections to the server: idle ones do not block others, and every response has the security headers."""

from __future__ import annotations

import asyncio
from typing import ClassVar

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from activeclust.web.security import HEADERS

SLOWEST_HEAD = 10.0  #: seconds within which a connection says what it wants
MOST_SILENT = 100  #: connections that have not said it yet
MOST = 400  #: connections in all


class PromptProtocol(H11Protocol):
    """HTTP/1.1 that closes idle connections: if there are too many, the oldest idle one is closed."""

    _open: ClassVar[dict[PromptProtocol, None]] = {}  # the oldest first

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A client has connected; its request must follow soon."""
        super().connection_made(transport)
        self._impatient = self.loop.call_later(SLOWEST_HEAD, self._drop)
        PromptProtocol._open[self] = None
        silent = [other for other in PromptProtocol._open if other.cycle is None]
        if len(silent) > MOST_SILENT:
            silent[0]._drop()
        elif len(PromptProtocol._open) > MOST:
            resting = (p for p in PromptProtocol._open if p.cycle is None or p.cycle.response_complete)
            next(resting)._drop()  # this one at least

    def data_received(self, data: bytes) -> None:
        """Data has arrived; the head of a request may be complete now."""
        super().data_received(data)
        if self.cycle is not None:
            self._impatient.cancel()

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection has been closed, by either side."""
        self._impatient.cancel()
        PromptProtocol._open.pop(self, None)
        super().connection_lost(exc)

    def _drop(self) -> None:
        PromptProtocol._open.pop(self, None)
        self.transport.abort()

    def send_400_response(self, msg: str) -> None:
        """Refuse what is not HTTP, with the security headers."""
        headers = [(name.lower().encode(), value.encode()) for name, value in HEADERS.items()]
        headers += [(b"content-type", b"text/plain; charset=utf-8"), (b"connection", b"close")]
        for event in (
            h11.Response(status_code=400, headers=headers, reason=b"Bad Request"),
            h11.Data(data=msg.encode("ascii", "replace")),
            h11.EndOfMessage(),
        ):
            self.transport.write(self.conn.send(event) or b"")
        self.transport.close()
