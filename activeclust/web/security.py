"""Who may talk to the page: this machine's browser, with the token of this start, from the page itself.

Any web site that is open in another tab can make a browser send requests to 127.0.0.1, and DNS can be
made to point a foreign name there. So every request must name an allowed Host and bear the cookie,
every write must come from this origin, and no answer can be framed, embedded or run as script.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Iterable, MutableMapping
from typing import Any

from starlette.datastructures import Headers
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LARGEST_BODY = 256 * 1024  #: bytes of a request
MOST_AT_ONCE = 64  #: requests worked on; more are told to come again
SAFE = ("GET", "HEAD")

HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}


class Session:
    """The secrets of one start of the server.

    Parameters
    ----------
    port : int
        Cookies do not tell ports apart, so the port is in the cookie's name.
    """

    def __init__(self, port: int) -> None:
        self.port = port
        self.token = secrets.token_urlsafe(32)
        self.secret = secrets.token_urlsafe(32)
        self.cookie = f"activeclust-{port}"
        self.hosts = frozenset({f"127.0.0.1:{port}", f"localhost:{port}"})

    def url(self) -> str:
        """The address to open; it holds the token."""
        return f"http://127.0.0.1:{self.port}/?token={self.token}"

    def admits(self, token: str) -> bool:
        """Whether this is the token."""
        return hmac.compare_digest(token.encode(), self.token.encode())

    def knows(self, cookies: Iterable[str]) -> bool:
        """Whether the Cookie headers hold the secret."""
        pairs = (pair.strip().partition("=") for line in cookies for pair in line.split(";"))
        wanted = self.secret.encode()
        return any(
            name == self.cookie and hmac.compare_digest(value.encode(), wanted) for name, _, value in pairs
        )

    def set_cookie(self, response: Response) -> None:
        """Move the token into the cookie, which no script and no other site can read or send."""
        response.set_cookie(self.cookie, self.secret, httponly=True, samesite="strict", path="/")


class TooLarge(Exception):
    """A body is larger than a request of the page ever is."""


class Guard:
    """ASGI middleware: refuses what is not the page, adds the headers, bounds size and number of requests."""

    def __init__(self, app: ASGIApp, session: Session) -> None:
        self.app, self.session = app, session
        self.working = self.peak = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self.app(scope, receive, send)
            return
        refusal = self._refusal(scope)
        if refusal is None and self.working >= MOST_AT_ONCE:
            refusal = JSONResponse({"error": "busy"}, 503, {"Retry-After": "1"})
        if refusal is not None:
            await refusal(scope, receive, _with_headers(send))
            return
        self.working += 1
        self.peak = max(self.peak, self.working)
        try:
            await self.app(scope, bounded(receive), _with_headers(send))
        finally:
            self.working -= 1

    def _refusal(self, scope: Scope) -> Response | None:
        headers = Headers(scope=scope)
        hosts = headers.getlist("host")
        if len(hosts) != 1 or hosts[0] not in self.session.hosts:
            return _no("This server answers to its own address only.", 421)
        if scope["method"] not in (*SAFE, "POST"):
            return _no("Only GET and POST are understood here.", 405)
        site = headers.get("sec-fetch-site")
        if scope["method"] == "POST" and (problem := _foreign(headers, hosts[0], site)):
            return _no(problem, 403)
        if scope["method"] in SAFE and site in ("cross-site", "same-site") and not _navigates(headers):
            return _no("Nothing here may be embedded by another site.", 403)
        if scope["path"] == "/" and scope["method"] == "GET":
            return None  # the door itself: the route looks at token and cookie
        if not self.session.knows(headers.getlist("cookie")):
            return _no("Open the address that the terminal shows: it holds the token of this start.", 401)
        return _too_large(headers)


def _foreign(headers: Headers, host: str, site: str | None) -> str | None:
    """Why a write is not the page's own, or None."""
    origins = headers.getlist("origin")
    if origins and origins != [f"http://{host}"]:
        return "Writes are taken from this page only (Origin)."
    if site is not None and site != "same-origin":
        return "Writes are taken from this page only (Sec-Fetch-Site)."
    if not origins and site is None:
        return "A write must say where it comes from (Origin)."
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    return None if kind == "application/json" else "Writes are application/json."


def _navigates(headers: Headers) -> bool:
    return headers.get("sec-fetch-mode") == "navigate" and headers.get("sec-fetch-dest") == "document"


def _too_large(headers: Headers) -> Response | None:
    length = headers.get("content-length", "0")
    if not length.isdigit():
        return _no("Content-Length is a number.", 400)
    return _no("The request is too large.", 413) if int(length) > LARGEST_BODY else None


def _no(why: str, status: int) -> Response:
    return JSONResponse({"error": why}, status, {"Connection": "close"})


def bounded(receive: Receive, limit: int = LARGEST_BODY) -> Receive:
    """``receive``, raising :class:`TooLarge` where a body grows beyond ``limit`` bytes."""
    taken = 0

    async def receive_bounded() -> Message:
        nonlocal taken
        message = await receive()
        taken += len(message.get("body", b""))
        if taken > limit:
            raise TooLarge
        return message

    return receive_bounded


def _with_headers(send: Send) -> Send:
    async def send_with_headers(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            given = {name.lower() for name, _ in message["headers"]}
            more = {"Cache-Control": "no-store"} | HEADERS
            message["headers"] = [
                *message["headers"],
                *(
                    (k.lower().encode(), v.encode())
                    for k, v in more.items()
                    if k.lower().encode() not in given
                ),
            ]
        await send(message)

    return send_with_headers


def closed_door() -> Response:
    """What a browser without token and cookie sees."""
    return HTMLResponse(
        "<!doctype html><html lang=en><meta charset=utf-8><title>activeclust</title>"
        "<h1>This page needs its token</h1><p>Open the address that the terminal shows: it holds the token "
        "of this start. After a restart, the address is a new one.</p></html>",
        401,
    )


def opened_door() -> Response:
    """Go on to the page itself: a navigation of our own, so that the strict cookie comes along."""
    return HTMLResponse(
        "<!doctype html><html lang=en><meta charset=utf-8><title>activeclust</title>"
        '<meta http-equiv=refresh content="0;url=/"><p><a href="/">Go on to the page</a></p></html>'
    )
