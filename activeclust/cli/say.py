"""What a command tells a person: on stderr, and nothing in it that a terminal obeys."""

from __future__ import annotations

import click

from activeclust.annotators.printable import printable
from activeclust.store.secrets import masked


def say(text: object) -> None:
    """A sentence on stderr; names from files and databases are shown, not obeyed, and passwords are not shown."""
    click.echo(printable(masked(text), lines=True), err=True)
