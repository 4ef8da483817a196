"""The annotation page: a local web server for one run, and the Label Studio back end.

Needs the extra ``[web]``. The rest of the package calls only :func:`serve`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from activeclust.errors import InvalidInput
from activeclust.web.installed import check_installed

if TYPE_CHECKING:
    from activeclust.loop.active_loop import ActiveLoop

LOOPBACK = ("127.0.0.1", "localhost", "::1")
SHORTEST_PASSWORD = 8  #: characters


def serve(
    loop: ActiveLoop,
    *,
    port: int | None = None,
    who: str = "",
    budget: int | None = None,
    stop: str | None = None,
    open_browser: bool = True,
    host: str = "127.0.0.1",
    base_url: str | None = None,
    password: str | None = None,
    people: Mapping[str, str] | None = None,
    guidelines: str = "",
) -> None:
    """Serve the page of a run until Ctrl-C; every answer is stored before it is confirmed to the page.

    Parameters
    ----------
    loop : ActiveLoop
        Nothing else may use it while the page is served.
    port : int, optional
        By default the run's own port from 8421 to 8920, or the next free one.
    who : str
        The name of the person at the first browser; it can be changed there.
    budget : int, optional
        Number of answered rows after which no further row is asked about.
    stop : str, optional
        A rule of :func:`activeclust.loop.stopping.parse_stop`; no further row is asked about once it holds.
    open_browser : bool
    host : str
        The address to listen on; a password is required if other machines can reach it.
    base_url : str, optional
        The address that people open, if there is a proxy in front of this server.
    password : str, optional
        Lets browsers in that have no one-time address.
    people : mapping of name to password, optional
        Who may answer; "" for somebody without a password. See :func:`read_people`.
    guidelines : str
        Markdown, shown beside the question.

    Raises
    ------
    MissingDependency
        Without the extra ``[web]``.
    InvalidInput
        For a port in use, a password of less than 8 characters, and a host that other machines reach without one.
    """
    check_reach(host, password, people)
    check_installed(instead=" (or answer in the terminal with --ui terminal)")
    from activeclust.web.server import run_server
    from activeclust.web.service import AnnotationService

    with AnnotationService(loop, budget=budget, stop=stop) as service:
        run_server(
            service,
            port,
            who=who,
            open_browser=open_browser,
            host=host,
            base_url=base_url,
            password=password,
            people=people,
            guidelines=guidelines,
        )


def check_reach(host: str, password: str | None, people: Mapping[str, str] | None = None) -> None:
    """Raise :class:`InvalidInput` if other machines could reach the page without a password, or with a short one."""
    given = [password] if password is not None else []
    for secret in [*given, *(secret for secret in (people or {}).values() if secret)]:
        if len(secret) < SHORTEST_PASSWORD:
            raise InvalidInput(f"A password has at least {SHORTEST_PASSWORD} characters, got {len(secret)}.")
    if not given and not any((people or {}).values()) and host not in LOOPBACK:
        raise InvalidInput(
            f"Listening on {host}, the page can be reached from other machines: give a password (--password, or the "
            "variable ACTIVECLUST_PASSWORD), or people with passwords (--people)."
        )


def read_people(text: str) -> dict[str, str]:
    """Read names and passwords from a text with one person per line: ``name``, or ``name: password``.

    Blank lines and lines that begin with ``#`` are ignored.

    Examples
    --------
    >>> read_people("# our team\\nann\\nbob: open sesame\\n")
    {'ann': '', 'bob': 'open sesame'}

    Raises
    ------
    InvalidInput
        For a name that is listed twice, and a text without names.
    """
    people: dict[str, str] = {}
    for line in text.splitlines():
        name, _, password = (part.strip() for part in line.partition(":"))
        if not name or line.lstrip().startswith("#"):
            continue
        if name in people:
            raise InvalidInput(f"The name {name!r} is listed twice.")
        people[name] = password
    if not people:
        raise InvalidInput("It holds no name; expected one person per line, as in `ann` or `bob: password`.")
    return people
