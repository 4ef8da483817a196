"""What can be read of a database, damaged or not, and what is wrong with it.

Events are the truth. Each is held against its checksum, which depends on the one before. One that does not fit is
sound all the same where the next one fits to it: then it was the checksum that was damaged. What follows an event that
is gone cannot be verified, and is kept.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from activeclust.errors import ActiveClustError, ForeignDatabase, InvalidInput
from activeclust.store.base import Event, Round, RunSpec
from activeclust.store.checks import check_event, check_round, check_spec, check_text
from activeclust.store.log import sentence
from activeclust.store.memory import MemoryRun
from activeclust.store.sql.checksums import START, of_event, of_name
from activeclust.store.sql.queries import parse_event, select_events, select_rounds, to_round
from activeclust.store.sql.schema import annotator, event, round_, run
from activeclust.store.sql.specs import read_row_ids, select_runs, to_spec
from activeclust.store.sql.transaction import sound_spec

_AT_ONCE = 1000
_LISTED = 100  #: findings of one run that are told one by one
_BROKEN = (ForeignDatabase, sa.exc.SQLAlchemyError, UnicodeDecodeError, TypeError, ValueError, OverflowError)


@dataclass
class SavedRun:
    """A run as it can be read.

    Attributes
    ----------
    id : int
    spec : RunSpec
    created_at, updated_at : datetime
    model : MemoryRun
        All its events that can be trusted, and what follows from them.
    rounds : list of Round
    n_events : int
        How many events there are, whether or not they can be trusted.
    findings : list of str
        What is wrong with its log, its rounds, or its own line.
    numbers : dict of int to int
        What the events' numbers were, and are in the model.
    """

    id: int
    spec: RunSpec
    created_at: datetime
    updated_at: datetime
    model: MemoryRun
    rounds: list[Round] = field(default_factory=list)
    n_events: int = 0
    findings: list[str] = field(default_factory=list)
    numbers: dict[int, int] = field(default_factory=dict)

    @property
    def complete(self) -> bool:
        """Whether every event is in the model."""
        return len(self.numbers) == self.n_events and all(old == new for old, new in self.numbers.items())


def saved_runs(connection: Connection) -> Iterator[SavedRun]:
    """Every run that can be found."""
    for number in _numbers(connection, run.c.id):
        yield _saved(connection, number)


def saved_annotators(connection: Connection) -> tuple[dict[int, str], list[str]]:
    """Names of annotators by their numbers, and what is wrong with them."""
    names: dict[int, str] = {}
    findings = []
    for number in _numbers(connection, annotator.c.id):
        try:
            query = sa.select(annotator.c.name, annotator.c.checksum).where(annotator.c.id == number)
            name, checksum = connection.execute(query).one()
            check_text(name, "A name", blank=True)
        except (*_BROKEN, InvalidInput):
            name, checksum = f"annotator {number}", None
        if name in names.values():
            name, checksum = f"{name} ({number})", None
        if of_name(name) != checksum:
            findings.append(f"the name of annotator {number}, now {name!r:.80}, is not as it was written")
        names[number] = name
    return names, findings


def _saved(connection: Connection, number: int) -> SavedRun:
    spec, created, updated, last_seq, findings = _spec(connection, number)
    try:
        line = connection.execute(select_runs().where(run.c.id == number)).one()
        spec = check_spec(replace(spec, row_ids=read_row_ids(connection, line)))
    except (*_BROKEN, ActiveClustError):
        findings.append(f"run {spec.name!r}: the ids of its rows are not as they were written")
    found = SavedRun(number, spec, created, updated, MemoryRun(spec), findings=findings)
    lines = list(_lines(connection, number))
    _tell_gaps(found, [seq for seq, _ in lines], last_seq)
    found.n_events = len(lines)
    for seq, item in _trusted(found, lines):
        _add(found, seq, item)
    for index in _numbers(connection, round_.c.index, round_.c.run_id == number):
        try:
            line = connection.execute(select_rounds(number).where(round_.c.index == index)).one()
            found.rounds.append(check_round(to_round(line), spec.n_rows))
        except (*_BROKEN, InvalidInput):
            _tell(found, f"round {index} is not as it was written")
    return found


def _spec(connection: Connection, number: int) -> tuple[RunSpec, datetime, datetime, int, list[str]]:
    now, name = datetime.now(timezone.utc), f"recovered {number}"
    try:
        line = connection.execute(select_runs().where(run.c.id == number)).one()
        name = line.name
        spec = check_spec(to_spec(line))
    except (*_BROKEN, ActiveClustError):
        n_rows = connection.execute(
            sa.select(sa.func.max(event.c.row)).where(event.c.run_id == number)
        ).scalar()
        n_rows = n_rows + 1 if isinstance(n_rows, int) and 0 <= n_rows < 2**62 else 1
        try:
            spec = check_spec(RunSpec(name, "imported", 0, n_rows, "", ""))
        except InvalidInput:
            spec = RunSpec(f"recovered {number}", "imported", 0, n_rows, "", "")
        return spec, now, now, 0, [f"what run {spec.name!r} was made from cannot be read"]
    try:
        sound_spec(line)
    except ForeignDatabase:
        told = f"what run {name!r} was made from, or where it stands, is not as it was written"
        return spec, line.created_at, line.updated_at, line.last_seq, [told]
    return spec, line.created_at, line.updated_at, line.last_seq, []


def _lines(connection: Connection, run_id: int) -> Iterator[tuple[int, Any]]:
    """(number, (event, annotator's number, checksum) or None) of each event there is."""
    seqs = _numbers(connection, event.c.seq, event.c.run_id == run_id)
    for start in range(0, len(seqs), _AT_ONCE):
        some = seqs[start : start + _AT_ONCE]
        query = select_events(run_id).where(event.c.seq.between(some[0], some[-1]))
        try:
            parsed = [(line.seq, parse_event(line)[:3]) for line in connection.execute(query)]
        except _BROKEN:
            parsed = []
        if [seq for seq, _ in parsed] == some:
            yield from parsed
            continue
        for seq in some:  # one of them cannot be read: one by one
            try:
                line = connection.execute(select_events(run_id).where(event.c.seq == seq)).one()
                yield seq, parse_event(line)[:3]
            except _BROKEN:
                yield seq, None


def _trusted(found: SavedRun, lines: list[tuple[int, Any]]) -> Iterator[tuple[int, Event]]:
    """The events that are as they were written, or follow one that is gone; the others are told."""
    possible = {START}  # what the checksum of the event before may have been
    last, doubted = 0, None
    for seq, line in lines:
        if seq != last + 1:
            possible, doubted = set(), _doubt(found, doubted)
        last = seq
        if line is None:
            possible, doubted = set(), _doubt(found, doubted)
            _tell(found, f"event {seq} cannot be read")
            continue
        item, who, checksum = line
        fits = {before for before in possible if of_event(item, who, before) == checksum}
        if doubted is not None and doubted[2] in fits:
            yield doubted[:2]  # only its checksum was damaged
            _tell(found, f"the checksum of event {doubted[0]} is not as it was written")
            doubted = None
        doubted = _doubt(found, doubted)
        if fits or not possible:
            if not fits:
                _tell(found, f"event {seq} cannot be verified, since the one before it is gone")
            yield seq, item
            possible = {checksum}
        else:
            made = of_event(item, who, next(iter(possible)))
            possible, doubted = {checksum, made}, (seq, item, made)
    _doubt(found, doubted)


def _doubt(found: SavedRun, doubted: Any) -> None:
    if doubted is not None:
        _tell(found, f"event {doubted[0]} is not as it was written; it says: {sentence(doubted[1])}")


def _add(found: SavedRun, seq: int, item: Event) -> None:
    """Write an event into the model, where it makes sense there."""
    try:
        moved = replace(item, target=None if item.target is None else found.numbers[item.target])
        written = found.model.append(check_event(moved, found.spec.n_rows))
        assert written.seq is not None
        found.numbers[seq] = written.seq
    except KeyError:
        _tell(found, f"event {seq} takes back event {item.target}, which cannot be trusted")
    except ActiveClustError as error:
        _tell(found, f"event {seq} makes no sense after those before it: {error}")


def _tell_gaps(found: SavedRun, seqs: list[int], last_seq: int) -> None:
    expected = 1
    for seq in [*seqs, last_seq + 1]:
        if seq > expected:
            which = f"event {expected} is" if seq == expected + 1 else f"events {expected} to {seq - 1} are"
            _tell(found, f"the log has gaps: {which} gone")
        expected = max(expected, seq + 1)
    if seqs and seqs[-1] > last_seq and not found.findings:
        _tell(found, f"there are events after the last one, {last_seq}")


def _tell(found: SavedRun, what: str) -> None:
    if len(found.findings) < _LISTED:
        found.findings.append(f"run {found.spec.name!r}: {what}")
    elif len(found.findings) == _LISTED:
        found.findings.append(f"run {found.spec.name!r}: and more of the kind")


def _numbers(connection: Connection, column: Any, *where: Any) -> list[int]:
    """The integers of a key column; from both ends where something between them cannot be read."""
    found: set[int] = set()
    for order, beyond in ((column, column.__gt__), (column.desc(), column.__lt__)):
        last = None
        while True:
            query = sa.select(column).where(*where).order_by(order).limit(_AT_ONCE)
            try:
                some = (
                    connection.execute(query if last is None else query.where(beyond(last))).scalars().all()
                )
            except _BROKEN:
                break
            found |= {value for value in some if type(value) is int}
            if len(some) < _AT_ONCE:
                return sorted(found)
            last = some[-1]
    return sorted(found)
