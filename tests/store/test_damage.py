"""Damage, replacement, read-only media, other programs' files: nothing wrong is read, nothing of others is changed."""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa

sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))

import damage
import known_answers
from killed_commands import COMMANDS
from kills import killed

from activeclust.cli import main
from activeclust.errors import ActiveClustError, ForeignDatabase, InvalidInput, StoreError, StoreUnavailable
from activeclust.store import open_store
from activeclust.store.records import Event, Kind, RunSpec
from activeclust.store.sql import file as sqlite_file
from activeclust.store.sql.backup import backup_database
from activeclust.store.sql.check import check
from activeclust.store.sql.repair import repair

SPEC = RunSpec("mine", "entropy", 0, 400, "h", "m")


def label(row: int, cluster: str = "cat", **rest) -> Event:
    return Event(Kind.LABEL, row=row, cluster=cluster, **rest)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("trials")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A store of 60 answers in one file, closed."""
    path = tmp_path / "answers.db"
    store = open_store(path)
    store.create_run(SPEC).extend([label(row, f"c{row % 7}", annotator="eva") for row in range(60)])
    store.close()
    return path


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


# ---------------------------------------------------------------- the file under the name


def test_an_answer_to_a_file_that_is_gone_is_not_acknowledged(path):
    store = open_store(path)
    run = store.open_run("mine")
    run.append(label(100))
    aside = path.with_name("aside.db")
    path.rename(aside)
    for use in (lambda: run.append(label(101)), run.anchors, store.runs):
        with pytest.raises(StoreUnavailable, match="has been deleted while it was open"):
            use()
    assert not path.exists(), "nothing new is made under the name"
    shutil.copy(aside, path)
    with pytest.raises(StoreUnavailable, match="has been replaced"):
        run.append(label(101))
    path.unlink()
    aside.rename(path)
    assert run.append(label(101)).seq == 62
    store.close()
    assert check(path).ok


def test_a_file_that_goes_while_an_answer_is_written_takes_it_along(path, monkeypatch):
    store = open_store(path)
    run = store.open_run("mine")
    checks = []
    original = sqlite_file.SqliteFile.check

    def check_file(self, connection):
        checks.append(1)
        if len(checks) == 3:  # after COMMIT
            path.rename(path.with_name("aside.db"))
        original(self, connection)

    monkeypatch.setattr(sqlite_file.SqliteFile, "check", check_file)
    with pytest.raises(StoreUnavailable, match="has been deleted"):
        run.append(label(101))
    store.close()


def test_a_log_beside_the_file_that_is_gone_is_noticed(path):
    store = open_store(path)
    run = store.open_run("mine")
    run.append(label(100))
    path.with_name("answers.db-wal").unlink()
    with pytest.raises(StoreUnavailable, match="belongs to it"):
        run.append(label(101))
    store.close()


def test_an_older_copy_in_place_is_noticed(path):
    old = path.read_bytes()
    store = open_store(path)
    run = store.open_run("mine")
    run.extend([label(row) for row in range(100, 110)])
    store.engine.dispose()
    path.write_bytes(old)
    for ending in ("-wal", "-shm"):
        path.with_name(path.name + ending).unlink(missing_ok=True)
    with pytest.raises(StoreUnavailable, match="held 70 events and holds 60 now"):
        run.append(label(111))
    store.close()


# ---------------------------------------------------------------- files of others


def _everything(folder: Path) -> dict[str, tuple[bytes, int]]:
    """But the marks of readers in the index of a log that somebody has open."""
    return {
        file.name: (b"" if file.name.endswith("-shm") else file.read_bytes(), file.stat().st_mtime_ns)
        for file in folder.iterdir()
    }


@pytest.mark.parametrize("mode", ["delete", "wal", "persist", "open in wal"])
def test_another_programs_file_is_not_touched(tmp_path, mode):
    path = tmp_path / "other.db"
    connection = sqlite3.connect(path)
    connection.execute(f"PRAGMA journal_mode = {mode.split()[-1]}")
    connection.execute("CREATE TABLE run (id INTEGER)")
    connection.execute("INSERT INTO run VALUES (1)")
    connection.commit()
    if mode != "open in wal":
        connection.close()
    before = _everything(tmp_path)
    for use in (open_store, check, repair, lambda file: backup_database(file, tmp_path / "copy.db")):
        with pytest.raises(ForeignDatabase, match="another program"):
            use(path)
        assert _everything(tmp_path) == before
    connection.close()


def test_a_database_left_in_another_mode_stays_so_until_it_is_written(path):
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA journal_mode = DELETE")
    connection.close()
    before = path.read_bytes()
    assert check(path).ok
    store = open_store(path)
    assert len(store.open_run("mine").anchors()) == 60
    store.close()
    assert path.read_bytes() == before
    store = open_store(path)
    store.open_run("mine").append(label(100))
    store.close()
    assert path.read_bytes()[18:20] == b"\2\2", "WAL"


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="needs users")
@pytest.mark.parametrize("wal", [False, True])
def test_a_database_on_read_only_media_is_read_and_copied(path, tmp_path, wal):
    import tempfile

    folder = Path(tempfile.mkdtemp(prefix="activeclust-"))
    media = folder / "answers.db"
    if wal:  # what a copy of a database in use looks like
        store = open_store(path)
        store.open_run("mine").append(label(100))
        for ending in ("", "-wal"):
            shutil.copy(f"{path}{ending}", f"{media}{ending}")
        store.close()
    else:
        shutil.copy(path, media)
    try:
        for file in folder.iterdir():
            file.chmod(0o444)
        folder.chmod(0o555)
        tell = (
            "import os, sys; path, n = sys.argv[1], int(sys.argv[2])\n"
            "import io, tempfile\n"
            "from pathlib import Path\n"
            "from activeclust.errors import StoreUnavailable\n"
            "from activeclust.store import open_store\n"
            "from activeclust.store.records import Event\n"
            "from activeclust.store.export import export_run\n"
            "from activeclust.store.sql.backup import backup_database\n"
            "from activeclust.store.sql.check import check\n"
            "from activeclust.store.sql.store import SqlStore\n"
            "open_store(tempfile.mkdtemp() + '/warm.db').close()\n"
            "import alembic.autogenerate, alembic.migration\n"
            "if os.getuid() == 0: os.setgid(65534); os.setuid(65534)\n"
            "assert check(path).ok\n"
            "store = open_store(path); run = store.open_run('mine')\n"
            "assert len(run.anchors()) == n\n"
            "out = io.BytesIO(); export_run(run, 'jsonl', out); assert out.tell() > 1000\n"
            "try: run.append(Event('label', row=200, cluster='cat'))\n"
            "except StoreUnavailable as error: assert 'db backup' in str(error), error\n"
            "else: sys.exit('it was written')\n"
            "copy = backup_database(path, Path(tempfile.mkdtemp()) / 'copy.db')\n"
            "again = open_store(copy).open_run('mine')\n"
            "assert again.append(Event('label', row=200, cluster='cat')).seq == n + 1\n"
        )
        done = subprocess.run(
            [sys.executable, "-c", tell, str(media), "61" if wal else "60"], capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        assert sorted(file.name for file in folder.iterdir()) == ["answers.db", "answers.db-wal"][: 1 + wal]
    finally:
        folder.chmod(0o755)
        shutil.rmtree(folder)


def test_a_backup_is_complete_while_people_answer_and_overwrites_nothing(path, tmp_path):
    path.chmod(0o600)
    store = open_store(path)
    run = store.open_run("mine")
    run.append(label(100))  # in the WAL
    copy = backup_database(path, tmp_path / "copy.db")
    assert copy.stat().st_mode & 0o777 == 0o600
    assert check(copy).n_events == 61 and check(copy).ok
    assert not copy.with_name("copy.db-wal").exists()
    with pytest.raises(StoreUnavailable, match="already"):
        backup_database(path, copy)
    assert sorted(file.name for file in tmp_path.iterdir() if "copy" in file.name) == ["copy.db"]
    store.close()
    with pytest.raises(InvalidInput, match="pg_dump"):
        backup_database("postgresql://me:secret@host/x", tmp_path / "x")


@pytest.mark.parametrize("name", ["q?mark.db", "a#b.db", "ü %41.db", "file:x.db", "b;c&d.db"])
def test_a_name_is_a_name(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    for url in (f"sqlite:///{name}", name):
        store = open_store(url)
        assert [file.name for file in tmp_path.iterdir() if not file.name.endswith(("-wal", "-shm"))] == [
            name
        ]
        store.close()


def test_a_store_is_the_file_it_was_opened_with(tmp_path, monkeypatch):
    import pickle

    monkeypatch.chdir(tmp_path)
    store = open_store("answers.db")
    run = store.create_run(SPEC)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    store.engine.dispose()
    run.append(label(1))
    assert len(pickle.loads(pickle.dumps(run)).events()) == 1
    assert list((tmp_path / "elsewhere").iterdir()) == []
    store.close()


def test_what_is_no_regular_file_is_refused(tmp_path):
    os.mkfifo(tmp_path / "pipe.db")
    with pytest.raises(StoreUnavailable, match="no regular file"):
        open_store(tmp_path / "pipe.db")
    with pytest.raises(ActiveClustError):
        open_store("/dev/null", create=False)


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
