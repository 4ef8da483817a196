"""The page as an ASGI application."""

from __future__ import annotations

from importlib import resources
from urllib.parse import parse_qs

import jinja2
from markdown_it import MarkdownIt
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
    '<form method=post action="login">{name}<label class=field>Password <input name=password type=password required '
    "autocomplete=current-password></label><p class=row-end><button class=primary>Open</button></p></form>"
)
_NAME = "<label class=field>Name <input name=name required autocomplete=username></label>"


def make_app(service: AnnotationService, access: Access, guidelines: str = "") -> Guard:
    """The application for one service and one start's secrets; guidelines are Markdown."""
    shown = {
        "name": service.run.spec.name,
        "run": run_id(service),
        # raw HTML in the text stays text
        "guidelines": MarkdownIt("commonmark", {"html": False}).enable("table").render(guidelines),
    }
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
        return HTMLResponse(templates.get_template("page.html").render(shown))

    def closed(why: str = CLOSED) -> Response:
        if not access.has_login:
            return message_page("This page cannot be opened", why, 401)
        form = _LOGIN.format(name=_NAME if any(access.people.values()) else "")
        return message_page("activeclust", "" if why is CLOSED else why, 401, form)

    async def login(request: Request) -> Response:
        if request.method != "POST":
            return closed() if access.has_login else RedirectResponse(f"{access.prefix}/", 303)
        try:
            fields = parse_qs((await request.body()).decode("utf-8", "replace"))
        except TooLarge:
            return closed("The request is too large.")
        name, password = (fields.get(field, [""])[0] for field in ("name", "password"))
        visitor = await access.log_in(name, password)
        return closed("Wrong password.") if visitor is None else access.let_in(visitor)

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
