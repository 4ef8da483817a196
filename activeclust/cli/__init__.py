"""The command line. Results go to stdout, progress to stderr.

Exit status: 0 done, 1 failed, 2 wrong usage, 3 the database needs an upgrade, 130 interrupted (everything
answered so far is kept).
"""

from __future__ import annotations

import importlib
import io
import os
import sys
import warnings
from collections.abc import Sequence

import click

from activeclust._version import __version__
from activeclust.cli.arguments import given_arguments
from activeclust.cli.say import say
from activeclust.errors import ActiveClustError, SchemaMismatch
from activeclust.store.secrets import masked

#: command -> module that lists it in ``COMMANDS``; modules import what they need when a command runs
HOMES = {
    "loop": "activeclust.cli.loop",
    "annotate": "activeclust.cli.annotate",
    "label-studio": "activeclust.cli.label_studio",
    "audit": "activeclust.cli.audit",
    "cluster": "activeclust.cli.cluster",
    "compare": "activeclust.cli.compare",
    "runs": "activeclust.cli.runs",
    "report": "activeclust.cli.runs",
    "log": "activeclust.cli.answers",
    "review": "activeclust.cli.answers",
    "agreement": "activeclust.cli.answers",
    "export": "activeclust.cli.answers",
    "import": "activeclust.cli.answers",
    "db": "activeclust.cli.db",
    "pretrain": "activeclust.cli.pretrain",
    "pretrain-zero-shot": "activeclust.cli.pretrain",
    "pretrain-consensus": "activeclust.cli.pretrain",
}


EXAMPLES = """\b
Examples:
  activeclust loop --oracle mnist --budget 100
  activeclust annotate rows.csv"""


class Commands(click.Group):
    """A group whose commands are imported when they are needed."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names, in the order in which the commands are used."""
        return list(HOMES)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name."""
        if cmd_name not in HOMES:
            return None
        module = importlib.import_module(HOMES[cmd_name])
        return next(command for command in module.COMMANDS if command.name == cmd_name)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Like click's method, but the error for an unknown name suggests the closest one."""
        if args and args[0] not in HOMES and not args[0].startswith("-"):
            import difflib

            near = difflib.get_close_matches(args[0], HOMES, n=1)
            guess = f" Did you mean {near[0]!r}?" if near else ""
            raise click.UsageError(f"There is no command {args[0]!r}.{guess}", ctx)
        return super().resolve_command(ctx, args)


@click.group(
    cls=Commands,
    epilog=EXAMPLES,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, prog_name="activeclust")
def cli() -> None:
    """Partition rows into your own clusters with as few answers as possible.

    Each command's --help ends with examples. rows.csv stands for your file; a run is named after its file.
    """


def main(args: Sequence[str] | None = None) -> None:
    """Run the command line and exit."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and stream.isatty():  # a screen shows what it can
            stream.reconfigure(errors="backslashreplace")
    with warnings.catch_warnings():
        warnings.showwarning = _say_warning
        status = _run(given_arguments() if args is None else args)
    sys.exit(status)


def _run(args: Sequence[str] | None) -> int:
    try:
        status = cli.main(args=args, prog_name="activeclust", standalone_mode=False)
        sys.stdout.flush()
        return status if isinstance(status, int) else 0
    except click.ClickException as error:
        click.ClickException.__init__(error, masked(error.message))
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        say("Interrupted; everything answered so far is kept.")
        return 130
    except ActiveClustError as error:
        say(f"Error: {error}")
        return 3 if isinstance(error, SchemaMismatch) else 1
    except UnicodeEncodeError as error:
        character = error.object[error.start : error.end][:20]
        say(
            f"Error: The output's encoding, {error.encoding}, has no {character!a}: write into a file with -o, or set "
            "PYTHONIOENCODING=utf-8."
        )
        return 1
    except BrokenPipeError:  # the reader of a pipe, such as `head`, has had enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def _say_warning(message, category, filename, lineno, file=None, line=None) -> None:
    say(f"Warning: {message}")
