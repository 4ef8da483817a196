"""Text and numbers for a terminal: control characters become visible symbols."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from activeclust.labels import is_missing

_VECTOR = 3  # numbers of a vector that are shown

#: characters that control a terminal, or that change the order in which it shows text
_OBEYED = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_BUT_LINES = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def printable(text: object, *, encoding: str | None = None, lines: bool = False) -> str:
    """The text with control characters replaced by visible symbols, so that it cannot control the terminal.

    Parameters
    ----------
    text : object
        Converted with ``str``.
    encoding : str, optional
        The terminal's encoding; characters that it lacks are written as escapes.
    lines : bool
        Keep line ends and tabs.

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


def is_vector(value: Any) -> bool:
    """Whether a cell of a table holds a list of numbers.

    Examples
    --------
    >>> is_vector([0.5, 2]), is_vector(np.zeros(3)), is_vector(["a"]), is_vector("12"), is_vector([])
    (True, True, False, False, False)
    """
    if isinstance(value, np.ndarray):
        return value.ndim == 1 and value.size > 0 and value.dtype.kind in "iuf"
    numbers = isinstance(value, (list, tuple)) and len(value) > 0
    return numbers and all(isinstance(v, (int, float)) and not isinstance(v, bool) for v in value)


def shown(value: Any) -> str:
    """A cell of a table as in its file: integers without a fraction, a missing value as a blank; long vectors cut.

    Examples
    --------
    >>> import numpy as np
    >>> shown(1234567.0), shown(np.float32(0.1)), shown(1234567.25), shown("3.0"), shown(float("nan"))
    ('1234567', '0.1', '1234567.25', '3.0', '')
    >>> shown([0.12345, -2.0] * 192), shown([52.5211, 13.405])
    ('[0.123, -2, 0.123, … 384 numbers]', '[52.5211, 13.405]')
    """
    if is_vector(value) and len(value) > _VECTOR:
        numbers = ", ".join(f"{number:.3g}" for number in value[:_VECTOR])
        return f"[{numbers}, … {len(value)} numbers]"
    if not isinstance(value, str) and is_missing(value):
        return ""
    text = str(value)  # numpy prints a float32 in its own precision: 0.1, not 0.10000000149
    return text.removesuffix(".0") if isinstance(value, (float, np.floating)) else text
