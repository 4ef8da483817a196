"""Who may use the page: browsers that opened a one-time address, or logged in with a password.

A web site in another tab can make a browser send requests to 127.0.0.1, and DNS can make a foreign name point there.
So every request must name an allowed Host and have the cookie, every write must come from this origin, and no response
can be framed, embedded or run as a script. Cookies are shared by all ports: another server on this machine receives
ours too. So access to data also requires a key, which the page keeps where only its own origin, port included, can
read it.
"""

from __future__ import annotations

import asyncio
import hmac
import html
import secrets
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterable, Mapping, MutableMapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from activeclust.errors import InvalidInput
from activeclust.store import LEASE_SECONDS
from activeclust.web.payload import json_response

LARGEST_BODY = 256 * 1024  #: bytes of a request
SLOWEST_BODY = 20.0  #: seconds a body may take
MOST_AT_ONCE = 64  #: requests worked on; more are told to come again
SAFE = ("GET", "HEAD")
KEY = "x-activeclust-key"  #: header with the page's key; pictures and downloads have it in their address
LOOKS = ("/static/page.css", "/static/icon.svg")  #: what refusals and the login look like: for everybody
SHELL = ("/", "/login", "/favicon.ico")  #: addresses without data, and /static/

HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "base-uri 'none'; form-action 'self'; frame-ancestors 'none'; require-trusted-types-for 'script'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",  # under no-referrer, browsers send the login's form with "Origin: null"
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}


@dataclass
class Visitor:
    """One browser that has been let in.

    Attributes
    ----------
    name : str
        What its answers bear; "" for a single person who gave no name.
    asked : bool
        Whether the page should ask for a name: where others are there too.
    secret, key : str
        What its cookie holds, and what its page sends along.
    """

    name: str
    asked: bool = False
    secret: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)
    key: str = field(default_factory=lambda: secrets.token_urlsafe(24), repr=False)
    seen: float = field(default_factory=time.monotonic)


class Access:
    """The secrets of a running server, and the browsers that it has let in.

    Parameters
    ----------
    port : int
        Cookies do not tell ports apart, so the port is in the cookie's name.
    who : str
        The first browser's name.
    host : str
        The address that is listened on.
    base_url : str, optional
        The address that people open, where a proxy stands before this server.
    password : str, optional
        Lets a browser in without an address of this start.
    people : mapping of name to password, optional
        Who may answer; "" where somebody needs no password. Anybody, under any name, without it.
    """

    def __init__(
        self,
        port: int,
        *,
        who: str = "",
        host: str = "127.0.0.1",
        base_url: str | None = None,
        password: str | None = None,
        people: Mapping[str, str] | None = None,
    ) -> None:
        self.port, self.who, self.password, self.people = port, who, password, dict(people or {})
        self.cookie = f"activeclust-{port}"
        names = dict.fromkeys(("127.0.0.1", "localhost", host))
        hosts = {f"{_in_brackets(name)}:{port}" for name in names if name not in ("0.0.0.0", "::")}
        self.base = base_url.rstrip("/") if base_url else f"http://{_in_brackets(_reached(host))}:{port}"
        public = urlsplit(self.base)
        self.prefix, self.secure = public.path, public.scheme == "https"
        self.public_origin = f"{public.scheme}://{public.netloc}" if base_url else None
        self.hosts = frozenset({*hosts, public.netloc})
        self.any_host = (
            host in ("0.0.0.0", "::") and base_url is None
        )  # which of its names is meant, only DNS knows
        self._tokens: set[str] = set()
        self._visitors: dict[str, Visitor] = {}
        self._lock, self._trying = threading.Lock(), asyncio.Lock()

    def invite(self) -> str:
        """A one-time address, which lets one browser in."""
        token = secrets.token_urlsafe(32)
        with self._lock:
            self._tokens.add(token)
        return f"{self.base}/?token={token}"

    def admit(self, token: str) -> Visitor | None:
        """A new browser, if the token is valid and unused."""
        with self._lock:
            if token not in self._tokens:
                return None
            self._tokens.remove(token)
            return self._enter()

    @property
    def has_login(self) -> bool:
        """Whether there is a password to log in with."""
        return self.password is not None or any(self.people.values())

    def names(self) -> list[str]:
        """The names that people may choose from; empty if any name is allowed."""
        return list(self.people)

    async def log_in(self, name: str, password: str) -> Visitor | None:
        """A new browser, if the password is correct; one attempt per second in all."""
        async with self._trying:
            wanted = self.people.get(name) or self.password
            if not wanted or not hmac.compare_digest(_bytes(password), _bytes(wanted)):
                await asyncio.sleep(1.0)
                return None
        with self._lock:
            visitor = self._enter()
            if self.people.get(name):
                visitor.name, visitor.asked = name, False
            return visitor

    def _enter(self) -> Visitor:
        taken = {visitor.name for visitor in self._live()}
        if not self._visitors or self.who not in taken:
            visitor = Visitor(self.who)
        else:
            number = next(n for n in range(2, len(taken) + 3) if f"person {n}" not in taken)
            visitor = Visitor(f"person {number}", asked=True)
        self._visitors[visitor.secret] = visitor
        return visitor

    def _live(self) -> list[Visitor]:
        since = time.monotonic() - LEASE_SECONDS
        return [visitor for visitor in self._visitors.values() if visitor.seen >= since]

    def rename(self, visitor: Visitor, name: str) -> str:
        """Give a browser a name that no other browser has now; returns the previous name.

        Raises
        ------
        InvalidInput
            If somebody else has that name, or it is not in the list.
        """
        if self.people and name not in self.people:
            raise InvalidInput(f"The names here are {', '.join(self.people)}, got {name!r}.")
        if self.people.get(name):
            raise InvalidInput(f"{name} has a password: log in with it at {self.base}/login.")
        with self._lock:
            if any(other is not visitor and other.name == name for other in self._live()):
                who = f"as {name!r}" if name else "without a name"
                raise InvalidInput(f"Somebody else answers {who} in another browser: take another name.")
            before, visitor.name, visitor.asked = visitor.name, name, False
            return before

    def visitor(self, cookies: Iterable[str]) -> Visitor | None:
        """The browser to which the Cookie headers belong."""
        pairs = (pair.strip().partition("=") for line in cookies for pair in line.split(";"))
        found = next((self._visitors.get(value) for name, _, value in pairs if name == self.cookie), None)
        if found is not None:
            found.seen = time.monotonic()
        return found

    def let_in(self, visitor: Visitor) -> Response:
        """Redirect to the page: the secret becomes a cookie, the key follows the #, which is not sent to servers."""
        response = RedirectResponse(f"{self.prefix}/#key={visitor.key}", 303)
        response.set_cookie(
            self.cookie, visitor.secret, httponly=True, samesite="lax", path="/", secure=self.secure
        )
        return response


def _reached(host: str) -> str:
    """The address under which this machine itself reaches the server."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)


def _in_brackets(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


class TooLarge(Exception):
    """A request body is too large or arrives too slowly."""


class Guard:
    """ASGI middleware: refuses foreign requests, adds headers, limits the size and number of requests.

    It is the outermost layer, so that every response has the headers, errors included.
    """

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self.app, self.access = app, access
        self.working = self.peak = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self.app(scope, receive, send)
            return
        prefix = self.access.prefix
        if prefix and scope["path"].startswith(f"{prefix}/"):  # the proxy has left it on
            scope = {**scope, "path": scope["path"][len(prefix) :]}
        send = with_headers(send)
        refusal = self._refusal(scope)
        if refusal is None and self.working >= MOST_AT_ONCE:
            refusal = JSONResponse({"error": "busy"}, 503, {"Retry-After": "1"})
        if refusal is not None:
            await refusal(scope, receive, send)
            return
        self.working += 1
        self.peak = max(self.peak, self.working)
        try:
            await guarded(self.app)(scope, bounded(receive), send)
        finally:
            self.working -= 1

    def _refusal(self, scope: Scope) -> Response | None:
        headers = Headers(scope=scope)
        hosts = headers.getlist("host")
        no = _refusing(headers)
        if len(hosts) != 1 or (hosts[0] not in self.access.hosts and not self.access.any_host):
            return no("This server accepts requests to its own address only.", 421)
        if scope["method"] not in (*SAFE, "POST"):
            return no("This server understands GET and POST only.", 405)
        site = headers.get("sec-fetch-site")
        if scope["method"] == "POST" and (problem := self._foreign(headers, hosts[0], scope["path"])):
            return no(problem, 403)
        if scope["method"] in SAFE and site in ("cross-site", "same-site") and not _navigates(headers):
            return no("Other sites may not embed this page.", 403)
        if (too_large := _too_large(headers)) is not None:
            return no(*too_large)
        if scope["path"] in ("/", "/login", *LOOKS):
            return None  # the first two look at token, cookie and password themselves
        visitor = self.access.visitor(headers.getlist("cookie"))
        if visitor is None:
            return no(CLOSED, 401)
        shell = scope["path"] in SHELL or scope["path"].startswith("/static/")
        if not shell and not hmac.compare_digest(_bytes(_key_of(scope, headers)), _bytes(visitor.key)):
            return no(CLOSED, 401)
        scope.setdefault("state", {})["visitor"] = visitor
        return None

    def _foreign(self, headers: Headers, host: str, path: str) -> str | None:
        """Why a write does not come from this page, or None."""
        site, origins = headers.get("sec-fetch-site"), headers.getlist("origin")
        if origins and origins not in ([f"http://{host}"], [self.access.public_origin]):
            return "Writes are accepted from this page only (Origin)."
        if site is not None and site != "same-origin":
            return "Writes are accepted from this page only (Sec-Fetch-Site)."
        if not origins and site is None:
            return "A write must say where it comes from (Origin)."
        kind = headers.get("content-type", "").partition(";")[0].strip().lower()
        wanted = "application/x-www-form-urlencoded" if path == "/login" else "application/json"
        return None if kind == wanted else f"Writes are {wanted}."


CLOSED = (
    "Open the address that the terminal shows. It works for one browser; after a restart there is a new one."
)


def _key_of(scope: Scope, headers: Headers) -> str:
    given = headers.get(KEY)
    if given is None:
        given = parse_qs(scope["query_string"].decode("latin-1")).get("key", [""])[0]
    return given


def _navigates(headers: Headers) -> bool:
    return headers.get("sec-fetch-mode") == "navigate" and headers.get("sec-fetch-dest") == "document"


def _too_large(headers: Headers) -> tuple[str, int] | None:
    length = headers.get("content-length", "0")
    if not (length.isascii() and length.isdigit()):
        return "Content-Length is a number.", 400
    return ("The request is too large.", 413) if len(length) > 12 or int(length) > LARGEST_BODY else None


def _refusing(headers: Headers) -> Callable[[str, int], Response]:
    """Refusals: a page if a person opened the address, JSON otherwise."""
    person = headers.get("sec-fetch-dest") == "document" or "text/html" in headers.get("accept", "")

    def no(why: str, status: int) -> Response:
        if person:
            return message_page("This page cannot be opened", why, status)
        return JSONResponse({"error": why}, status, {"Connection": "close"})

    return no


def message_page(title: str, text: str, status: int, form: str = "") -> Response:
    """A page with a title, a sentence, and optionally a form."""
    said = f"<p>{html.escape(text)}</p>" if text else ""
    return HTMLResponse(
        "<!doctype html><html lang=en><head><meta charset=utf-8>"
        '<meta name=viewport content="width=device-width, initial-scale=1">'
        "<title>activeclust</title>"
        '<link rel=icon href="static/icon.svg" type="image/svg+xml"><link rel=stylesheet href="static/page.css"></head>'
        f"<body class=message><main class=panel><h1>{html.escape(title)}</h1>{said}{form}</main></body></html>",
        status,
    )


def bounded(receive: Receive, limit: int = LARGEST_BODY, slowest: float = SLOWEST_BODY) -> Receive:
    """``receive``, raising :class:`TooLarge` where a body grows beyond ``limit`` bytes or takes too many seconds."""
    taken, whole, until = 0, False, time.monotonic() + slowest

    async def receive_bounded() -> Message:
        nonlocal taken, whole
        if whole:  # what comes now is the end of the connection, whenever that is
            return await receive()
        try:
            message = await asyncio.wait_for(receive(), until - time.monotonic())
        except (TimeoutError, asyncio.TimeoutError) as error:
            raise TooLarge from error
        taken += len(message.get("body", b""))
        whole = not message.get("more_body", False)
        if taken > limit:
            raise TooLarge
        return message

    return receive_bounded


async def unexpected(request: Request, error: Exception) -> Response:
    """The response to an unexpected error; the terminal shows its traceback."""
    return json_response(
        {"error": f"Something went wrong here: {type(error).__name__}. The terminal shows more."}, 500
    )


def guarded(app: ASGIApp) -> ASGIApp:
    """``app``, which has answered with :func:`unexpected`: the traceback goes to stderr, and the server goes on."""

    async def answering(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await app(scope, receive, send)
        except Exception:
            traceback.print_exc(file=sys.stderr)

    return answering


def with_headers(send: Send) -> Send:
    """``send``, with the security headers on every response."""

    async def send_with_headers(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            given = {name.lower() for name, _ in message["headers"]}
            more = ((name.lower().encode(), value.encode()) for name, value in HEADERS.items())
            message["headers"] = [*message["headers"], *(pair for pair in more if pair[0] not in given)]
        await send(message)

    return send_with_headers
