"""Finds the encoding of Latin text: the one whose accented letters are those of one language.

The encodings of western and central Europe, of Turkey and of the Baltic, on Windows, Unix, DOS and the Macintosh, give
different letters to the same bytes, and nearly any bytes are text in each of them. They can be distinguished because a
file is mostly in one language: in the right encoding its letters are those of that language's alphabet, in lower case
within words.
"""

from __future__ import annotations

import unicodedata

#: letters beyond a to z by language; of equally good encodings the first one is taken
_WESTERN = (
    "äöüß", "àâæçéèêëîïôœùûü", "áéíñóúü¿¡ªº", "áâãàéêíóôõúç", "àèéìíòóù", "éëïöüèáíóú", "åäöéü", "æøåéä",
    "áðéíóúýþæö",
)  # fmt: skip
_CENTRAL = ("ąćęłńóśźżé", "áčďéěíňóřšťúůýž", "áäčďéíľňóôšťúýž", "áéíóöőúüű", "ăâîşţșț", "čćđšžé", "äöüß")
_TURKISH = ("çğıİöşüâîû",)
_BALTIC = ("ąčęėįšųūž", "āčēģīķļņšūž", "äöõüšž")
_ALPHABETS: dict[str, tuple[str, ...]] = {
    "cp1252": _WESTERN,
    "cp1250": _CENTRAL,
    "cp1254": _TURKISH,
    "cp1257": _BALTIC,
    "iso8859_2": _CENTRAL,
    "iso8859_15": _WESTERN,
    "mac_roman": _WESTERN,
    "cp850": _WESTERN,
    "cp852": _CENTRAL,
}
ENCODINGS = tuple(_ALPHABETS)
_SIGNS = "‘’‚“”„–—…«»‹›€°·•©®™ "  # bytes that are not letters
_SEVERAL = 0.03  # weight of several western languages in one file, compared with one language
_LEAST = 0.7  # minimum share of letters of one language; otherwise the bytes are not text


def is_latin(text: str) -> bool:
    """Whether most letters beyond ASCII are Latin ones.

    Examples
    --------
    >>> is_latin("Łódź"), is_latin("Москва")
    (True, False)
    """
    letters = [c for c in text if not c.isascii() and c.isalpha()]
    latin = sum(unicodedata.name(c, "").startswith("LATIN") for c in letters)
    return 2 * latin >= len(letters)


def likeliest_latin(raw: bytes) -> str | None:
    """The encoding of :data:`ENCODINGS` in which ``raw`` is most like one language; None if there is none.

    Parameters
    ----------
    raw : bytes
        Lines with letters beyond ASCII.

    Examples
    --------
    >>> [likeliest_latin(word.encode(name)) for word, name in (("Müller", "cp1252"), ("człowiek Łódź", "cp1250"))]
    ['cp1252', 'cp1250']
    """
    scores = {}
    for name in ENCODINGS:
        try:
            text = unicodedata.normalize("NFC", raw.decode(name))
        except UnicodeDecodeError:
            continue
        letters = _letters(text)
        alphabets = _ALPHABETS[name]
        scores[name] = max(_share(letters, alphabet) for alphabet in alphabets)
        if alphabets is _WESTERN:  # names of people from several countries
            scores[name] = max(scores[name], _share(letters, "".join(alphabets)) - _SEVERAL)
    best = max(scores, key=lambda name: scores[name], default=None)
    return best if best is not None and scores[best] > _LEAST else None


def _letters(text: str) -> list[str]:
    """The characters beyond ASCII in lower case; capitals and symbols within words are unchanged."""
    found = []
    for before, c, after in zip(" " + text, text, text[1:] + " ", strict=False):
        if c.isascii() or (c in _SIGNS and not (before.isalpha() and after.isalpha() and c not in "’—–")):
            continue
        found.append(c if before.islower() and c.isupper() else "İ" if c == "İ" else c.lower())
    return found


def _share(letters: list[str], alphabet: str) -> float:
    return sum(c in alphabet or c == "’" for c in letters) / len(letters) if letters else 1.0
