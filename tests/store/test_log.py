"""The log as it is read by those who look again and again."""

from __future__ import annotations

import sqlite3
import threading

import pytest
import sqlalchemy as sa

from activeclust.store import open_store
from activeclust.store.log import LogReader
from activeclust.store.records import Event, Kind, RunSpec


@pytest.fixture
def run(tmp_path):
    store = open_store(tmp_path / "log.db")
    yield store.create_run(RunSpec("mine", "random", 0, 100, "hash", "model"))
    store.close()


def noted(row: int) -> Event:
    return Event(Kind.LABEL, row=row, cluster="cat", details={"check": row})


def test_only_events_with_the_note_are_read_and_each_once(run, monkeypatch):
    run.extend([noted(0), Event(Kind.LABEL, row=1, cluster="check", details={"note": '"check"'}), noted(2)])
    run.append(Event(Kind.UNDO, target=3))
    reader, asked = LogReader(run, "check"), []
    read = run.events
    monkeypatch.setattr(run, "events", lambda after=0: asked.append(after) or read(after))
    assert [event.seq for event in reader.read().events] == [1, 3]
    assert reader.read().undone == {3}
    run.extend([noted(5), Event(Kind.SKIP, row=7), Event(Kind.UNDO, target=1)])
    for _ in range(2):
        found = reader.read()
        assert [event.seq for event in found.events] == [1, 3, 5] and found.undone == {1, 3}
    assert asked == [4, 4, 7]


def test_readers_among_threads_double_nothing(run):
    reader, seen = LogReader(run, "check"), []
    threads = [threading.Thread(target=lambda: seen.append(reader.read().events)) for _ in range(8)]
    for row in range(20):
        run.append(noted(row))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all([event.seq for event in events] == list(range(1, 21)) for events in seen)


def test_notes_are_looked_for_in_the_order_in_which_events_lie(run, tmp_path):
    """By the index on rows, SQLite takes eight times as long for a million events."""
    run.extend([noted(0), Event(Kind.LABEL, row=1, cluster="cat"), noted(2)])
    asked = []
    sa.event.listen(run._engine, "before_cursor_execute", lambda *given: asked.append(given[2:4]))
    assert [event.seq for event in run.find(noted="check")] == [1, 3]
    (statement, values), *more = [query for query in asked if "FROM activeclust_event" in query[0]]
    with sqlite3.connect(tmp_path / "log.db") as connection:
        plan = " ".join(line[3] for line in connection.execute(f"EXPLAIN QUERY PLAN {statement}", values))
    connection.close()
    assert not more and "sqlite_autoindex_activeclust_event_1 (run_id=? AND seq>?)" in plan
