"""A page over real rows and a real store."""

from __future__ import annotations

import json
import time

import numpy as np
import pytest

pytest.importorskip("starlette", reason="the page needs activeclust[web]")
from starlette.testclient import TestClient

from activeclust.loop import ActiveLoop
from activeclust.store import open_store
from activeclust.web.app import make_app
from activeclust.web.security import Session
from activeclust.web.service import Desk

PORT = 8999
HOST = f"127.0.0.1:{PORT}"


class Page:
    """A desk with a browser that holds the cookie."""

    def __init__(self, desk: Desk) -> None:
        self.desk, self.session = desk, Session(PORT)
        self.app = make_app(desk, self.session)
        self.client = self.stranger()
        assert self.client.get("/", params={"token": self.session.token}).status_code == 200

    def stranger(self) -> TestClient:
        """A browser without the cookie."""
        return TestClient(self.app, base_url=f"http://{HOST}", raise_server_exceptions=False)

    def post(self, path: str, body: object, **headers: str):
        """A write as the page makes it."""
        given = {"Origin": f"http://{HOST}", "Content-Type": "application/json"} | headers
        return self.client.post(path, content=json.dumps(body), headers=given)

    def caught_up(self) -> None:
        """Wait for the posterior of the last answer."""
        end = time.monotonic() + 20
        while self.desk.behind:
            assert time.monotonic() < end, "the posterior did not follow"
            time.sleep(0.01)


@pytest.fixture
def page(tmp_path, blobs, nearest_anchor):
    X, _ = blobs
    items = [{"note": f"<script>alert({row})</script>", "row": row} for row in range(len(X))]
    items[1] = np.arange(64, dtype=np.uint8).reshape(8, 8)
    loop = ActiveLoop(
        X,
        None,
        clusterer=nearest_anchor,
        store=open_store(tmp_path / "a.db"),
        name="<img src=x onerror=alert(1)>",
        strategy="random",
        items=items,
        random_state=0,
    )
    with Desk(loop) as desk:
        yield Page(desk)
    loop.stored._store.close()
