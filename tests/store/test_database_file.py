"""The file of a database: deleted, replaced, read-only, another program's; copies and names."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from samples import SPEC, label

from activeclust.errors import ActiveClustError, ForeignDatabase, InvalidInput, StoreUnavailable
from activeclust.store import open_store
from activeclust.store.sql import file as sqlite_file
from activeclust.store.sql.backup import backup_database
from activeclust.store.sql.check import check
from activeclust.store.sql.repair import repair


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
