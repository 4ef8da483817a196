"""The contract tests of stores, as a class to subclass for your own back end.

Needs pytest. Write a subclass with a fixture ``store`` that yields an empty store::

    import pytest
    from activeclust.testing.store import StoreContract

    class TestMyStore(StoreContract):
        @pytest.fixture
        def store(self, tmp_path):
            store = MyStore(tmp_path / "answers")
            yield store
            store.close()
"""

from __future__ import annotations

from activeclust.testing.store_history import HistoryContract
from activeclust.testing.store_log import LogContract
from activeclust.testing.store_runs import RunContract
from activeclust.testing.store_team import CrowdContract, LeaseContract, OverlapContract

__all__ = ["StoreContract"]


class StoreContract(RunContract, LogContract, HistoryContract, LeaseContract, OverlapContract, CrowdContract):
    """The contract tests of stores; the stores in memory, SQLite and PostgreSQL pass them."""
