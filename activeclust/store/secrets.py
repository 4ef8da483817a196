"""Passwords, kept out of whatever people and other programs can read."""

from __future__ import annotations

import re
from urllib.parse import unquote_plus

HIDDEN = "***"
_SECRET_NAMES = ("pass", "pwd", "secret", "token")
# greedy: a password may hold every character, @ and / too, as long as nobody has looked at it
_AUTHORITY = re.compile(
    r"((?:postgres[A-Za-z0-9+.-]*:/*|://)[^\s:@/?#]*):(?!//)([^\s\"'<>]*)@", re.IGNORECASE
)
_PARAMETER = re.compile(r"([?&;\s]|^)([A-Za-z0-9_%+-]+)(\s?=\s?)('(?:[^'\\]|\\.)*'|[^&;\s\"'<>]+)")


def masked(text: object) -> str:
    """``text`` with ``***`` in the place of every password in it.

    Whatever shows, logs or stores a database's URL, or a message of a driver, passes it through here.

    Parameters
    ----------
    text : object
        A URL, or any text with URLs or ``password=...`` in it.

    Examples
    --------
    >>> masked("postgresql://eva:pa@ss/word@db.example/labels?sslmode=require")
    'postgresql://eva:***@db.example/labels?sslmode=require'
    >>> masked("cannot open postgresql://db.example/labels?user=eva&pass%77ord=x: refused")
    'cannot open postgresql://db.example/labels?user=eva&pass%77ord=*** refused'
    >>> masked("answers.db")
    'answers.db'
    """
    hidden = _AUTHORITY.sub(rf"\1:{re.escape(HIDDEN)}@".replace("\\*", "*"), str(text))
    return _PARAMETER.sub(_without_value, hidden)


def _without_value(found: re.Match[str]) -> str:
    before, name, equals, value = found.groups()
    plain = unquote_plus(name).lower()
    if any(secret in plain for secret in _SECRET_NAMES):
        value = HIDDEN
    return f"{before}{name}{equals}{value}"
