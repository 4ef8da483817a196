"""Migrations, and the databases of every schema there has been."""

from __future__ import annotations

import importlib.util
import json
import shutil
import sqlite3
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from samples import SPEC

from activeclust.errors import SchemaMismatch, StoreError
from activeclust.store import open_store
from activeclust.store.records import Event, Kind, RunSpec
from activeclust.store.sql import check as checking
from activeclust.store.sql import schema, upgrade
from activeclust.store.sql import store as sql
from activeclust.store.sql.check import check

FROZEN = sorted((Path(__file__).parents[1] / "fixtures" / "store").glob("schema-*.db"))


def describe(run) -> dict:
    """As the frozen files were described when they were made."""
    path = FROZEN[0].with_name("make.py")
    spec = importlib.util.spec_from_file_location("make_fixture", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return json.loads(json.dumps(module.describe(run)))


def test_every_schema_has_its_migration_and_its_frozen_database():
    config = Config()
    config.set_main_option("script_location", str(upgrade.MIGRATIONS))
    scripts = list(ScriptDirectory.from_config(config).walk_revisions())
    assert tuple(reversed([script.revision for script in scripts])) == schema.REVISIONS
    assert [path.stem.removeprefix("schema-") for path in FROZEN] == list(schema.REVISIONS)


@pytest.mark.parametrize("frozen", FROZEN, ids=lambda path: path.stem)
def test_frozen_database_opens_upgrades_and_goes_on(frozen, tmp_path):
    path = tmp_path / "old.db"
    shutil.copy(frozen, path)
    report = upgrade.upgrade(path)
    assert report.after == schema.HEAD and (report.copy is None) == (report.before == schema.HEAD)
    assert check(path).ok
    store = open_store(path)
    said = json.loads(frozen.with_suffix(".json").read_text())
    assert [info.spec.name for info in store.runs()] == list(said)
    for name, expected in said.items():
        run = store.open_run(name)
        assert describe(run) == expected
        last = run.last_seq
        assert run.append(Event(Kind.LABEL, row=99, cluster="new", annotator="late")).seq == last + 1
        assert run.append(Event(Kind.UNDO, target=2)).seq == last + 2
    store.close()
    assert check(path).ok


def _migrated(engine: sa.Engine) -> None:
    with engine.connect() as connection, connection.begin():
        upgrade._migrate(connection, "here")


def _layout(url) -> dict:
    engine = sa.create_engine(url)
    inspector = sa.inspect(engine)
    found = {}
    for table in inspector.get_table_names():
        found[table] = {
            "columns": [(c["name"], str(c["type"]), c["nullable"]) for c in inspector.get_columns(table)],
            "key": inspector.get_pk_constraint(table),
            "unique": sorted(str(item) for item in inspector.get_unique_constraints(table)),
            "foreign": sorted(str(item) for item in inspector.get_foreign_keys(table)),
            "indexes": sorted(str(item) for item in inspector.get_indexes(table)),
        }
    with engine.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"version_table": schema.VERSION_TABLE, "compare_type": True}
        )
        found["differences"] = compare_metadata(context, schema.metadata)
        found["version"] = connection.execute(sa.text(f"SELECT * FROM {schema.VERSION_TABLE}")).all()
    engine.dispose()
    return found


def test_migrations_make_what_a_new_sqlite_file_has(tmp_path):
    engine = sa.create_engine(f"sqlite:///{tmp_path}/migrated.db")
    _migrated(engine)
    engine.dispose()
    open_store(tmp_path / "new.db").close()
    migrated, new = _layout(f"sqlite:///{tmp_path}/migrated.db"), _layout(f"sqlite:///{tmp_path}/new.db")
    assert migrated == new and new["differences"] == []


def test_migrations_make_what_a_new_postgresql_database_has(postgres_url):
    open_store(postgres_url).close()
    new = _layout(postgres_url)
    engine = sa.create_engine(postgres_url)
    with engine.begin() as connection:
        schema.metadata.drop_all(connection)
        connection.execute(sa.text(f"DROP TABLE {schema.VERSION_TABLE}"))
    _migrated(engine)
    engine.dispose()
    assert _layout(postgres_url) == new and new["differences"] == []


@pytest.fixture
def tomorrow(monkeypatch, tmp_path):
    """The package as it will be after one more migration, which rebuilds the table all others refer to."""
    folder = tmp_path / "migrations"
    shutil.copytree(upgrade.MIGRATIONS, folder, ignore=shutil.ignore_patterns("__pycache__"))
    script = folder / "versions" / "9000_next.py"
    script.write_text(
        "import sqlalchemy as sa\nfrom alembic import op\n"
        f"revision = '9000'\ndown_revision = {schema.HEAD!r}\n"
        "def upgrade():\n"
        "    with op.batch_alter_table('activeclust_run', recreate='auto') as batch:\n"
        "        batch.add_column(sa.Column('note', sa.Text()))\n"
        "        batch.alter_column('source', nullable=True)\n"
    )

    def arrive() -> Path:
        monkeypatch.setattr(upgrade, "MIGRATIONS", folder)
        for module in (upgrade, sql, checking):
            monkeypatch.setattr(module, "HEAD", "9000")
            monkeypatch.setattr(module, "REVISIONS", (*schema.REVISIONS, "9000"))
        return script

    return arrive


def _fill(url) -> list[Event]:
    store = open_store(url)
    run = store.create_run(SPEC)
    events = run.extend(Event(Kind.LABEL, row=row, cluster=row % 3) for row in range(50))
    store.close()
    return events


def test_older_file_is_refused_then_copied_and_upgraded(tmp_path, tomorrow):
    path = tmp_path / "answers.db"
    events = _fill(path)
    tomorrow()
    with pytest.raises(SchemaMismatch, match=rf"older version.*activeclust db upgrade sqlite:///{path}"):
        open_store(path)
    status = check(path)
    assert (status.state, status.ok) == ("older", False)
    assert status.remedy == f"activeclust db upgrade sqlite:///{path}"
    report = upgrade.upgrade(status.url)
    assert (report.before, report.after) == (schema.HEAD, "9000")
    assert report.copy == path.with_name(f"answers.db.schema-{schema.HEAD}")
    assert check(path).state == "current"
    for file, version in ((path, "9000"), (report.copy, schema.HEAD)):
        connection = sqlite3.connect(file)
        assert connection.execute("SELECT count(*) FROM activeclust_event").fetchone() == (len(events),)
        assert connection.execute("SELECT * FROM activeclust_version").fetchall() == [(version,)]
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
        connection.close()
    assert upgrade.upgrade(path).copy is None


def test_second_copy_does_not_overwrite_the_first(tmp_path):
    path = tmp_path / "answers.db"
    _fill(path)
    copies = [upgrade.copy_file(path, "0001") for _ in range(3)]
    assert [copy.name for copy in copies] == [f"answers.db.schema-0001{end}" for end in ("", "-1", "-2")]
    assert all(check(copy).ok for copy in copies)


def test_failed_upgrade_changes_nothing(tmp_path, tomorrow):
    path = tmp_path / "answers.db"
    _fill(path)
    script = tomorrow()
    script.write_text(script.read_text() + "    op.execute('SELECT * FROM nobody')\n")
    with pytest.raises(StoreError, match=r"Could not upgrade .*, which is as it was: .*nobody"):
        upgrade.upgrade(path)
    connection = sqlite3.connect(path)
    assert connection.execute("SELECT * FROM activeclust_version").fetchall() == [(schema.HEAD,)]
    columns = [line[1] for line in connection.execute("PRAGMA table_info(activeclust_run)")]
    connection.close()
    assert "note" not in columns


def test_older_postgresql_database_is_upgraded(postgres_url, tomorrow):
    events = _fill(postgres_url)
    tomorrow()
    with pytest.raises(SchemaMismatch, match="activeclust db upgrade"):
        open_store(postgres_url)
    report = upgrade.upgrade(postgres_url)
    assert (report.before, report.after, report.copy) == (schema.HEAD, "9000", None)
    engine = sa.create_engine(postgres_url)
    with engine.connect() as connection:
        assert connection.execute(sa.text("SELECT count(*) FROM activeclust_event")).scalar() == len(events)
        assert connection.execute(sa.text("SELECT note FROM activeclust_run")).scalar() is None
    engine.dispose()


def test_newer_file_is_refused_with_the_command_that_mends_it(tmp_path):
    path = tmp_path / "answers.db"
    _fill(path)
    connection = sqlite3.connect(path)
    connection.execute("UPDATE activeclust_version SET version_num = '9999'")
    connection.commit()
    connection.close()
    for use in (open_store, upgrade.upgrade):
        with pytest.raises(SchemaMismatch, match=r"newer.*pip install --upgrade activeclust"):
            use(path)
    status = check(path)
    assert (status.state, status.remedy) == ("newer", "pip install --upgrade activeclust")


def test_a_run_of_a_million_rows_holds_no_copy_of_the_data(tmp_path):
    path = tmp_path / "answers.db"
    store = open_store(path)
    run = store.create_run(RunSpec("big", "auto", 0, 1_000_000, "h", "m"))
    run.append(Event(Kind.LABEL, row=999_999, cluster="cat"))
    run.lease(range(1_000_000), 1, "eva", 60)
    store.close()
    assert path.stat().st_size < 300_000
