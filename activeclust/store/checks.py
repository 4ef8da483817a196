"""Checks whether an event or a run can be stored, before it is passed to a back end.

Labels are data: texts are stored unchanged. Only blank texts and texts that PostgreSQL or UTF-8 cannot hold (NUL, lone
surrogates) are refused, in every back end, so that a run can be moved from one to another.
"""

from __future__ import annotations

import json
import numbers
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timezone
from typing import Any

from activeclust.errors import InvalidInput, RoundTaken, RunMismatch
from activeclust.identities import RowIds
from activeclust.store.outcomes import ON_ROW, Policy
from activeclust.store.records import Cluster, Event, Kind, Round, RunSpec
from activeclust.store.secrets import masked

NAME_LIMIT = 200  #: characters of a run's, annotator's or client's name; PostgreSQL indexes them
_INT64 = 2**63
_ENCODE = json.JSONEncoder(allow_nan=False).encode

#: The fields that a kind of event needs; all others must be empty.
_NEEDS: dict[Kind, tuple[str, ...]] = {
    Kind.LABEL: ("row", "cluster"),
    Kind.REVIEW: ("row", "cluster"),
    Kind.SKIP: ("row",),
    Kind.UNSURE: ("row",),
    Kind.UNDO: ("target",),
    Kind.RENAME: ("cluster", "new_cluster"),
    Kind.MERGE: ("cluster", "new_cluster"),
    Kind.SPLIT: ("cluster", "new_cluster", "rows"),
}


def check_text(text: object, what: str, *, limit: int | None = None, blank: bool = False) -> str:
    """``text`` as a str that every back end can store."""
    if not isinstance(text, str):
        raise InvalidInput(f"{what} is a text, got {shown(text)} ({type(text).__name__}).")
    if not blank and not text.strip():
        raise InvalidInput(f"{what} must hold more than blanks, got {shown(text)}.")
    if "\0" in text:
        raise InvalidInput(f"{what} holds a NUL character (\\x00), which databases cannot: {text[:60]!r}.")
    if not text.isascii() and any("\ud800" <= char <= "\udfff" for char in text):
        raise InvalidInput(f"{what} holds half a surrogate pair, which is no Unicode text: {text[:60]!r}.")
    if limit is not None and len(text) > limit:
        raise InvalidInput(f"{what} is at most {limit} characters long, got {len(text)}.")
    return str(text)


def check_int(value: object, what: str, low: int = -_INT64, high: int = _INT64) -> int:
    """``value`` as an int in [low, high)."""
    if isinstance(value, bool) or not isinstance(value, numbers.Integral) or not low <= int(value) < high:
        raise InvalidInput(f"{what} is an integer from {low} to {high - 1}, got {shown(value)}.")
    return int(value)


def shown(value: object, width: int = 60) -> str:
    """A short ``repr(value)`` for messages, of any value.

    Examples
    --------
    >>> shown("x" * 100, 10), shown(10**5000)
    ("'xxxxxxxxx...", 'an int that is too large to be shown')
    """
    try:
        text = repr(value)
    except (ValueError, RecursionError):  # integers of over 4,300 digits, deeply nested lists
        name = type(value).__name__
        return f"{'an' if name[0] in 'aeiou' else 'a'} {name} that is too large to be shown"
    return text if len(text) <= width else f"{text[:width]}..."


def check_cluster(value: object, what: str = "A cluster name") -> Cluster:
    """A cluster name as it is stored: a non-blank str, or an int of at most 64 bits.

    Examples
    --------
    >>> check_cluster("cat"), check_cluster(1), check_cluster("1")
    ('cat', 1, '1')
    """
    if isinstance(value, numbers.Integral) and type(value).__name__ not in ("bool", "bool_"):
        return check_int(value, what)
    return check_text(value, what)


def same_cluster(a: Cluster, b: Cluster | None) -> bool:
    """Whether two names are equal; 1 and "1" are different clusters."""
    return type(a) is type(b) and a == b


def check_event(event: Event, n_rows: int, classes: Sequence[Cluster] | None = None) -> Event:
    """The event with its fields in their stored form; :class:`InvalidInput` if it is not valid.

    If a run has known classes (``options={"classes": [...]}``), answers must be among them.
    """
    try:
        kind = Kind(event.kind)
    except ValueError:
        kinds = ", ".join(kind.value for kind in Kind)
        raise InvalidInput(f"An event's kind is one of {kinds}, got {shown(event.kind)}.") from None
    for name in ("row", "cluster", "new_cluster", "target", "rows"):
        given = len(event.rows) > 0 if name == "rows" else getattr(event, name) is not None
        if given != (name in _NEEDS[kind]):
            wanted = "needs" if not given else "takes no"
            raise InvalidInput(f"A {kind.value} event {wanted} {name!r}; it needs {', '.join(_NEEDS[kind])}.")
    cluster = None if event.cluster is None else check_cluster(event.cluster)
    new_cluster = None if event.new_cluster is None else check_cluster(event.new_cluster)
    if cluster is not None and same_cluster(cluster, new_cluster):
        raise InvalidInput(f"Cannot {kind.value} {cluster!r}: both names are the same.")
    named = cluster if kind in (Kind.LABEL, Kind.REVIEW) else new_cluster
    if classes is not None and named is not None and not any(same_cluster(named, name) for name in classes):
        listed = ", ".join(repr(name) for name in classes)
        raise InvalidInput(f"This run knows the clusters {listed}; {named!r} is none of them.")
    rows = tuple(check_int(row, "A row", 0, n_rows) for row in event.rows)
    if len(set(rows)) < len(rows):
        raise InvalidInput("A split lists a row more than once.")
    client_id = event.client_id
    return Event(
        kind,
        row=check_int(event.row, "A row", 0, n_rows) if kind in ON_ROW else None,
        cluster=cluster,
        new_cluster=new_cluster,
        target=None if event.target is None else check_int(event.target, "A target", 1),
        rows=rows,
        annotator=check_text(event.annotator, "An annotator's name", limit=NAME_LIMIT, blank=True),
        client_id=None if client_id is None else check_text(client_id, "A client_id", limit=NAME_LIMIT),
        details=_check_details(event.details),
        at=_check_time(event.at),
    )


def _check_details(given: Mapping[str, Any]) -> dict[str, Any]:
    details = plain(given, "An event's details")
    suggestions = details.get("suggestions", [])
    try:
        for cluster, score in suggestions:
            check_cluster(cluster)
            float(score)
    except (TypeError, ValueError):
        raise InvalidInput(
            f"details['suggestions'] are [cluster, probability] pairs, got {shown(suggestions)}."
        ) from None
    return details


def check_again(first: Event, again: Event) -> Event:
    """``first``, the event that ``again`` repeats; :class:`InvalidInput` if the two differ."""
    for name in ("kind", "row", "cluster", "new_cluster", "target", "rows", "annotator"):
        if getattr(first, name) != getattr(again, name):
            raise InvalidInput(
                f"client_id {again.client_id!r} was used for event {first.seq} ({first.kind.value}) with "
                f"{name} {getattr(first, name)!r}, now it comes with {getattr(again, name)!r}: "
                "every answer needs an id of its own."
            )
    return first


def _check_time(at: datetime | None) -> datetime | None:
    if at is None:
        return None
    if not isinstance(at, datetime) or at.tzinfo is None:
        raise InvalidInput(f"An event's time is a timezone-aware datetime, got {shown(at)}.")
    try:
        return at.astimezone(timezone.utc)
    except OverflowError:
        raise InvalidInput(f"An event's time is in the years 1 to 9999 of UTC, got {at}.") from None


def check_spec(spec: RunSpec) -> RunSpec:
    """The spec in its stored form."""
    options = _without_passwords(plain(spec.options, "A run's options"))
    Policy.of(options)
    return replace(
        spec,
        name=check_text(spec.name, "A run's name", limit=NAME_LIMIT),
        strategy=check_text(spec.strategy, "A strategy's name"),
        seed=check_int(spec.seed, "A seed"),
        n_rows=check_int(spec.n_rows, "n_rows", 1),
        data_hash=check_text(spec.data_hash, "A data hash", limit=NAME_LIMIT, blank=True),
        model_hash=check_text(spec.model_hash, "A model hash", limit=NAME_LIMIT, blank=True),
        batch_size=check_int(spec.batch_size, "batch_size", 1),
        source=masked(check_text(spec.source, "A source", blank=True)),
        package_version=check_text(spec.package_version, "A package version", limit=NAME_LIMIT, blank=True),
        options=options,
        row_ids=_check_row_ids(spec.row_ids, spec.n_rows),
    )


def _without_passwords(value: Any) -> Any:
    """JSON with the passwords in URLs removed; other texts are unchanged."""
    if isinstance(value, dict):
        return {key: _without_passwords(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_without_passwords(item) for item in value]
    return masked(value) if isinstance(value, str) and "://" in value else value


def check_superseded(name: str, last_seq: int, known: int, holders: Iterable[str]) -> None:
    """Raise RunMismatch if a run has events after ``known``, or leases."""
    if holders := sorted(set(holders)):
        raise RunMismatch(
            f"Questions of run {name!r} are being answered now, by "
            f"{', '.join(who or 'somebody' for who in holders)}: its rows can change when nobody answers."
        )
    if last_seq != known:
        raise RunMismatch(
            f"Run {name!r} was answered at this very moment: it has {last_seq} events, not {known}. Try again."
        )


def _check_row_ids(given: RowIds | None, n_rows: int) -> RowIds | None:
    if given is not None and (not isinstance(given, RowIds) or len(given) != n_rows):
        found = f"{len(given):,}" if isinstance(given, RowIds) else type(given).__name__
        raise InvalidInput(f"row_ids are the ids of {n_rows:,} rows, got {found}.")
    return given


def described(stored: RunSpec, now: RunSpec) -> RunSpec:
    """The spec of an imported run with its rows set; RunMismatch if they were set before."""
    if stored.data_hash or stored.n_rows != now.n_rows:
        raise RunMismatch(
            f"Run {stored.name!r} is about {stored.n_rows:,} rows with hash {stored.data_hash[:12]!r} and cannot be "
            f"described as one about {now.n_rows:,} rows."
        )
    policy = {key: value for key, value in stored.options.items() if key in ("annotators", "resolve")}
    asked = {key: value for key, value in now.options.items() if key not in ("annotators", "resolve")}
    return check_spec(replace(now, name=stored.name, options={**asked, **policy}))


def check_round(record: Round, n_rows: int) -> Round:
    """The round with built-in Python numbers."""
    return replace(
        record,
        index=check_int(record.index, "A round's index", 0),
        budget=check_int(record.budget, "A round's budget", 0),
        metrics={
            check_text(name, "A metric's name"): _check_metric(name, value)
            for name, value in record.metrics.items()
        },
        asked=tuple(check_int(row, "A row", 0, n_rows) for row in record.asked),
        last_seq=check_int(record.last_seq, "last_seq", 0),
    )


def check_place(record: Round, stored: Round | None, replaces: Round | None) -> bool:
    """Whether ``record`` must be written over ``stored``; RoundTaken if ``stored`` is not ``replaces``."""
    if stored is None:
        return True
    if same_round(stored, record):
        return False  # the same round again: the acknowledgement was lost
    if replaces is not None and same_round(stored, replaces):
        return True
    raise RoundTaken(
        f"Round {record.index} has been written by another process in between (after {stored.budget} "
        "answers). Read the rounds again and take the next index."
    )


def same_round(a: Round, b: Round) -> bool:
    """Whether two rounds are identical; NaN equals NaN."""
    said = [(r.index, r.budget, r.asked, r.last_seq, json.dumps(dict(r.metrics))) for r in (a, b)]
    return said[0] == said[1]


def _check_metric(name: str, value: object) -> float | int | None:
    if value is None:
        return None
    if isinstance(value, numbers.Integral) and abs(int(value)) < 10**300:
        return int(value)
    if isinstance(value, numbers.Real) and not isinstance(value, numbers.Integral):
        return float(value)
    raise InvalidInput(f"A metric is a number or None, got {name}={shown(value)}.")


def plain(value: Mapping[str, Any], what: str) -> dict[str, Any]:
    """``value`` after conversion to JSON and back: tuples become lists, numpy numbers are refused.

    Examples
    --------
    >>> plain({"suggestions": [("cat", 0.5)]}, "details")
    {'suggestions': [['cat', 0.5]]}
    """
    try:
        return json.loads(_ENCODE(dict(value)))
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidInput(f"{what} must be something that JSON can hold: {error}.") from error
