"""The page as an ASGI application."""

from __future__ import annotations

from importlib import resources
from typing import TYPE_CHECKING

import jinja2
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from activeclust.web.routes import Routes, run_id
from activeclust.web.security import Guard, Session, closed_door, opened_door

if TYPE_CHECKING:
    from activeclust.web.service import Desk

_TYPES = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}


def make_app(desk: Desk, session: Session) -> Starlette:
    """The application for one desk and one start's secrets."""
    files = {
        file.name: file.read_bytes()
        for file in (resources.files(__package__) / "static").iterdir()
        if "." + file.name.rpartition(".")[2] in _TYPES
    }
    templates = jinja2.Environment(
        loader=jinja2.PackageLoader(__package__), autoescape=True, undefined=jinja2.StrictUndefined
    )

    async def page(request: Request) -> Response:
        if (token := request.query_params.get("token")) is not None:
            if not session.admits(token):
                return closed_door()
            response = opened_door()
            session.set_cookie(response)
            return response
        if not session.knows(request.headers.getlist("cookie")):
            return closed_door()
        spec = desk.run.spec
        shown = {"name": spec.name, "who": desk.who, "run": run_id(desk), "strategy": spec.strategy}
        return HTMLResponse(templates.get_template("page.html").render(shown))

    async def static(request: Request) -> Response:
        name = request.path_params["name"]
        if name not in files:  # read at the start: no request ever names a path
            return JSONResponse({"error": "There is no such file."}, 404)
        return Response(files[name], media_type=_TYPES["." + name.rpartition(".")[2]])

    async def icon(request: Request) -> Response:
        # browsers ask for this address wherever an answer names no icon: on the way in, say
        return Response(files["icon.svg"], media_type=_TYPES[".svg"])

    own = [Route("/", page), Route("/favicon.ico", icon), Route("/static/{name}", static)]
    routes = [*own, *Routes(desk).routes()]
    return Starlette(routes=routes, middleware=[Middleware(Guard, session=session)])
