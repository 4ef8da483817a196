"""Removes passwords from the command line, which every user of the machine can read in the list of processes."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence

from activeclust.store.secrets import HIDDEN, masked

_GIVEN = "ACTIVECLUST_GIVEN_ARGUMENTS"  #: a process's environment is readable by its own user only
_SECRET = ("--password", "--auth")


def hidden(arguments: Sequence[str]) -> list[str]:
    """The arguments with each password replaced by ``***``.

    Examples
    --------
    >>> hidden(["annotate", "--db", "postgresql://eva:secret@host/labels", "--password", "x", "--auth=a:b"])
    ['annotate', '--db', 'postgresql://eva:***@host/labels', '--password', '***', '--auth=***']
    """
    seen: list[str] = []
    for argument in arguments:
        name, equals, _ = argument.partition("=")
        if seen and seen[-1] in _SECRET:
            seen.append(HIDDEN)
        elif equals and name in _SECRET:
            seen.append(f"{name}={HIDDEN}")
        else:
            seen.append(masked(argument))
    return seen


def given_arguments() -> list[str]:
    """The arguments of this process; if they hold passwords, the process restarts with a command line without them."""
    if _GIVEN in os.environ:
        return json.loads(os.environ.pop(_GIVEN))
    arguments = sys.argv[1:]
    as_seen = hidden(arguments)
    if as_seen != arguments and sys.platform != "win32" and sys.executable:
        start = sys.orig_argv[: len(sys.orig_argv) - len(arguments)]
        os.execve(sys.executable, [*start, *as_seen], os.environ | {_GIVEN: json.dumps(arguments)})
    return arguments
