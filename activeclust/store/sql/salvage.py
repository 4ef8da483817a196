"""Reads as much as possible of a database, damaged or not, and lists the damage.

Everything is derived from the events. Each is compared with its checksum, which depends on the one before. If an event
does not fit its checksum but the next event fits to it, only the checksum was damaged. The event after a lost one
cannot be verified, and is kept.

Tables are read one by one, without joins, and line by line if an index or a page of SQLite is damaged: lines on other
pages can still be read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from activeclust.errors import ActiveClustError, ForeignDatabase, InvalidInput
from activeclust.store.checks import NAME_LIMIT, check_event, check_round, check_spec, check_text
from activeclust.store.log import sentence
from activeclust.store.memory_run import MemoryRun
from activeclust.store.records import Event, Round, RunSpec
from activeclust.store.sql.checksums import START, of_event, of_name, of_round, of_row_ids, summed
from activeclust.store.sql.run_lines import sound_spec
from activeclust.store.sql.schema import annotator, dataset, event, round_, row_ids, run
from activeclust.store.sql.specs import to_spec

_AT_ONCE = 1024
_NO_END = 2**62
_PROBED = 2**17  #: range of numbers to search if the last one is unknown
_FAILURES = 1000  #: maximum number of failed attempts to read a range
_ROWID: sa.ColumnElement[int] = sa.literal_column("rowid", sa.Integer)
_LISTED = 100  #: maximum number of findings of one run that are listed
_BROKEN = (ForeignDatabase, sa.exc.SQLAlchemyError, UnicodeDecodeError, TypeError, ValueError, OverflowError)


@dataclass
class SavedRun:
    """The readable part of a run.

    Attributes
    ----------
    id : int
    spec : RunSpec
    created_at : datetime
    model : MemoryRun
        All undamaged events, and the state derived from them.
    rounds : list of Round
    n_events : int
        Number of all events, damaged or not.
    n_gone : int
        Number of missing events, as the numbers of the others and of the last one show.
    is_counted : bool
        Whether the number of the last event is known; after a damage of the run's line it is not.
    findings : list of str
        The damage of its log, its rounds, and its own line.
    numbers : dict of int to int
        Mapping from the events' stored numbers to those in the model.
    """

    id: int
    spec: RunSpec
    created_at: datetime
    model: MemoryRun
    rounds: list[Round] = field(default_factory=list)
    n_events: int = 0
    n_gone: int = 0
    is_counted: bool = True
    findings: list[str] = field(default_factory=list)
    numbers: dict[int, int] = field(default_factory=dict)

    @property
    def complete(self) -> bool:
        """Whether every event is in the model."""
        return len(self.numbers) == self.n_events and all(old == new for old, new in self.numbers.items())


def saved_runs(connection: Connection, names: Mapping[int, str]) -> Iterator[SavedRun]:
    """Every run that can be found; ``names`` are from :func:`saved_annotators`."""
    data = {line.id: line for line in lines_of(connection, dataset)}
    lines = {line.id: line for line in lines_of(connection, run)}
    numbers = _values(connection, event.c.run_id) | lines.keys()
    for number in sorted(number for number in numbers if type(number) is int and number > 0):
        line = lines.get(number) or _Line(dict.fromkeys(run.c.keys()) | {"id": number})
        yield _saved(connection, line, data.get(line.dataset_id), names)


def saved_annotators(connection: Connection) -> tuple[dict[int, str], list[str]]:
    """Names of annotators by their numbers, and the damage found."""
    names: dict[int, str] = {}
    findings = []
    used = _values(connection, event.c.annotator_id)
    known = {line.id: line for line in lines_of(connection, annotator)}
    for number in sorted(number for number in used | known.keys() if type(number) is int):
        line = known.get(number)
        name, checksum = (f"annotator {number}", None) if line is None else (line.name, line.checksum)
        try:
            check_text(name, "A name", limit=NAME_LIMIT, blank=True)
        except InvalidInput:
            name, checksum = f"annotator {number}", None
        if name in names.values():
            name, checksum = f"{name[:180]} ({number})", None
        if of_name(name) != checksum:
            findings.append(f"the name of annotator {number}, now {name!r:.80}, is not as it was written")
        names[number] = name
    return names, findings


def _saved(connection: Connection, line: Any, data: Any, names: Mapping[int, str]) -> SavedRun:
    lines = _events(connection, line.id, names)
    spec, findings, sound = _spec(connection, line, data, [item for _, item in lines if item is not None])
    now = datetime.now(timezone.utc)
    created = line.created_at if isinstance(line.created_at, datetime) else now
    found = SavedRun(line.id, spec, created, MemoryRun(spec), findings=findings)
    found.n_events = len(lines)
    _tell_gaps(found, [seq for seq, _ in lines], line.last_seq)
    for seq, item in _trusted(found, lines):
        _add(found, seq, item)
    # where the run's line is damaged, the number of its last event may be anything
    found.is_counted = sound
    last_seq = line.last_seq if sound else max(found.numbers, default=0)
    found.n_gone = last_seq - sum(1 <= seq <= last_seq for seq, _ in lines)
    for stored in lines_of(connection, round_, where=round_.c.run_id == line.id):
        try:
            record = Round(stored.index, stored.budget, stored.metrics, tuple(stored.asked), stored.last_seq)
            if of_round(record) != stored.checksum:
                raise ValueError
            found.rounds.append(check_round(record, spec.n_rows))
        except (*_BROKEN, InvalidInput):
            _tell(found, f"round {stored.index} is not as it was written")
    if summed(of_round(record) for record in found.rounds) != line.rounds:
        _tell(found, "a round is gone, or one too many is there")
    return found


def _events(connection: Connection, run_id: int, names: Mapping[int, str]) -> list[tuple[int, Any]]:
    """(number, (event, annotator's number, checksum), or None if it cannot be read) of each event."""
    found: dict[int, Any] = {}
    for line in lines_of(connection, event, where=event.c.run_id == run_id):
        try:
            item = Event(
                line.kind,
                line.row,
                line.cluster,
                line.new_cluster,
                line.target,
                tuple(line.rows or ()),
                names[line.annotator_id],
                line.client_id,
                line.details or {},
                line.seq,
                line.at,
            )
            of_event(item, line.annotator_id, START)
            found[line.seq] = item, line.annotator_id, line.checksum
        except (*_BROKEN, KeyError, AttributeError, AssertionError):
            if type(line.seq) is int:
                found.setdefault(line.seq, None)
    return sorted(found.items())


def _spec(connection: Connection, line: Any, data: Any, events: list[Any]) -> tuple[RunSpec, list[str], bool]:
    """A run's settings as far as they can be read, the damage found, and whether its line is as it was written."""
    rows = [item.row for item, _, _ in events if type(item.row) is int and 0 <= item.row < 2**62]
    name = line.name if isinstance(line.name, str) and line.name.strip() else f"recovered {line.id}"
    least = RunSpec(f"{name[:NAME_LIMIT]}".replace("\0", ""), "imported", 0, max(rows, default=0) + 1, "", "")
    try:
        whole = _Line(line._mapping | {"content_hash": data.content_hash, "n_rows": data.n_rows})
        spec = check_spec(to_spec(whole))
        sound = _is_sound(whole)
    except (*_BROKEN, ActiveClustError, AttributeError):
        try:
            spec = check_spec(least)
        except InvalidInput:
            spec = replace(least, name=f"recovered {line.id}")
        return spec, [f"run {spec.name!r}: what it was made from cannot be read"], False
    findings = []
    if not sound:
        findings.append(
            f"run {spec.name!r}: what it was made from, or where it stands, is not as it was written"
        )
    stored = [one.ids for one in lines_of(connection, row_ids, where=row_ids.c.run_id == line.id)]
    try:
        ids = stored[0] if stored else None
        if of_row_ids(ids) != line.row_ids:
            raise ValueError
        spec = check_spec(replace(spec, row_ids=ids))
    except (*_BROKEN, InvalidInput, AttributeError):
        findings.append(f"run {spec.name!r}: the ids of its rows are not as they were written")
    return spec, findings, sound


def _is_sound(line: Any) -> bool:
    try:
        sound_spec(line)
    except ForeignDatabase:
        return False
    return True


class _Line:
    """Values by the names of columns; None for a value that cannot be read."""

    def __init__(self, mapping: Mapping[str, Any]) -> None:
        self._mapping = dict(mapping)

    def __getattr__(self, name: str) -> Any:
        try:
            return self._mapping[name]
        except KeyError:
            raise AttributeError(name) from None


def _trusted(found: SavedRun, lines: list[tuple[int, Any]]) -> Iterator[tuple[int, Event]]:
    """The events that are undamaged, or follow a lost one; the others are listed as findings."""
    possible = {START}  # possible checksums of the event before
    last, doubted = 0, None
    for seq, line in lines:
        if seq != last + 1:
            _doubt(found, doubted)
            possible, doubted = set(), None
        last = seq
        if line is None:
            _doubt(found, doubted)
            possible, doubted = set(), None
            _tell(found, f"event {seq} cannot be read")
            continue
        item, who, checksum = line
        fits = {before for before in possible if of_event(item, who, before) == checksum}
        if doubted is not None and doubted[2] in fits:
            yield doubted[:2]  # only its checksum was damaged
            _tell(found, f"the checksum of event {doubted[0]} is not as it was written")
            doubted = None
        _doubt(found, doubted)
        doubted = None
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
    """Write an event into the model, if it is possible there."""
    try:
        moved = replace(item, target=None if item.target is None else found.numbers[item.target])
        written = found.model.append(check_event(moved, found.spec.n_rows))
        assert written.seq is not None
        found.numbers[seq] = written.seq
    except KeyError:
        _tell(found, f"event {seq} takes back event {item.target}, which cannot be trusted")
    except ActiveClustError as error:
        _tell(found, f"event {seq} makes no sense after those before it: {error}")


def _tell_gaps(found: SavedRun, seqs: list[int], last_seq: Any) -> None:
    expected = 1
    for seq in [*seqs, last_seq + 1] if type(last_seq) is int and last_seq < 2**53 else seqs:
        if seq > expected:
            which = f"event {expected} is" if seq == expected + 1 else f"events {expected} to {seq - 1} are"
            _tell(found, f"the log has gaps: {which} gone")
        expected = max(expected, seq + 1)
    if type(last_seq) is int and seqs and seqs[-1] > last_seq and not found.findings:
        _tell(found, f"there are events after the last one, {last_seq}")


def _tell(found: SavedRun, what: str) -> None:
    if len(found.findings) < _LISTED:
        found.findings.append(f"run {found.spec.name!r}: {what}")
    elif len(found.findings) == _LISTED:
        found.findings.append(f"run {found.spec.name!r}: and more of the kind")


def _values(connection: Connection, column: sa.Column[int]) -> set[Any]:
    """The values of a column of the log."""
    try:
        return set(connection.execute(sa.select(column).distinct()).scalars())
    except _BROKEN:
        return {getattr(line, column.name) for line in lines_of(connection, event, column)}


def lines_of(connection: Connection, table: sa.Table, *columns: Any, where: Any = None) -> Iterator[Any]:
    """The readable lines of a table; an invalid value is None."""
    plain = [
        sa.type_coerce(column, sa.types.NullType()).label(column.name) for column in columns or table.columns
    ]
    query = sa.select(*plain) if where is None else sa.select(*plain).where(where)
    try:
        found = connection.execute(query).all()
    except _BROKEN:
        if connection.dialect.name != "sqlite":
            raise
        found = _one_by_one(connection, query.add_columns(_ROWID))
    readers = {column.name: _reader(column, connection) for column in columns or table.columns}
    for line in found:
        yield _Line({name: read(value) for (name, read), value in zip(readers.items(), line, strict=False)})


def _reader(column: Any, connection: Connection) -> Callable[[Any], Any]:
    """Converts a driver's value to the column's type."""
    kind = column.type.dialect_impl(connection.dialect)
    convert = kind.result_processor(connection.dialect, None) or (lambda value: value)

    def read(value: Any) -> Any:
        try:
            return convert(value)
        except (*_BROKEN, AttributeError):
            return None

    return read


def _one_by_one(connection: Connection, query: Any) -> list[Any]:
    """Lines of an SQLite table by their numbers: ranges that cannot be read are halved repeatedly."""
    found: dict[int, Any] = {}
    low = _from_one_end(connection, query, found, ascending=True)
    high = _from_one_end(connection, query, found, ascending=False)
    ranges = [(low, high - 1 if high < _NO_END else low + _PROBED)]
    failures = 0
    while ranges and failures < _FAILURES:
        low, high = ranges.pop()
        if low >= high:
            continue
        limits = sa.text("rowid > :low AND rowid <= :high").bindparams(low=low, high=high)
        try:
            found.update((line[-1], line) for line in connection.execute(query.where(limits)).all())
        except _BROKEN:
            failures += 1
            if high - low > 1:
                middle = (low + high) // 2
                ranges += [(middle, high), (low, middle)]
    return [found[number] for number in sorted(number for number in found if type(number) is int)]


def _from_one_end(connection: Connection, query: Any, found: dict[int, Any], *, ascending: bool) -> int:
    """Read lines into ``found`` as far as possible; returns the number of the last one."""
    sign = 1 if ascending else -1
    last, size = 0 if ascending else _NO_END, _AT_ONCE
    while size:
        beyond = sa.text("rowid > :last" if ascending else "rowid < :last").bindparams(last=last)
        step = query.where(beyond).order_by(_ROWID if ascending else _ROWID.desc()).limit(size)
        try:
            some = connection.execute(step).all()
        except _BROKEN:
            size //= 4
            continue
        numbers = [line[-1] for line in some]
        if not all(type(number) is int and (number - last) * sign > 0 for number in numbers):
            break  # a damaged tree may contain cycles
        found.update(zip(numbers, some, strict=True))
        if len(some) < size:
            break
        last = numbers[-1]
    return last
