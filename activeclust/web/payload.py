"""Requests and responses: clusters as opaque ids, events from JSON, and errors for anything else.

A cluster's id is its JSON (``1`` and ``"1"`` are two clusters), so that no browser rounds a large integer.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from typing import Any

from starlette.responses import Response

from activeclust.annotators.query import SUGGESTIONS
from activeclust.errors import InvalidInput
from activeclust.store.checks import check_cluster
from activeclust.store.records import Cluster, Kind

LONGEST_NAME = 200  #: characters of a cluster's name typed on the page
LONGEST_ID = 100_000  #: characters of a cluster's id: names that were not typed here may be longer
MOST_ROWS = 5_000  #: rows labelled with one gesture


def json_response(content: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A JSON response.

    Halves of surrogate pairs, which stand for bytes of a file name that is not UTF-8, are written as escapes;
    numbers that JSON has no word for as null.

    Examples
    --------
    >>> json_response({"name": "caf\\udce9", "share": float("nan")}).body
    b'{"name":"caf\\\\udce9","share":null}'
    """
    text = json.dumps(_finite(content), ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    body = text.encode("utf-8", "backslashreplace")
    return Response(body, status, headers, media_type="application/json")


def _finite(content: Any) -> Any:
    if isinstance(content, float):
        return content if math.isfinite(content) else None
    if isinstance(content, Mapping):
        return {key: _finite(value) for key, value in content.items()}
    return [_finite(value) for value in content] if isinstance(content, (list, tuple)) else content


def cluster_id(cluster: Cluster) -> str:
    """A cluster's id for the page.

    Examples
    --------
    >>> cluster_id(1), cluster_id("1"), cluster_id("\u05d0")
    ('1', '"1"', '"\u05d0"')
    """
    return json.dumps(cluster, ensure_ascii=False)  # as a browser writes it: a name typed there has this id


def to_cluster(text: Any) -> Cluster:
    """The cluster with an id.

    Examples
    --------
    >>> to_cluster('"cat"'), to_cluster("7")
    ('cat', 7)
    """
    try:
        cluster = json.loads(text) if isinstance(text, str) and len(text) <= LONGEST_ID else None
    except (ValueError, RecursionError):
        cluster = None
    if isinstance(cluster, bool) or not isinstance(cluster, (str, int)):
        raise InvalidInput(f"A cluster is named by its id, got {str(text)[:80]!r}.")
    return check_cluster(cluster)


def check_name(name: Any) -> str:
    """A typed name, without leading and trailing blanks."""
    if not isinstance(name, str) or not name.strip():
        raise InvalidInput("A cluster needs a name.")
    if len(name.strip()) > LONGEST_NAME:
        raise InvalidInput(f"A cluster's name is at most {LONGEST_NAME} characters long, got {len(name)}.")
    return name.strip()


def meant(name: str, known: Iterable[Cluster]) -> Cluster:
    """The existing cluster that a typed name means, also if its name is a number."""
    return next((cluster for cluster in known if str(cluster) == name), name)


def answer_of(body: Mapping[str, Any], known: Iterable[Cluster]) -> tuple[Kind, Cluster | None]:
    """The content of an answer: ``{"cluster": id}``, ``{"name": typed}`` or ``{"signal": "skip"}``."""
    given = [key for key in ("cluster", "name", "signal") if body.get(key) is not None]
    if len(given) != 1:
        raise InvalidInput("An answer has one of cluster, name and signal.")
    if given == ["cluster"]:
        return Kind.LABEL, to_cluster(body["cluster"])
    if given == ["name"]:
        return Kind.LABEL, meant(check_name(body["name"]), known)
    signals = {"skip": Kind.SKIP, "unsure": Kind.UNSURE}
    if body["signal"] not in signals:
        raise InvalidInput(f"A signal is skip or unsure, got {str(body['signal'])[:80]!r}.")
    return signals[body["signal"]], None


def details_of(body: Mapping[str, Any]) -> dict[str, Any]:
    """What is stored with an answer: seconds taken, the suggestions that were shown, a note."""
    details: dict[str, Any] = {}
    seconds = body.get("seconds")
    if isinstance(seconds, (int, float)) and not isinstance(seconds, bool) and 0 <= seconds < 1e6:
        details["seconds"] = round(float(seconds), 3)
    shown = body.get("suggestions")
    if isinstance(shown, list) and shown:
        pairs = [pair for pair in shown[:SUGGESTIONS] if isinstance(pair, list) and len(pair) == 2]
        details["suggestions"] = [[to_cluster(name), _share(p)] for name, p in pairs]
    if note := text_of(body, "note", 500).strip():
        details["note"] = note
    return details


def _share(value: Any) -> float:
    if isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value <= 1:
        return round(float(value), 4)
    raise InvalidInput(f"A probability is a number from 0 to 1, got {str(value)[:80]!r}.")


def text_of(body: Mapping[str, Any], key: str, limit: int = 200) -> str:
    """A text of the body, "" if it is missing."""
    value = body.get(key, "")
    if not isinstance(value, str) or len(value) > limit:
        raise InvalidInput(f"{key} is a text of at most {limit} characters.")
    if "\0" in value or any("\ud800" <= letter <= "\udfff" for letter in value):
        raise InvalidInput(f"{key} holds a character that cannot be stored (NUL, or half a surrogate pair).")
    return value


def number_of(text: str, what: str) -> int:
    """A non-negative number in an address.

    Examples
    --------
    >>> number_of("12", "before")
    12
    """
    if not (text.isascii() and text.isdigit() and len(text) < 12):
        raise InvalidInput(f"{what} is a number, got {text[:80]!r}.")
    return int(text)


def row_of(value: Any, n_rows: int) -> int:
    """A row number."""
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < n_rows:
        raise InvalidInput(f"A row is a number from 0 to {n_rows - 1}, got {str(value)[:80]!r}.")
    return value


def rows_of(values: Any, n_rows: int, limit: int = MOST_ROWS) -> list[int]:
    """A list of row numbers without duplicates."""
    if not isinstance(values, list) or len(values) > limit:
        raise InvalidInput(f"rows is a list of at most {limit:,} row numbers.")
    return list(dict.fromkeys(row_of(value, n_rows) for value in values))
