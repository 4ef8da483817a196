"""The annotation page: a local web server for one run, and the Label Studio back end.

Needs the extra ``[web]``. :func:`serve` is all that the rest of the package calls.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from activeclust.web.installed import check_installed

if TYPE_CHECKING:
    from activeclust.loop.active_loop import ActiveLoop


def serve(
    loop: ActiveLoop,
    *,
    port: int | None = None,
    who: str = "",
    budget: int | None = None,
    stop: str | None = None,
    open_browser: bool = True,
) -> None:
    """Serve the page for a run until Ctrl-C; every answer is in the store before the page hears of it.

    Parameters
    ----------
    loop : ActiveLoop
        It belongs to the page while this runs.
    port : int, optional
        On 127.0.0.1; 8421 or the next free one where none is given.
    who : str
        The name that the page begins with; another can be typed there.
    budget : int, optional
        Nothing new is asked once so many rows are answered.
    stop : str, optional
        A rule of :func:`activeclust.loop.stopping.parse_stop`; nothing new is asked once it holds.
    open_browser : bool

    Raises
    ------
    MissingDependency
        Without the extra ``[web]``.
    InvalidInput
        For a port that is taken.
    """
    check_installed(instead=" (or answer in the terminal with --ui terminal)")
    from activeclust.web.server import run_server
    from activeclust.web.service import Desk

    with Desk(loop, who=who, budget=budget, stop=stop) as desk:
        run_server(desk, port, open_browser=open_browser)
