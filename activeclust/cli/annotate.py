"""``activeclust annotate``: a person answers."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from activeclust.cli.options import (
    bars,
    clusterer_of,
    data_options,
    data_settings,
    db_option,
    load_data,
    tell_carried,
    views_options,
)
from activeclust.errors import InvalidInput


@click.command("annotate")
@click.argument("source", metavar="DATA")
@click.option(
    "--ui",
    type=click.Choice(["web", "terminal"]),
    help="Where you are asked [default: web where activeclust[web] is installed and a person sits there].",
)
@click.option(
    "--strategy", default="auto", show_default=True, metavar="NAME", help="Which rows to ask about."
)
@click.option("--budget", type=click.IntRange(1), help="Answers in all [default: every row].")
@click.option("--batch-size", type=click.IntRange(1), default=1, show_default=True, help="Questions a round.")
@click.option("--seed", type=click.IntRange(0), help="Fixes every choice [default: drawn and recorded].")
@click.option("--stop", metavar="RULE", help="End early: converged, accuracy=0.95, gain=0.001.")
@db_option
@click.option("--name", metavar="NAME", help="Name of the run [default: the file's name].")
@click.option("--who", default="", metavar="NAME", help="Your name, where several people answer.")
@click.option(
    "--port", type=click.IntRange(1, 65535), help="Of the page [default: the run's own, 8421 to 8920]."
)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address that the page listens on.")
@click.option(
    "--password",
    metavar="PASSWORD",
    envvar="ACTIVECLUST_PASSWORD",
    help="Lets browsers in; needed to listen beyond this machine (better in the variable ACTIVECLUST_PASSWORD).",
)
@click.option("--base-url", metavar="URL", help="What people open, where a proxy stands before the page.")
