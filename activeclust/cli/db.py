"""``activeclust db``: check, repair, back up and upgrade a database."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from activeclust.annotators.printable import printable
from activeclust.cli.options import db_option, examples
from activeclust.cli.say import say
from activeclust.store import DATABASE
from activeclust.validation import counted

if TYPE_CHECKING:
    from activeclust.store.sql.repair import Repair


@click.group("db", epilog=examples("db check", "db backup copy.db"))
def db_group() -> None:
    """Check, repair, back up or upgrade a database."""


_WHERE = click.argument("url", metavar="[URL]", default=DATABASE, envvar="ACTIVECLUST_DB")


@db_group.command("check", epilog=examples("db check"))
@_WHERE
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_context
def check_command(context: click.Context, url: str, as_json: bool) -> None:
    """Check a database without changing it, and list all damage.

    Checks its structure and schema, the checksum of every event, and that everything else follows from the events.
    Exit status: 0 without damage, 1 damaged, 3 another schema.
    """
    from activeclust.store.sql.check import check

    status = check(url)
    if as_json:
        document = {**vars(status), "state": status.state, "ok": status.ok, "remedy": status.remedy}
        click.echo(json.dumps(document, ensure_ascii=False))
    else:
        runs = "" if status.n_runs is None else f", {status.n_runs} runs, {status.n_events} events"
        schema = "no tables yet" if status.found is None else f"schema {status.found} ({status.state})"
        click.echo(f"{status.url}: {schema}{runs}")
        for problem in status.problems:
            click.echo(printable(f"  {problem}"))
        if status.remedy:
            say(f"Run: {status.remedy}")
    if status.problems:
        context.exit(1)
    if status.state in ("older", "newer"):
        context.exit(3)


@db_group.command("repair", epilog=examples("db repair"))
@_WHERE
def repair_command(url: str) -> None:
    """Repair a damaged database: derive everything from its events again.

    An SQLite file is first copied beside itself. Damaged events are removed and listed. Nobody may write to the
    database meanwhile.
    """
    from activeclust.store.sql.repair import repair

    report = repair(url)
    if not report.problems:
        say(f"{report.url} is sound; nothing was changed.")
        return
    for problem in report.problems:
        click.echo(printable(f"  {problem}"))
    for sentence in _repaired(report):
        say(sentence)
    if report.copy is not None:
        say(f"The file as it was: {report.copy}")


def _repaired(report: Repair) -> Iterator[str]:
    """What a repair came to, and what is not there any more."""
    yield f"{report.url} is sound now."
    if report.gone:
        yield f"{counted(report.gone, 'event')} of its log {_is(report.gone)} missing: the answers in them are gone."
    if report.lost:
        yield f"{counted(report.lost, 'event')} could not be trusted and {_is(report.lost)} gone."
    if report.in_part:
        yield (
            "Nobody can tell what else the damaged parts of the file held: compare it with a backup, if there is one."
        )
    elif not report.lost and not report.gone:
        yield "All remaining events are intact."


def _is(number: int) -> str:
    return "is" if number == 1 else "are"


@db_group.command("backup", epilog=examples("db backup copy.db"))
@click.argument("copy", metavar="COPY", type=click.Path(dir_okay=False))
@db_option
def backup_command(copy: str, db: str) -> None:
    """Make a consistent copy of an SQLite database, also while people answer.

    For PostgreSQL use pg_dump.
    """
    from activeclust.store.sql.backup import backup_database

    say(f"Wrote {backup_database(db, copy)}.")


@db_group.command("upgrade", epilog=examples("db upgrade"))
@_WHERE
def upgrade_command(url: str) -> None:
    """Upgrade a database to this version's schema, after a copy of the file (PostgreSQL: make your own backup)."""
    from activeclust.store.sql.upgrade import upgrade

    report = upgrade(url)
    if report.before == report.after:
        say(f"{report.url} has schema {report.after} already.")
        return
    say(f"{report.url}: schema {report.before} -> {report.after}.")
    if report.copy is not None:
        say(f"The file as it was: {report.copy}")


COMMANDS: list[click.Command] = [db_group]
