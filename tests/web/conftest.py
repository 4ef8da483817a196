"""A page over real rows and a real store."""

from __future__ import annotations

import json

import numpy as np
import pytest
from person import wait

pytest.importorskip("starlette", reason="the page needs activeclust[web]")
from starlette.testclient import TestClient

from activeclust.loop import ActiveLoop
from activeclust.store import open_store
from activeclust.web.app import make_app
from activeclust.web.security import Access
from activeclust.web.service import AnnotationService

PORT = 8999
HOST = f"127.0.0.1:{PORT}"


class Browser:
    """A browser that came by an address of this start, with its cookie and its key."""

    def __init__(self, page: Page, name: str = "") -> None:
        self.client = page.stranger()
        token = page.access.invite().partition("token=")[2]
        got = self.client.get("/", params={"token": token}, follow_redirects=False)
        assert got.status_code == 303
        self.key = got.headers["location"].partition("#key=")[2]
        self.client.headers["X-Activeclust-Key"] = self.key
        if name:
            assert self.post("/api/who", {"name": name}).json()["who"] == name

    def get(self, path: str, **given):
        return self.client.get(path, **given)

    def post(self, path: str, body: object, **headers: str):
        """A write as the page makes it."""
        given = {"Origin": f"http://{HOST}", "Content-Type": "application/json"} | headers
        return self.client.post(path, content=json.dumps(body), headers=given)


class Page:
    """A service with browsers; ``page.post`` is the first one's."""

    def __init__(self, service: AnnotationService, **access: str) -> None:
        self.service, self.access = service, Access(PORT, **access)
        self.app = make_app(service, self.access)
        self.first = Browser(self)
        self.client, self.post = self.first.client, self.first.post

    def stranger(self) -> TestClient:
        """A browser without the cookie."""
        return TestClient(self.app, base_url=f"http://{HOST}", raise_server_exceptions=False)

    def browser(self, name: str = "") -> Browser:
        """Another browser, of a person with a name."""
        return Browser(self, name)

    def caught_up(self) -> None:
        """Wait for the posterior of the last answer."""
        wait(lambda: self.service.settled, "the posterior")


@pytest.fixture
def make_page(tmp_path, blobs, nearest_anchor):
    """A page over 60 rows: ``make_page(budget=12)``."""
    made = []

    def make(*, items=None, access=None, options=None, row_ids=None, **given) -> Page:
        X, _ = blobs
        if items is None:
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
            options=options,
            row_ids=row_ids,
        )
        service = AnnotationService(loop, **given)
        service.__enter__()
        made.append((service, loop))
        return Page(service, **(access or {}))

    yield make
    for service, loop in made:
        service.__exit__()
        loop.stored._store.close()


@pytest.fixture
def page(make_page):
    return make_page()
