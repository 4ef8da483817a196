"""Damage: nothing wrong is read, what is found is listed, and repair says what is gone."""

from __future__ import annotations

import re
import shutil
import sqlite3
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa
from samples import SPEC, label

sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))

import damage
import known_answers
from killed_commands import COMMANDS
from kills import killed

from activeclust.cli import main
from activeclust.errors import ForeignDatabase, StoreError, StoreUnavailable
from activeclust.store import open_store
from activeclust.store.records import Event, Kind, RunSpec
from activeclust.store.sql.check import check
from activeclust.store.sql.repair import repair


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("trials")


@pytest.mark.parametrize(
    ("kind", "attempts"),
    [("one bit", 8), ("cut off", 2), ("a random page", 2), ("two pages swapped", 2)],
)
def test_nothing_wrong_is_read_of_a_damaged_database(folder, kind, attempts):
    counts = damage.damaged(kind, attempts, folder)
    assert counts["wrong"] == 0 and counts["as written"] + counts["refused"] == attempts


@pytest.mark.parametrize("command", ["import", "db repair", "db backup", "db upgrade"])
def test_a_killed_command_is_completed_by_the_same_command(folder, command):
    counts = killed(command, COMMANDS[command], 3, folder)
    assert counts["as written"] == 3, counts


def test_every_damage_by_hand_is_found_and_mended(folder, tmp_path):
    sound = folder / "sound.db"
    if not sound.exists():
        known_answers.make(sound)
    truth = known_answers.read(sound)
    for number, statement in enumerate(damage.STATEMENTS):
        path = tmp_path / f"{number}.db"
        shutil.copy(sound, path)
        connection = sqlite3.connect(path)
        connection.execute(statement)
        connection.commit()
        connection.close()
        before = path.read_bytes()
        status = check(path)
        assert status.problems and status.remedy == f"activeclust db repair {status.url}", statement
        assert path.read_bytes() == before, "a check changes nothing"
        report = repair(path)
        assert report.problems and report.copy.read_bytes() == before
        assert check(path).ok, statement
        of_truth = re.search(r"(FROM|UPDATE) activeclust_(event|annotator)", statement)
        if of_truth is None or "TRIGGER" in statement:  # all of it can be made from the events
            found = known_answers.read(path)
            same = ("answers", "events", "snapshot", "votes", "past")
            assert [found[name] for name in same] == [truth[name] for name in same], statement


def test_everything_that_is_wrong_is_listed(path):
    connection = sqlite3.connect(path)
    for statement in (
        "UPDATE activeclust_event SET cluster = '\"cow\"' WHERE seq = 5",
        "DELETE FROM activeclust_event WHERE seq BETWEEN 20 AND 22",
        "UPDATE activeclust_annotator SET name = 'adam'",
        'UPDATE activeclust_outcome SET cluster = \'"cow"\' WHERE "row" = 50',
        "DROP INDEX activeclust_event_run_id_row",
    ):
        connection.execute(statement)
    connection.commit()
    connection.close()
    listed = "\n".join(check(path).problems)
    for words in ("event 5 is not as it was written; it says: row 4 is 'cow'", "events 20 to 22 are gone", "'adam'",
                  "4, 19, 20, 21, 50", "activeclust_event_run_id_row", "event 23 cannot be verified"):  # fmt: skip
        assert words in listed, listed
    assert repair(path).lost == 1
    store = open_store(path)
    run = store.open_run("mine")
    assert run.last_seq == 56 and {4, 19, 20, 21}.isdisjoint(anchor.row for anchor in run.anchors())
    assert run.append(label(4)).seq == 57
    store.close()


@pytest.mark.parametrize("share", [0.35, 0.8, 0.9, 0.97])
def test_repair_of_a_file_that_is_cut_off_says_what_is_gone(path, share):
    with path.open("rb+") as file:
        file.truncate(int(path.stat().st_size * share))
    try:
        report = repair(path)
    except StoreError as error:
        assert share < 0.5 and "holds nothing any more that could be read" in str(error)
        return
    store = open_store(path)
    there = len(store.open_run("mine").events())
    store.close()
    assert there + report.lost + report.gone == 60
    assert report.in_part or there == 60


def test_the_command_says_how_many_events_are_gone(path, capsys):
    connection = sqlite3.connect(path)
    connection.execute("DELETE FROM activeclust_event WHERE seq > 58")
    connection.execute("UPDATE activeclust_event SET cluster = '\"cow\"' WHERE seq = 5")
    connection.commit()
    connection.close()
    with pytest.raises(SystemExit) as ended:
        main(["db", "repair", str(path)])
    assert not ended.value.code
    told = capsys.readouterr().err
    assert "2 events of its log are missing" in told and "1 event could not be trusted and is gone" in told
    assert "intact" not in told


def test_a_number_of_the_last_event_that_is_damaged_is_not_believed(path):
    connection = sqlite3.connect(path)
    connection.execute("UPDATE activeclust_run SET last_seq = 1099511627776")
    connection.execute("DELETE FROM activeclust_event WHERE seq = 30")
    connection.commit()
    connection.close()
    report = repair(path)
    assert (report.lost, report.gone, report.in_part) == (0, 1, True)


def test_repair_of_a_database_in_use_waits_for_nobody(path):
    store = open_store(path)
    run = store.open_run("mine")
    run.append(label(99))
    with store.engine.connect() as held, held.begin():
        held.exec_driver_sql("SELECT count(*) FROM activeclust_event").scalar()
        other = sqlite3.connect(path)
        other.execute("DELETE FROM activeclust_vote")
        other.commit()
        other.close()
        with pytest.raises(StoreUnavailable, match="is in use"):
            repair(path)
    store.close()
    repair(path)
    assert check(path).ok


def test_repair_of_postgresql(postgres_url):
    store = open_store(postgres_url)
    run = store.create_run(SPEC)
    run.extend([label(row, annotator="eva") for row in range(9)])
    assert check(postgres_url).ok and repair(postgres_url).problems == ()
    with store.engine.begin() as connection:
        connection.execute(sa.text("UPDATE activeclust_event SET cluster = '\"dog\"' WHERE seq = 5"))
        connection.execute(sa.text("UPDATE activeclust_outcome SET cluster = '\"dog\"' WHERE row = 7"))
    with pytest.raises(ForeignDatabase, match="event 5"):
        run.events()
    with pytest.raises(ForeignDatabase, match="row 7"):
        run.anchors()
    assert repair(postgres_url).lost == 1
    assert {anchor.row for anchor in store.open_run("mine").anchors()} == set(range(9)) - {4}
    assert store.create_run(RunSpec("new", "e", 0, 9, "", "")).append(label(1, annotator="bob")).seq == 1
    store.close()


def test_undo_of_an_operation_reads_no_other_rows(path):
    """Of a run of many events only those of the rows that it moved are looked at."""
    store = open_store(path)
    run = store.open_run("mine")
    renamed = run.append(Event(Kind.RENAME, cluster="c3", new_cluster="moved"))
    merged = run.append(Event(Kind.MERGE, cluster="moved", new_cluster="c4"))
    seen = []

    @sa.event.listens_for(store.engine, "after_cursor_execute")
    def count(_connection, cursor, statement, *_):
        seen.append(statement)

    run.append(Event(Kind.UNDO, target=renamed.seq))
    assert len(seen) < 40
    clusters = {anchor.row: anchor.cluster for anchor in run.anchors()}
    assert {clusters[row] for row in range(60) if row % 7 == 3} == {"c3"}
    run.append(Event(Kind.UNDO, target=merged.seq))
    assert {clusters[row] for row in range(60) if row % 7 == 4} == {"c4"}
    store.close()
    assert check(path).ok


def test_repair_says_so_where_nothing_is_left(tmp_path):
    path = tmp_path / "a.db"
    store = open_store(path)
    store.create_run(SPEC)
    store.close()
    content = path.read_bytes()
    path.write_bytes(content[:4096] + bytes(len(content) - 4096))
    with pytest.raises(StoreError):
        repair(path)
