"""Messages of commands: on stderr, without control characters and passwords."""

from __future__ import annotations

import click

from activeclust.annotators.printable import printable
from activeclust.store.secrets import masked


def say(text: object) -> None:
    """Print a sentence on stderr; control characters are made visible, passwords are hidden."""
    click.echo(printable(masked(text), lines=True), err=True)
