"""Removes passwords from texts that are shown, logged or stored."""

from __future__ import annotations

import re
from urllib.parse import unquote_plus

HIDDEN = "***"
_SECRET_NAMES = ("pass", "pwd", "secret", "token")
# greedy: an unparsed password may contain any character, even @ and /
_AUTHORITY = re.compile(
    r"((?:postgres[A-Za-z0-9+.-]*:/*|://)[^\s:@/?#]*):(?!//)([^\s\"'<>]*)@", re.IGNORECASE
)
_PARAMETER = re.compile(r"([?&;\s]|^)([A-Za-z0-9_%+-]+)(\s?=\s?)('(?:[^'\\]|\\.)*'|[^&;\s\"'<>]+)")


def masked(text: object) -> str:
    """``text`` with every password replaced by ``***``.

    Used wherever the URL of a database, or a message of a driver, is shown, logged or stored.

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
