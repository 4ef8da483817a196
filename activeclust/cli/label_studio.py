"""``activeclust label-studio``: the machine-learning back end of a Label Studio project."""

from __future__ import annotations

import contextlib
import json
import sys
from pathlib import Path
from typing import Any

import click

from activeclust.cli.annotate import data_run
from activeclust.cli.options import (
    answers_option,
    data_options,
    db_option,
    drawn_seed_option,
    examples,
    load_data,
    strategy_option,
    views_options,
    writable_folder,
)
from activeclust.cli.say import say
from activeclust.errors import InvalidInput, RunNotFound
from activeclust.resources.output import write_text

PORT = 9090  #: of Label Studio's back ends
LOOPBACK = ("127.0.0.1", "localhost", "::1")


@click.command(
    "label-studio",
    epilog=examples(
        "label-studio rows.csv --write project --clusters setosa,virginica", "label-studio rows.csv"
    ),
)
@click.argument("source", metavar="DATA")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", type=click.IntRange(1, 65535), default=PORT, show_default=True)
@click.option(
    "--auth",
    metavar="USER:PASSWORD",
    envvar="ACTIVECLUST_LABEL_STUDIO_AUTH",
    help="Require these credentials (HTTP Basic); needed to listen beyond this machine "
    "(or the variable ACTIVECLUST_LABEL_STUDIO_AUTH).",
)
@click.option(
    "--write",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="Write tasks.json and config.xml for a new project, then exit.",
)
@click.option("--clusters", metavar="A,B,...", help="With --write: the first clusters of the project.")
@strategy_option
@drawn_seed_option
@db_option
@click.option("--name", metavar="NAME", help="Name of the run [default: the file's name].")
@click.option("--changed", is_flag=True, help="Continue even with other rows, strategy, seed or model.")
@click.option("--device", default="auto", show_default=True, help="Device: cpu, cuda, ...")
@answers_option
@data_options
@views_options
def label_studio_command(source: str, **given: Any) -> None:
    """Serve DATA as the machine-learning back end of a Label Studio project.

    Connect it under Settings, Model. Its predictions carry a score in the order in which to ask (take
    "Uncertainty sampling"), and every annotation is an answer of the run at once.
    """
    from activeclust import strategies
    from activeclust.store import open_store
    from activeclust.web.installed import check_installed

    check_installed("This back end")
    _check_reach(given["host"], given["auth"])
    if given["clusters"] and not given["write"]:
        raise click.UsageError("--clusters goes with --write; a served project has its own.")
    strategies.get(given["strategy"])
    with contextlib.closing(open_store(given["db"])) as store:
        if given["write"]:
            _write(store, source, given)
        else:
            _serve(data_run(store, source, None, given | {"batch_size": 1, "budget": None, "who": ""}), given)


def _check_reach(host: str, auth: str | None) -> None:
    if auth is not None and not all(auth.partition(":")):
        raise click.UsageError("--auth is USER:PASSWORD.")
    if auth is None and host not in LOOPBACK:
        raise InvalidInput(
            f"Listening on {host}, the server can be reached from other machines: give --auth USER:PASSWORD, "
            "and the same in Label Studio where the model is connected."
        )


def _write(store: Any, source: str, given: dict[str, Any]) -> None:
    from activeclust.web.label_studio.project import make_config, make_tasks

    known: list[Any] = []
    with contextlib.suppress(RunNotFound):
        known += store.open_run(given["name"] or Path(source).stem).snapshot().clusters
    known += [name.strip() for name in (given["clusters"] or "").split(",") if name.strip()]
    if not known:
        raise click.UsageError("Name clusters to begin with: --clusters A,B,... (more can be added there).")
    items, folder = load_data(source, given).items, given["write"]
    writable_folder(folder)
    write_text(folder / "config.xml", make_config(items, known))
    write_text(folder / "tasks.json", json.dumps(list(make_tasks(items)), ensure_ascii=False))
    say(
        f"{len(items):,} tasks in {folder / 'tasks.json'}, the labelling configuration in "
        f"{folder / 'config.xml'}. Import both into a project, then start this command without --write."
    )


def _serve(loop: Any, given: dict[str, Any]) -> None:
    from activeclust.web.label_studio.app import make_backend
    from activeclust.web.label_studio.backend import AHEAD
    from activeclust.web.server import bind, run_app
    from activeclust.web.service import AnnotationService

    host, port = given["host"], given["port"]
    with (
        AnnotationService(loop, ahead=AHEAD) as service,
        contextlib.closing(bind(port, address=host)) as listening,
    ):
        hosts = [f"{name}:{port}" for name in ("127.0.0.1", "localhost", host)]
        print(
            f"Connect http://{host}:{port} in Label Studio under Settings, Model, and choose Uncertainty "
            "sampling under Annotation.\n(Ctrl-C ends, everything is kept)\n"
            "Label Studio 1.23 and newer wants ML_BLOCK_LOCAL_IP=false and SSRF_PROTECTION_ENABLED=false in its "
            "environment to reach this machine.",
            file=sys.stderr,
            flush=True,
        )
        run_app(make_backend(service, hosts, given["auth"]), listening)


COMMANDS: list[click.Command] = [label_studio_command]
