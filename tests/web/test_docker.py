"""The Dockerfile's command, run as the container runs it, but for the container: docker is not needed."""

from __future__ import annotations

import json
import os
import re
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

import numpy as np
import pytest
import warm
from served import Served

ROOT = Path(__file__).resolve().parents[2]
PASSWORD = "open sesame"


@pytest.fixture
def words(tmp_path):
    """What follows ``activeclust`` in the entry point, with a free port, over rows in the folder that is mounted."""
    np.save(tmp_path / "rows.npy", np.random.default_rng(0).normal(size=(40, 3)).astype(np.float32))
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    entry = json.loads(re.findall(r"^ENTRYPOINT (.*)$", text, re.MULTILINE)[0])
    assert entry[0] == "activeclust" and entry[entry.index("--port") + 1] == "8421"
    assert "-p 8421:8421" in text, "the port that is said is the port that is served"
    entry[entry.index("--port") + 1] = "18521"
    return [*entry[1:], "rows.npy", "--seed", "0"]


def test_the_page_is_reached_with_the_password(words, tmp_path):
    command = Served(words, tmp_path, {"ACTIVECLUST_PASSWORD": PASSWORD})
    try:
        address = "http://127.0.0.1:18521"
        opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
        with pytest.raises(urllib.error.HTTPError, match="401") as closed:
            opener.open(address)
        assert "name=password" in closed.value.read().decode()
        body = urllib.parse.urlencode({"password": PASSWORD}).encode()
        login = urllib.request.Request(f"{address}/login", body, {"Origin": address})
        with opener.open(login) as page:
            assert "<title>rows · activeclust</title>" in page.read().decode()
        assert (tmp_path / "activeclust.db").is_file(), "answers are kept in the folder that is mounted"
    finally:
        command.end()


def test_without_a_password_nothing_is_served(words, tmp_path):
    env = {name: value for name, value in os.environ.items() if name != "ACTIVECLUST_PASSWORD"}
    done = warm.run(["-m", "activeclust", *words], cwd=tmp_path, env=env)
    assert done.returncode and "give a password" in done.stderr
