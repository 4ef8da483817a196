"""Delimited text as people save it: any encoding, commas, semicolons or tabs, cells of any length."""

from __future__ import annotations

import codecs
import contextlib
import csv
import io
import itertools
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO, TextIO

from activeclust.errors import DataFileError, InvalidInput
from activeclust.files.latin import ENCODINGS, is_latin, likeliest_latin

if TYPE_CHECKING:
    from charset_normalizer import CharsetMatch

SEPARATORS = (",", ";", "\t")
SAMPLE_LINES = 50  #: number of lines from which the separator is found
_BLOCK = 1 << 20
#: byte order marks, which say a file's encoding; the longer ones first
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
#: encodings of scripts other than Latin that are tried
_OTHER_SCRIPTS = (
    "cp1251", "koi8_r", "koi8_u", "cp866", "iso8859_5", "cp1253", "cp1255", "cp1256", "shift_jis", "euc_jp", "gb18030",
    "big5", "euc_kr", "utf_16_le", "utf_16_be",
)  # fmt: skip


@dataclass(frozen=True)
class Encoding:
    """The encoding of a file.

    Attributes
    ----------
    name : str
        Name of a Python codec.
    notes : tuple of str
        If the encoding was guessed: the guess, with an example.
    """

    name: str
    notes: tuple[str, ...] = ()


#: Python codecs for escapes in source code, not for text files
_NO_ENCODINGS = ("unicode-escape", "unicode_escape", "raw-unicode-escape", "raw_unicode_escape")


def find_encoding(file: BinaryIO, what: str, asked: str | None = None) -> Encoding:
    """The encoding of a file: the requested one, that of its byte order mark, UTF-8, or a guess, which is reported.

    Parameters
    ----------
    file : binary file
        Left at its beginning.
    what : str
        How messages name it.
    asked : str, optional
        Name of the encoding; without it, it is guessed if the bytes are not UTF-8.

    Raises
    ------
    InvalidInput
        For an unknown encoding.
    DataFileError
        For bytes that are not text in the requested encoding, or in any known one; the message names the line.

    Examples
    --------
    >>> import io
    >>> found = find_encoding(io.BytesIO("name\\nMüller\\n".encode("cp1252")), "t.csv")
    >>> found.name, found.notes
    ('cp1252', ("t.csv is not UTF-8 (line 2); read as cp1252, as in 'Müller': --encoding names another.",))
    """
    if asked is not None:
        try:
            found = codecs.lookup(asked)
            "".encode(asked)  # codecs such as hex and rot13, which make no text of bytes, raise here
            name = found.name
            if name in _NO_ENCODINGS:
                raise LookupError(name)
        except (LookupError, ValueError):
            raise InvalidInput(
                f"There is no encoding {asked!r}; there are utf-8, utf-16, cp1252 (Windows, western Europe), cp1250, "
                "cp1251, mac-roman, shift-jis, gb18030 and others."
            ) from None
    start = file.read(_BLOCK)
    file.seek(0)
    marked = next((encoding for mark, encoding in _MARKS if start.startswith(mark)), None)
    if asked is None and marked:
        name = marked
    elif asked is None or name == "utf-8":
        name = "utf-8-sig"
    elif (
        name == "utf-16" and not marked and 0 in start
    ):  # UTF-16: ASCII letters have a zero byte after or before them
        name = "utf-16-le" if start[1::2].count(0) > start[::2].count(0) else "utf-16-be"
    wrong = _first_wrong(file, name)
    if wrong is None:
        return Encoding(name)
    if asked is None and not marked:
        return _guess(file, what, wrong)
    raise DataFileError(
        f"{what} is not text in {asked or marked}: line {wrong} holds other bytes. Name its encoding with --encoding."
    )


def _guess(file: BinaryIO, what: str, wrong: int) -> Encoding:
    from charset_normalizer import from_bytes

    sample = _lines_beyond_ascii(file)
    high = [byte > 127 for byte in sample]
    beside = sum(one and other for one, other in itertools.pairwise(high))
    name = None
    if beside > sum(high) / 4 or 0 in sample:  # more than a few accented letters among Latin ones
        found = list(from_bytes(sample, cp_isolation=[*_OTHER_SCRIPTS, *ENCODINGS]))
        if found and _cases(found[0]) == {"upper"}:  # Hebrew and Arabic letters would be capitals in koi8-r
            like = [m for m in found if m.chaos <= found[0].chaos and 2 * m.coherence > found[0].coherence]
            found = [m for m in like if not _cases(m)] + found
        name = found[0].encoding if found and (0 in sample or not is_latin(str(found[0]))) else None
    if name is None and 0 not in sample:
        name = likeliest_latin(sample)
    if name is None or _first_wrong(file, name) is not None:
        raise DataFileError(
            f"{what} is not text in UTF-8 (line {wrong} holds other bytes), and its encoding cannot be guessed: "
            "name it, for instance --encoding cp1252 or --encoding utf-16."
        )
    word = re.search(r"\w*[^\W\x00-\x7f]\w*", sample.decode(name, "replace"))
    example = f", as in {word.group()[:30]!r}" if word else ""
    return Encoding(
        name, (f"{what} is not UTF-8 (line {wrong}); read as {name}{example}: --encoding names another.",)
    )


def _cases(match: CharsetMatch) -> set[str]:
    """Whether the letters beyond ASCII are "upper" or "lower" case, or both."""
    letters = [c for c in str(match) if not c.isascii() and c.isalpha()]
    return {"upper" if c.isupper() else "lower" for c in letters if c.isupper() or c.islower()}


def _first_wrong(file: BinaryIO, encoding: str) -> int | None:
    """The line of the first byte that is not text, or None; the file is left at its beginning."""
    decoder = codecs.getincrementaldecoder(encoding)()
    line = 1
    try:
        while block := file.read(_BLOCK):
            try:
                text = decoder.decode(block)
            except UnicodeDecodeError as error:
                return line + error.object[: error.start].count(b"\n")
            except UnicodeError:  # UTF-16 without a byte order mark, and codecs that report no position
                return line
            if "\0" in text:  # UTF-16 without a byte order mark is valid UTF-8 with NULs
                return line + text[: text.index("\0")].count("\n")
            line += text.count("\n")
        try:
            decoder.decode(b"", final=True)
        except UnicodeError:
            return line
        # Python's decoder of utf-8-sig ends without an error within a byte order mark
        return line if decoder.getstate()[0] else None
    finally:
        file.seek(0)


def _lines_beyond_ascii(file: BinaryIO, most: int = 100_000) -> bytes:
    found, size = [], 0
    for line in file:
        if not line.isascii() or b"\0" in line:
            found.append(line)
            size += len(line)
            if size > most:
                break
    file.seek(0)
    return b"".join(found)[: most + 4]


def decoded(raw: bytes, what: str, asked: str | None = None) -> tuple[str, tuple[str, ...]]:
    """A whole file as text, and notes on a guessed encoding; see :func:`find_encoding`.

    Examples
    --------
    >>> decoded(b"\\xef\\xbb\\xbfrow,cluster", "t.csv")
    ('row,cluster', ())
    """
    encoding = find_encoding(io.BytesIO(raw), what, asked)
    return raw.decode(encoding.name), encoding.notes


def split_lines(text: str) -> list[str]:
    """The lines of a text by the line ends of any system; ``str.splitlines`` also splits at rarer characters.

    Examples
    --------
    >>> split_lines("a\\r\\nb\\x0cc\\n")
    ['a', 'b\\x0cc', '']
    """
    return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")


def find_separator(file: TextIO) -> str:
    """The separator that gives the first lines the same number of fields, at least two; else a comma.

    The file is left at its beginning.

    Examples
    --------
    >>> import io
    >>> find_separator(io.StringIO("a;b\\n1,5;2\\n3,5;4\\n")), find_separator(io.StringIO("text\\na, b\\n"))
    (';', ',')
    """
    found = {}
    for separator in SEPARATORS:
        with contextlib.suppress(csv.Error):
            widths = [len(fields) for _, fields in itertools.islice(lines(file, separator), SAMPLE_LINES)]
            # a header of several fields decides if lines differ in length; the wrong line is reported later
            several = bool(widths) and widths[0] > 1
            found[separator] = (several and len(set(widths)) == 1, several, widths[0] if widths else 0)
        file.seek(0)
    return max(found, key=lambda separator: found[separator], default=",")


def lines(file: Iterable[str], separator: str) -> Iterator[tuple[int, list[str]]]:
    """(number of its last line, fields) of every record that is not blank; blanks after a separator are ignored."""
    reader = csv.reader(file, delimiter=separator, skipinitialspace=True)
    while True:
        # the csv module's limit of 131,072 characters applies to the whole process
        limit = csv.field_size_limit(2**31 - 1)
        try:
            fields = next(reader)
        except StopIteration:
            return
        finally:
            csv.field_size_limit(limit)
        if len(fields) > 1 or any(field.strip() for field in fields):
            yield reader.line_num, fields
