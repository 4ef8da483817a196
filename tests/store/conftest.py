"""Stores to test: in memory, in an SQLite file, and in PostgreSQL where there is one."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from samples import SPEC, label

from activeclust.store import open_store


@pytest.fixture
def postgres_url() -> Iterator[str]:
    """A database schema of its own on the PostgreSQL server named in the environment."""
    server = os.environ.get("ACTIVECLUST_TEST_POSTGRES")
    if not server:
        pytest.skip(
            "ACTIVECLUST_TEST_POSTGRES is not set to the URL of a PostgreSQL server (see docs/store.md)"
        )
    pytest.importorskip("psycopg", reason="PostgreSQL needs the driver psycopg: pip install psycopg[binary]")
    url = sa.make_url(server).set(drivername="postgresql+psycopg")
    name = f"test_{uuid.uuid4().hex}"
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        connection.execute(sa.schema.CreateSchema(name))
    # search_path keeps every test in its own schema of one database
    yield url.update_query_dict({"options": f"-c search_path={name}"}).render_as_string(hide_password=False)
    with engine.begin() as connection:
        connection.execute(sa.schema.DropSchema(name, cascade=True))
    engine.dispose()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A store of 60 answers in one file, closed."""
    path = tmp_path / "answers.db"
    store = open_store(path)
    store.create_run(SPEC).extend([label(row, f"c{row % 7}", annotator="eva") for row in range(60)])
    store.close()
    return path
