"""Binds a port and serves until Ctrl-C."""

from __future__ import annotations

import contextlib
import html
import shutil
import socket
import sys
import tempfile
import webbrowser
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from activeclust.errors import InvalidInput

if TYPE_CHECKING:
    from starlette.types import ASGIApp

    from activeclust.web.service import AnnotationService

PORT, PORTS = 8421, 500  #: a run has a port of its own among these, so that a browser finds it again
ADDRESS = "127.0.0.1"
TRIED = 20  #: ports that are tried from the first one on


def port_of(run: str) -> int:
    """A run's own port, so that answers waiting in a browser are found at the same address after a restart.

    Examples
    --------
    >>> port_of("digits") == port_of("digits"), 8421 <= port_of("digits") < 8921
    (True, True)
    """
    return PORT + zlib.crc32(run.encode("utf-8", "surrogatepass")) % PORTS


def bind(port: int | None, first: int = PORT, address: str = ADDRESS) -> socket.socket:
    """A listening socket on the given port, or on the first free one.

    Raises
    ------
    InvalidInput
        If it is in use.
    """
    for candidate in [port] if port is not None else range(first, first + TRIED):
        # with the protocol named, so that asyncio sets TCP_NODELAY on what connects
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
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


def run_app(app: ASGIApp, listening: socket.socket) -> None:
    """Serve until Ctrl-C or SIGTERM."""
    import uvicorn

    from activeclust.web.connections import PromptProtocol

    config = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,  # it would show the token
        server_header=False,
        ws="none",
        http=PromptProtocol,
        lifespan="off",
        timeout_keep_alive=30,
        timeout_graceful_shutdown=2,
    )
    with contextlib.suppress(KeyboardInterrupt):
        uvicorn.Server(config).run(sockets=[listening])


@contextlib.contextmanager
def redirect_file(url: str) -> Iterator[Path]:
    """A file that redirects a browser to ``url``, readable by its owner only; it is removed at the end.

    A browser's command line, which would contain the address, is visible to everybody on the machine.
    """
    folder = Path(tempfile.mkdtemp(prefix="activeclust-"))
    try:
        file = folder / "open.html"
        file.touch(mode=0o600)
        file.write_text(
            '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>activeclust</title>'
            f'<meta http-equiv="refresh" content="0;url={html.escape(url)}"></head>'
            f'<body><p><a href="{html.escape(url)}">Open the page</a></p></body></html>',
            encoding="utf-8",
        )
        yield file
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def run_server(
    service: AnnotationService,
    port: int | None,
    *,
    open_browser: bool,
    who: str = "",
    host: str = ADDRESS,
    base_url: str | None = None,
    password: str | None = None,
    people: Mapping[str, str] | None = None,
    guidelines: str = "",
) -> None:
    """Serve the page of a service, and print its address on stderr."""
    from activeclust.web.app import make_app
    from activeclust.web.security import Access

    own = port_of(service.run.spec.name)
    with contextlib.closing(bind(port, own, host)) as listening:
        taken = listening.getsockname()[1]
        access = Access(taken, who=who, host=host, base_url=base_url, password=password, people=people)
        if port is None and taken != own:
            print(
                f"Port {own}, which this run usually has, is in use. Answers that still wait in a browser are sent "
                f"when the run is served there again (--port {own}).",
                file=sys.stderr,
            )
        reach = "on this machine only" if password is None else f"or {access.base}/ with the password"
        print(
            f"Answer at {access.invite()}\n(good for one browser; {reach}; Ctrl-C ends, everything is kept)",
            file=sys.stderr,
            flush=True,
        )
        with redirect_file(access.invite()) as file:
            if open_browser:
                webbrowser.open(file.as_uri())
            run_app(make_app(service, access, guidelines), listening)
