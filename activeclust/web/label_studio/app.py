"""The Label Studio back end as an ASGI application: access and routes."""

from __future__ import annotations

import base64
import hmac
from collections.abc import Callable, Sequence
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from activeclust.errors import ActiveClustError
from activeclust.web.bodies import json_object
from activeclust.web.label_studio.backend import Backend
from activeclust.web.payload import json_response
from activeclust.web.security import bounded, guarded, unexpected, with_headers
from activeclust.web.service import AnnotationService, complaint

LARGEST_BODY = 32 * 1024 * 1024  #: bytes; a batch of tasks holds the rows' data


class LabelStudioGuard:
    """ASGI middleware: refuses requests of web pages, and requests without the password if one is set.

    A browser names the page a request comes from, in Origin; Label Studio's server does not. A page
    that has pointed a name of its own at this machine is known by the Host it asks for.

    Parameters
    ----------
    app : ASGI application
    hosts : sequence of str
        Allowed Host headers; looked at where there is no password.
    password : str, optional
        ``user:password``, asked for with HTTP Basic authentication.
    """

    def __init__(self, app: ASGIApp, hosts: Sequence[str], password: str | None) -> None:
        self.app, self.hosts = app, frozenset(hosts)
        self.wanted = None if password is None else "Basic " + base64.b64encode(password.encode()).decode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        send = with_headers(send)
        refusal = self._refusal(scope["method"], Headers(scope=scope))
        if refusal is not None:
            await refusal(scope, receive, send)
        else:
            await guarded(self.app)(scope, bounded(receive, LARGEST_BODY), send)

    def _refusal(self, method: str, headers: Headers) -> Response | None:
        if self.wanted is not None:
            given = headers.get("authorization", "")
            if not hmac.compare_digest(given.encode(), self.wanted.encode()):
                challenge = {"WWW-Authenticate": 'Basic realm="activeclust"'}
                return JSONResponse({"error": "This server wants user and password."}, 401, challenge)
        elif headers.get("host") not in self.hosts:
            return JSONResponse({"error": "This server accepts requests to its own address only."}, 421)
        if headers.get("origin") is not None or headers.get("sec-fetch-site") is not None:
            return JSONResponse({"error": "This server talks to Label Studio, not to web pages."}, 403)
        kind = headers.get("content-type", "").partition(";")[0].strip().lower()
        if method == "POST" and kind != "application/json":
            return JSONResponse({"error": "Requests are application/json."}, 415)
        return None


def make_backend(
    service: AnnotationService, hosts: Sequence[str], password: str | None = None
) -> LabelStudioGuard:
    """The application for one service."""
    backend = Backend(service)
    reads = {"/": backend.health, "/health": backend.health, "/versions": backend.versions}
    writes = {
        "/setup": (backend.setup, 200),
        "/predict": (backend.predict, 200),
        "/webhook": (backend.webhook, 201),
        "/train": (backend.train, 201),
        "/versions": (backend.versions, 200),
    }
    routes = [
        *(Route(path, _endpoint(handler, 200), methods=["GET"]) for path, handler in reads.items()),
        *(Route(path, _endpoint(*how), methods=["POST"]) for path, how in writes.items()),
    ]
    return LabelStudioGuard(
        Starlette(routes=routes, exception_handlers={Exception: unexpected}), hosts, password
    )


def _endpoint(handler: Callable[[Any], dict[str, Any]], status: int) -> Callable[[Request], Any]:
    async def endpoint(request: Request) -> Response:
        body = await json_object(request) if request.method == "POST" else {}
        if isinstance(body, Response):
            return body
        try:
            return json_response(await run_in_threadpool(handler, body), status)
        except ActiveClustError as error:
            text, problem = complaint(error)
            return json_response({"error": text}, problem)

    return endpoint
