"""The log as it is read by those who look again and again."""

from __future__ import annotations

import threading

import pytest

from activeclust.store import open_store
from activeclust.store.base import Event, Kind, RunSpec
from activeclust.store.log import LogReader


@pytest.fixture
def run(tmp_path):
    store = open_store(tmp_path / "log.db")
    yield store.create_run(RunSpec("mine", "random", 0, 100, "hash", "model"))
    store.close()


def test_each_event_is_read_once(run, monkeypatch):
    reader, asked = LogReader(run), []
    read = run.events
    monkeypatch.setattr(run, "events", lambda after=0: asked.append(after) or read(after))
    for row in range(5):
        run.append(Event(Kind.LABEL, row=row, cluster="cat"))
        assert reader.events() == read()
    run.append(Event(Kind.RENAME, cluster="cat", new_cluster="dog"))
    run.append(Event(Kind.UNDO, target=2))
    assert reader.events() == reader.events() == read()
    assert asked == [0, 1, 2, 3, 4, 5, 7]


def test_what_a_caller_does_to_its_list_stays_there(run):
    reader = LogReader(run)
    run.append(Event(Kind.LABEL, row=1, cluster="cat"))
    reader.events().clear()
    assert len(reader.events()) == 1


def test_readers_among_threads_double_nothing(run):
    reader, seen = LogReader(run), []
    threads = [threading.Thread(target=lambda: seen.append(reader.events())) for _ in range(8)]
    for row in range(20):
        run.append(Event(Kind.LABEL, row=row, cluster=row))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all([event.seq for event in events] == list(range(1, 21)) for events in seen)
