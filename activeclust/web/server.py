"""Binding the loopback address and serving until Ctrl-C."""

from __future__ import annotations

import contextlib
import socket
import sys
import webbrowser
from typing import TYPE_CHECKING

from activeclust.errors import InvalidInput

if TYPE_CHECKING:
    from starlette.applications import Starlette

    from activeclust.web.service import Desk

PORT = 8421  #: tried first, so that answers that wait in a browser find the page again after a restart
ADDRESS = "127.0.0.1"
TRIED = 20  #: ports that are tried from the first one on


def bind(port: int | None, first: int = PORT, address: str = ADDRESS) -> socket.socket:
    """A listening socket: on the port asked for, else on the first free one.

    Raises
    ------
    InvalidInput
        Where it is taken.
    """
    for candidate in [port] if port is not None else range(first, first + TRIED):
        listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((address, candidate))
            listening.listen(128)
            return listening
        except OSError as error:
            listening.close()
            reason = error.strerror or str(error)
    asked = f"Port {port}" if port is not None else f"Every port from {first} to {first + TRIED - 1}"
    raise InvalidInput(f"{asked} of {address} cannot be used ({reason}): choose another with --port.")


def run_app(app: Starlette, listening: socket.socket) -> None:
    """Serve until Ctrl-C or SIGTERM."""
    import uvicorn

    config = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,  # it would show the token
        server_header=False,
        ws="none",
        http="h11",
        lifespan="off",
        limit_concurrency=512,  # connections; the guard bounds what is worked on
        timeout_keep_alive=30,
        timeout_graceful_shutdown=2,
    )
    with contextlib.suppress(KeyboardInterrupt):
        uvicorn.Server(config).run(sockets=[listening])


def run_server(desk: Desk, port: int | None, *, open_browser: bool) -> None:
    """Serve the page for a desk, and say where on stderr."""
    from activeclust.web.app import make_app
    from activeclust.web.security import Session

    with contextlib.closing(bind(port)) as listening:
        session = Session(listening.getsockname()[1])
        print(
            f"Answer at {session.url()}\n(on this machine only; Ctrl-C ends, everything is kept)",
            file=sys.stderr,
            flush=True,
        )
        if open_browser:
            webbrowser.open(session.url())
        run_app(make_app(desk, session), listening)
