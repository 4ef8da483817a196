"""No password in what people or other programs can read."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from activeclust.errors import ActiveClustError, InvalidInput
from activeclust.store import open_store
from activeclust.store.records import RunSpec
from activeclust.store.secrets import masked

SECRET = "hunter2"
URLS = (
    "postgresql://me:hunter2@127.0.0.1:1/x?connect_timeout=2",
    "postgresql://me:hunter2@127.0.0.1:nonsense/x",
    "postgresql://me:a@hunter2@127.0.0.1:1/x",
    "postgresql://me:a/hunter2@127.0.0.1:1/x",
    "postgresql://me:a:hunter2@127.0.0.1:1/x?connect_timeout=2",
    "postgresql://127.0.0.1:1/x?user=me&password=hunter2&connect_timeout=2",
    "postgresql://127.0.0.1:1/x?user=me&pass%77ord=hunter2&connect_timeout=2",
    "postgresql://me@127.0.0.1:1/x?sslpassword=hunter2&connect_timeout=2",
    "mysql://me:hunter2@127.0.0.1/x",
    "postgresql://me:#hunter2@127.0.0.1:1/x",
    "postgresql://[me:hunter2@127.0.0.1/x",
    "://me:hunter2@127.0.0.1/x",
    "postgresql:/me:hunter2@127.0.0.1/x",
    "postgresql:me:hunter2@127.0.0.1/x",
)
LIBPQ = ("host=db user=me password=hunter2 dbname=x", "dbname=x password = 'a hunter2' host=db")


@pytest.mark.parametrize("url", URLS)
def test_no_error_tells_a_password(url):
    with pytest.raises(ActiveClustError) as caught:
        open_store(url)
    told = str(caught.value)
    assert SECRET not in told and ("127.0.0.1" in told or "***" in told)


@pytest.mark.parametrize("text", LIBPQ)
def test_a_connection_string_of_libpq_names_no_file(text, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InvalidInput, match="text with a password") as caught:
        open_store(text)
    assert SECRET not in str(caught.value) and not list(tmp_path.iterdir())


@pytest.mark.parametrize("url", URLS)
@pytest.mark.parametrize("command", [["runs", "--db"], ["db", "check"], ["log", "--name", "x", "--db"]])
def test_no_command_tells_a_password(run, url, command):
    status, out, err = run(*command, url)
    assert status in (1, 2) and SECRET not in out + err


def test_no_stored_source_or_option_holds_a_password():
    data = {"data": {"source": "s3://key:hunter2@bucket/rows.csv"}, "note": "password: none of your business"}
    spec = (
        open_store()
        .create_run(
            RunSpec("mine", "e", 0, 3, "", "", source="s3://key:hunter2@bucket/rows.csv", options=data)
        )
        .spec
    )
    assert SECRET not in json.dumps([spec.source, spec.options]) and spec.options["note"] == data["note"]


def test_what_is_no_password_is_shown():
    for text in ("answers.db", "sqlite:////home/me/a@b.db", "postgresql://me@host/x?sslmode=require", "a=b"):
        assert masked(text) == text


def test_a_password_with_signs_of_a_url_is_to_be_written_in_their_codes():
    with pytest.raises(InvalidInput, match="%40"):
        open_store("postgresql://me:p@ss@host/x")


@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="needs /proc")
def test_the_list_of_processes_tells_no_password(tmp_path):
    code = "from activeclust.cli import main; import time, sys; sys.argv[0] = 'activeclust'; main()"
    words = ["runs", "--db", "postgresql://me:hunter2@10.255.255.1/x?connect_timeout=5"]
    process = subprocess.Popen(
        [sys.executable, "-c", code, *words], stderr=subprocess.PIPE, text=True, env=os.environ
    )
    try:
        end = time.monotonic() + 60
        line = ""
        while "***" not in line and process.poll() is None and time.monotonic() < end:
            line = Path(f"/proc/{process.pid}/cmdline").read_text().replace("\0", " ")
        assert "me:***@10.255.255.1" in line and SECRET not in line
    finally:
        process.kill()
        assert SECRET not in process.communicate()[1]
