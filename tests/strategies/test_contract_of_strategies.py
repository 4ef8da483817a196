"""The registry, the contract over every registered strategy, and what single strategies promise."""

from __future__ import annotations

import pytest

from activeclust import strategies
from activeclust.testing.strategies import StrategyContract


class TestRegistered(StrategyContract):
    @pytest.fixture(params=strategies.names())
    def strategy(self, request):
        return strategies.get(request.param)
