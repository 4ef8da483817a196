"""The page as an ASGI application."""

from __future__ import annotations

from importlib import resources
from urllib.parse import parse_qs

import jinja2
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from activeclust.web.payload import json_response
from activeclust.web.routes import Routes, run_id
from activeclust.web.security import CLOSED, Access, Guard, TooLarge, message_page, unexpected
from activeclust.web.service import AnnotationService

_TYPES = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}
_LOGIN = (
    '<form method=post action="login"><p><label>Password <input name=password type=password required autofocus '
    "autocomplete=current-password></label> <button>Open</button></p></form>"
)


def make_app(service: AnnotationService, access: Access) -> Guard:
    """The application for one service and one start's secrets."""
    files = {
        file.name: file.read_bytes()
        for file in (resources.files(__package__) / "static").iterdir()
        if "." + file.name.rpartition(".")[2] in _TYPES
    }
    templates = jinja2.Environment(
        loader=jinja2.PackageLoader(__package__), autoescape=True, undefined=jinja2.StrictUndefined
    )

    async def page(request: Request) -> Response:
        known = access.visitor(request.headers.getlist("cookie"))
        if (token := request.query_params.get("token")) is not None:
            visitor = known or access.admit(token)
            return closed() if visitor is None else access.let_in(visitor)
        if known is None:
            return closed()
        shown = {"name": service.run.spec.name, "run": run_id(service)}
        return HTMLResponse(templates.get_template("page.html").render(shown))

    def closed(why: str = CLOSED) -> Response:
        if access.password is None:
            return message_page("This page stays closed", why, 401)
        return message_page("activeclust", "" if why is CLOSED else why, 401, _LOGIN)

    async def login(request: Request) -> Response:
        if request.method != "POST":
            return RedirectResponse(f"{access.prefix}/", 303)
        try:
            fields = parse_qs((await request.body()).decode("utf-8", "replace"))
        except TooLarge:
            return closed("The request is too large.")
        visitor = await access.log_in(fields.get("password", [""])[0])
        return closed("This is not the password.") if visitor is None else access.let_in(visitor)

    async def static(request: Request) -> Response:
        name = request.path_params["name"]
        if name not in files:  # read at the start: no request ever names a path
            return json_response({"error": "There is no such file."}, 404)
        return Response(files[name], media_type=_TYPES["." + name.rpartition(".")[2]])

    async def icon(request: Request) -> Response:
        # browsers ask for this address wherever an answer names no icon: on the way in, say
        return Response(files["icon.svg"], media_type=_TYPES[".svg"])

    own = [
        Route("/", page),
        Route("/login", login, methods=["GET", "POST"]),
        Route("/favicon.ico", icon),
        Route("/static/{name}", static),
    ]
    return Guard(
        Starlette(
            routes=[*own, *Routes(service, access).routes()], exception_handlers={Exception: unexpected}
        ),
        access,
    )
