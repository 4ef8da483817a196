"""The Dockerfile's command, run as the container runs it, but for the container: docker is not needed."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]
PASSWORD = "open sesame"


@pytest.fixture
def words(tmp_path):
    """The entry point with a free port, over rows in the folder that is mounted."""
    np.save(tmp_path / "rows.npy", np.random.default_rng(0).normal(size=(40, 3)).astype(np.float32))
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    entry = json.loads(re.findall(r"^ENTRYPOINT (.*)$", text, re.MULTILINE)[0])
    assert entry[0] == "activeclust" and entry[entry.index("--port") + 1] == "8421"
    assert "-p 8421:8421" in text, "the port that is said is the port that is served"
    entry[entry.index("--port") + 1] = "18521"
    return [sys.executable, "-m", *entry, "rows.npy", "--seed", "0"]


def test_the_page_is_reached_with_the_password(words, tmp_path):
    command = subprocess.Popen(
        words, cwd=tmp_path, stderr=subprocess.PIPE, text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1", "ACTIVECLUST_PASSWORD": PASSWORD},
    )  # fmt: skip
    try:
        assert command.stderr is not None
        next(line for line in command.stderr if "http://" in line)
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
        command.send_signal(signal.SIGKILL)
        command.communicate(timeout=30)


def test_without_a_password_nothing_is_served(words, tmp_path):
    env = {name: value for name, value in os.environ.items() if name != "ACTIVECLUST_PASSWORD"}
    done = subprocess.run(words, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=600)
    assert done.returncode and "give a password" in done.stderr
