"""What reaches a terminal: characters that print, and numbers as people write them."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from activeclust.labels import is_missing

#: what a terminal obeys, or shows in another order than it is written
_OBEYED = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_BUT_LINES = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def printable(text: object, *, encoding: str | None = None, lines: bool = False) -> str:
    """A text in which a terminal obeys nothing: control characters are shown as signs for them.

    Parameters
    ----------
    text : object
        What ``str`` makes a text of.
    encoding : str, optional
        The terminal's: what it cannot show is written as an escape.
    lines : bool
        Leave the ends of lines and tabs as they are.

    Examples
    --------
    >>> printable("red\\x1b[31m"), printable("a\\nb"), printable("猫", encoding="ascii")
    ('red␛[31m', 'a␊b', '\\\\u732b')
    """
    shown = (_BUT_LINES if lines else _OBEYED).sub(_sign, str(text))
    if encoding is None:
        return shown
    return shown.encode(encoding, "backslashreplace").decode(encoding)


def _sign(found: re.Match[str]) -> str:
    code = ord(found.group())
    if code < 0x20:
        return chr(0x2400 + code)
    return "␡" if code == 0x7F else f"\\u{code:04x}"


def shown(value: Any) -> str:
    """A cell of a table as its file has it: integers without a fraction, blank where it is missing.

    Examples
    --------
    >>> import numpy as np
    >>> shown(1234567.0), shown(np.float32(0.1)), shown(1234567.25), shown("3.0"), shown(float("nan"))
    ('1234567', '0.1', '1234567.25', '3.0', '')
    """
    if not isinstance(value, str) and is_missing(value):
        return ""
    text = str(value)  # a numpy number in its own width: 0.1 of 32 bits is 0.1
    return text.removesuffix(".0") if isinstance(value, (float, np.floating)) else text
