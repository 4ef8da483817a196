"""One contract, all back ends."""

from __future__ import annotations

import pytest

from activeclust.store import open_store
from activeclust.testing.store import StoreContract


class TestMemory(StoreContract):
    @pytest.fixture
    def store(self):
        store = open_store(None)
        yield store
        store.close()


class TestSQLite(StoreContract):
    @pytest.fixture
    def store(self, tmp_path):
        store = open_store(tmp_path / "answers.db")
        yield store
        store.close()


class TestPostgreSQL(StoreContract):
    @pytest.fixture
    def store(self, postgres_url):
        store = open_store(postgres_url)
        yield store
        store.close()
