"""What can go wrong with a file, a folder or a network, and what is said then."""

from __future__ import annotations

import os
import random
import shutil
import socket
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
import sqlalchemy as sa
from samples import SPEC, label

from activeclust.errors import ForeignDatabase, InvalidInput, StoreError, StoreUnavailable
from activeclust.store import open_store
from activeclust.store.records import Event, Kind
from activeclust.store.sql.check import check
from activeclust.store.sql.upgrade import upgrade


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A store of 300 answers, closed."""
    path = tmp_path / "answers.db"
    store = open_store(path)
    store.create_run(SPEC).extend([label(row, f"{row % 7}" * 50) for row in range(300)])
    store.close()
    return path


@pytest.mark.parametrize("use", [open_store, check, upgrade])
class TestForeign:
    def test_file_that_is_no_database(self, tmp_path, use):
        path = tmp_path / "notes.txt"
        path.write_text("Dear diary, this is not a database at all.")
        with pytest.raises(ForeignDatabase, match=r"notes\.txt is not an SQLite database"):
            use(path)
        assert path.read_text().startswith("Dear diary")

    def test_database_of_another_program(self, tmp_path, use):
        path = tmp_path / "other.db"
        connection = sqlite3.connect(path)
        connection.execute("CREATE TABLE run (id INTEGER)")
        connection.close()
        before = path.read_bytes()
        with pytest.raises(ForeignDatabase, match="belongs to another program"):
            use(path)
        connection = sqlite3.connect(path)
        assert connection.execute("SELECT name FROM sqlite_master").fetchall() == [("run",)]
        connection.close()
        assert len(path.read_bytes()) == len(before)

    def test_empty_database_that_another_program_has_marked(self, tmp_path, use):
        path = tmp_path / "other.db"
        connection = sqlite3.connect(path)
        connection.execute("PRAGMA application_id = 7")
        connection.execute("VACUUM")
        connection.close()
        with pytest.raises(ForeignDatabase, match="belongs to another program"):
            use(path)

    def test_damaged_file(self, path, use):
        content = bytearray(path.read_bytes())
        content[20:4000] = os.urandom(3980)
        path.write_bytes(content)
        with pytest.raises(ForeignDatabase, match="damaged"):
            use(path)

    def test_version_table_without_a_version(self, path, use):
        connection = sqlite3.connect(path)
        connection.execute("DELETE FROM activeclust_version")
        connection.commit()
        connection.close()
        with pytest.raises(ForeignDatabase, match="names no schema version"):
            use(path)

    def test_folder_in_place_of_a_file(self, tmp_path, use):
        with pytest.raises(StoreUnavailable, match="is a folder"):
            use(tmp_path)

    def test_folder_that_is_not_there(self, tmp_path, use):
        with pytest.raises(StoreUnavailable, match="no "):
            use(tmp_path / "nowhere" / "answers.db")
        assert list(tmp_path.iterdir()) == []


def test_empty_file_becomes_a_store(tmp_path):
    path = tmp_path / "empty.db"
    path.touch()
    store = open_store(path)
    store.create_run(SPEC)
    store.close()
    assert check(path).ok


def test_reading_makes_no_file(tmp_path):
    with pytest.raises(StoreUnavailable, match="There is no database at"):
        open_store(tmp_path / "answers.db", create=False)
    (tmp_path / "empty.db").touch()
    with pytest.raises(StoreUnavailable, match="holds no runs yet"):
        open_store(tmp_path / "empty.db", create=False)
    assert check(tmp_path / "empty.db").state == "empty"


@pytest.mark.parametrize(
    "url", ["mysql://root@localhost/x", "sqlite://", "sqlite:///x.db?mode=ro", "://", "http://x"]
)
def test_url_that_is_not_understood(url):
    with pytest.raises(InvalidInput, match=r"URL|Expected a path"):
        open_store(url)


def test_password_is_shown_to_nobody(tmp_path):
    with pytest.raises(StoreUnavailable) as caught:
        open_store(f"postgresql://me:hunter2@127.0.0.1:{_free_port()}/x?connect_timeout=2")
    assert "hunter2" not in str(caught.value) and "127.0.0.1" in str(caught.value)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def test_random_damage_is_an_error_of_ours_or_none(path):
    """Whatever bytes are overwritten, only our own exceptions come out, reading, writing or checking."""
    sound, damage = path.read_bytes(), random.Random(0)
    surprises = 0
    for _ in range(25):
        content = bytearray(sound)
        for _ in range(damage.choice([1, 20])):
            start = damage.randrange(100, len(content) - 40)
            content[start : start + 30] = damage.randbytes(30)
        path.write_bytes(content)
        for extra in ("-wal", "-shm"):
            path.with_name(path.name + extra).unlink(missing_ok=True)
        try:
            store = open_store(path)
            try:
                run = store.open_run("mine")
                assert run.events() and run.anchors() and run.votes()
                run.extend([label(1), Event(Kind.UNDO, target=3), label(999)])
            finally:
                store.close()
        except StoreError:
            surprises += 1
        except (InvalidInput, AssertionError):
            pass  # an event that was read differently, or is gone: nothing that SQLite itself can notice
        try:
            surprises += not check(path).ok
        except StoreError:
            surprises += 1
    assert surprises > 10


def test_check_finds_what_does_not_follow_from_the_log(path):
    assert check(path).ok
    connection = sqlite3.connect(path)
    connection.execute("""UPDATE activeclust_outcome SET cluster = '"cow"' WHERE "row" = 5""")
    connection.execute("""DELETE FROM activeclust_vote WHERE "row" = 6""")
    connection.commit()
    connection.close()
    status = check(path)
    assert not status.ok and len(status.problems) == 2 and "'mine'" in status.problems[0]


def test_check_finds_a_gap_in_the_log(path):
    connection = sqlite3.connect(path)
    connection.execute("DELETE FROM activeclust_event WHERE seq = 17")
    connection.commit()
    connection.close()
    assert any("gaps" in problem for problem in check(path).problems)


def test_full_database_takes_answers_again_when_there_is_room(path):
    store = open_store(path)
    run = store.open_run("mine")
    room = [0]

    @sa.event.listens_for(store.engine, "checkout")
    def limit(connection, *_):
        used = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count = {used + room[0]}")

    with pytest.raises(StoreUnavailable, match="full"):
        run.append(label(500, "x" * 10_000))
    assert run.last_seq == 300 and len(run.anchors()) == 300
    room[0] = 100
    assert run.append(label(500, "x" * 10_000)).seq == 301
    store.close()
    assert check(path).ok


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="needs users")
def test_read_only_folder(tmp_path):
    """Root may write anywhere, so root becomes nobody; anybody else takes the write permission away."""
    folder = Path(tempfile.mkdtemp(prefix="activeclust-"))
    try:
        (folder / "there.db").touch()
        store = open_store(folder / "there.db")
        store.create_run(SPEC)
        store.close()
        (folder / "there.db").chmod(0o444)
        folder.chmod(0o555)
        worker = Path(__file__).with_name("worker.py")
        told = f"unprivileged\t{folder}/there.db\nunprivileged\t{folder}/new.db\nwait\n"
        done = subprocess.run(
            [sys.executable, worker, tmp_path / "warm"],
            input=told,
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        errors = [line for line in done.stdout.splitlines() if line.startswith("error")]
        assert len(errors) == 2 and all(line.startswith("error StoreUnavailable") for line in errors)
        assert any("there.db" in line for line in errors) and any("new.db" in line for line in errors)
        assert [file.name for file in folder.iterdir()] == ["there.db"]
    finally:
        folder.chmod(0o755)
        shutil.rmtree(folder)


class TestPostgreSQL:
    def test_tables_of_another_program(self, postgres_url):
        engine = sa.create_engine(postgres_url)
        with engine.begin() as connection:
            connection.execute(sa.text("CREATE TABLE activeclust_run (id int)"))
        engine.dispose()
        with pytest.raises(ForeignDatabase, match="'activeclust_run' that is not this package's"):
            open_store(postgres_url)

    def test_other_tables_are_left_alone(self, postgres_url):
        engine = sa.create_engine(postgres_url)
        with engine.begin() as connection:
            connection.execute(sa.text("CREATE TABLE run (id int)"))
        engine.dispose()
        store = open_store(postgres_url)
        store.create_run(SPEC)
        store.close()
        assert check(postgres_url).ok

    @pytest.mark.parametrize("statement", range(1, 9))
    def test_network_drop_in_the_middle_of_an_answer(self, postgres_url, statement):
        store = open_store(postgres_url)
        run = store.create_run(SPEC)
        run.append(label(1))
        answer = label(2, "dog", client_id="the one", annotator="eva")
        admin = sa.create_engine(postgres_url, isolation_level="AUTOCOMMIT")
        seen = 0

        @sa.event.listens_for(store.engine, "before_cursor_execute")
        def cut(connection, *_):
            nonlocal seen
            seen += 1
            if seen == statement:
                pid = connection.connection.dbapi_connection.info.backend_pid
                with admin.connect() as other:
                    other.execute(sa.text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": pid})

        with pytest.raises(StoreUnavailable, match="Answers acknowledged before are kept"):
            run.append(answer)
        assert [event.row for event in run.events()] == [1]
        written = run.append(answer)
        assert run.append(answer) == written and run.last_seq == 2
        assert check(postgres_url).ok
        admin.dispose()
        store.close()

    def test_server_that_is_not_there(self):
        with pytest.raises(StoreUnavailable, match="Cannot use"):
            open_store(f"postgresql://127.0.0.1:{_free_port()}/x")
