"""The back end with Label Studio itself: a project, 30 answers, a restart, and both exports compared.

Label Studio is heavy and wants other versions of libraries than this package; so it is installed apart, and the test
skipped where it is not::

    python -m venv ls && ls/bin/pip install label-studio
    ACTIVECLUST_LABEL_STUDIO=ls/bin/label-studio pytest tests/web/test_label_studio_server.py

Its first start makes its database, which takes minutes; ``ACTIVECLUST_LABEL_STUDIO_DATA`` may name a data folder in
which that was done already, and which is copied.
"""

from __future__ import annotations

import csv
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest
from sklearn.datasets import make_blobs

pytest.importorskip("starlette", reason="the back end needs activeclust[web]")

COMMAND = os.environ.get("ACTIVECLUST_LABEL_STUDIO")
TOKEN = "0123456789abcdef0123456789abcdef01234567"
NAMES = ("cat", "dog", "Hündin & co")
ROWS, ANSWERS = 60, 30
PATIENCE = 600  #: seconds; Label Studio takes minutes to start on a busy machine

pytestmark = pytest.mark.skipif(
    COMMAND is None, reason="ACTIVECLUST_LABEL_STUDIO does not name a label-studio command"
)


class Studio:
    """Label Studio's own interface for programs."""

    def __init__(self, url: str) -> None:
        self.url = url

    def ask(self, path: str, body: Any = None, method: str | None = None) -> Any:
        """The answer to a request, as JSON."""
        request = urllib.request.Request(
            self.url + path,
            None if body is None else json.dumps(body).encode(),
            {"Authorization": f"Token {TOKEN}", "Content-Type": "application/json"},
            method=method,
        )
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE) as got:
                return json.loads(got.read() or b"null")
        except urllib.error.HTTPError as error:
            pytest.fail(f"{path}: {error.code} {error.read()[:2000]!r}")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(what: Callable[[], Any], process: subprocess.Popen[bytes] | None = None) -> None:
    end = time.monotonic() + PATIENCE
    while not what():
        assert process is None or process.poll() is None, "it has ended"
        assert time.monotonic() < end, "it takes too long"
        time.sleep(0.2)


def is_up(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as got:
            return got.status == 200
    except OSError:
        return False


@contextmanager
def running(command: list[str], health: str, log: Path, **more: Any) -> Iterator[subprocess.Popen[bytes]]:
    """A server, from when it answers until it is told to end."""
    with log.open("ab") as out:
        process = subprocess.Popen(command, stdout=out, stderr=out, **more)
        try:
            wait_for(lambda: is_up(health), process)
            yield process
        finally:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        print(log.read_text(errors="replace")[-4000:])


@pytest.fixture
def studio(tmp_path: Path) -> Iterator[Studio]:
    port = free_port()
    surroundings = {
        "LABEL_STUDIO_BASE_DATA_DIR": str(tmp_path / "studio"),
        "LABEL_STUDIO_ENABLE_LEGACY_API_TOKEN": "true",
        "ML_BLOCK_LOCAL_IP": "false",
        "SSRF_PROTECTION_ENABLED": "false",
        "COLLECT_ANALYTICS": "false",
        "LATEST_VERSION_CHECK": "false",
        "SENTRY_DSN": "",
        "FRONTEND_SENTRY_DSN": "",
    }
    inherited = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    if prepared := os.environ.get("ACTIVECLUST_LABEL_STUDIO_DATA"):
        shutil.copytree(prepared, tmp_path / "studio")
    else:
        (tmp_path / "studio").mkdir()
    account = ["--username", "eva@example.com", "--password", "correct horse 1", "--user-token", TOKEN]
    command = [
        str(COMMAND),
        "start",
        "--no-browser",
        "--internal-host",
        "127.0.0.1",
        "--port",
        str(port),
        *account,
    ]
    url = f"http://127.0.0.1:{port}"
    with running(
        command, f"{url}/health", tmp_path / "studio.log", env=inherited | surroundings, cwd=tmp_path
    ):
        yield Studio(url)


class Commands:
    """Our commands over a file of three clusters and one database, in a folder."""

    def __init__(self, folder: Path) -> None:
        X, y = make_blobs(ROWS, 4, centers=3, random_state=0)
        self.folder, self.file = folder, folder / "rows.csv"
        with self.file.open("w", newline="") as out:
            csv.writer(out).writerows([["a", "b", "c", "d"], *X.tolist()])
        self.truth = [NAMES[code] for code in y]
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"

    def words(self, *words: str) -> list[str]:
        """A command line over the database."""
        return [sys.executable, "-m", "activeclust", *words, "--db", str(self.folder / "answers.db")]

    def call(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        return subprocess.run(self.words(*words), cwd=self.folder, check=True, capture_output=True, text=True)

    def back_end(self) -> AbstractContextManager[subprocess.Popen[bytes]]:
        """The back end while it is served."""
        options = ["--port", str(self.port), "--seed", "0", "--device", "cpu"]
        command = self.words("label-studio", str(self.file), *options)
        return running(command, f"{self.url}/health", self.folder / "backend.log")

    def stored(self) -> dict[int, str]:
        """The answers in the database, by row."""
        said = self.call("export", "--name", "rows").stdout
        return {int(line["row"]): line["cluster"] for line in csv.DictReader(said.splitlines())}


class Project:
    """A project of Label Studio with the tasks that our command wrote, and somebody who answers them."""

    def __init__(self, studio: Studio, ours: Commands) -> None:
        self.studio, self.truth, self.done = studio, ours.truth, dict[int, str]()
        ours.call("label-studio", str(ours.file), "--write", "project", "--clusters", ",".join(NAMES))
        config = (ours.folder / "project/config.xml").read_text()
        settings = {"title": "mine", "label_config": config, "sampling": "Uncertainty sampling"}
        self.id = studio.ask("/api/projects", settings)["id"]
        tasks = json.loads((ours.folder / "project/tasks.json").read_text())
        assert studio.ask(f"/api/projects/{self.id}/import", tasks)["task_count"] == ROWS

    def connect(self, url: str) -> None:
        """Name the back end."""
        self.studio.ask("/api/ml", {"url": url, "project": self.id, "title": "activeclust"})

    def answer(self, n: int) -> None:
        """Answer the next tasks."""
        for _ in range(n):
            task = self.studio.ask(f"/api/projects/{self.id}/next")
            row = task["data"]["row"]
            choice = {
                "from_name": "cluster", "to_name": "item", "type": "choices", "value": {"choices": [self.truth[row]]}
            }  # fmt: skip
            assert row not in self.done
            self.studio.ask(f"/api/tasks/{task['id']}/annotations", {"result": [choice], "lead_time": 2.5})
            self.done[row] = self.truth[row]

    def order(self) -> None:
        """Have the predictions of all tasks made anew."""
        everything = {"selectedItems": {"all": True, "excluded": []}}
        self.studio.ask(f"/api/dm/actions?id=retrieve_tasks_predictions&project={self.id}", everything)

    def first(self) -> dict[str, Any]:
        """The task at the top of the list."""
        return self.studio.ask(f"/api/tasks?project={self.id}&page_size=1&fields=all")["tasks"][0]

    def exported(self) -> list[dict[str, Any]]:
        """The tasks with their annotations."""
        return self.studio.ask(f"/api/projects/{self.id}/export?exportType=JSON")


def test_thirty_tasks_answered_with_a_restart_in_between(studio: Studio, tmp_path: Path) -> None:
    ours = Commands(tmp_path)
    project = Project(studio, ours)
    with ours.back_end():
        project.connect(ours.url)
        project.order()
        project.answer(15)
        wait_for(lambda: ours.stored() == project.done)
    project.answer(1)  # while nobody listens: this answer is in Label Studio alone
    (missed,) = project.done.keys() - ours.stored().keys()
    with ours.back_end():
        project.answer(13)
        wait_for(lambda: ours.stored().keys() == project.done.keys() - {missed})
        project.order()
        task = project.first()
        assert task["predictions"], task
        project.answer(ANSWERS - len(project.done))
        wait_for(lambda: ours.stored().keys() == project.done.keys() - {missed})

    exported = project.exported()
    theirs = {
        task["data"]["row"]: annotation["result"][0]["value"]["choices"][0]
        for task in exported
        for annotation in task["annotations"]
    }
    assert theirs == project.done and len(theirs) == ANSWERS
    (tmp_path / "export.json").write_text(json.dumps(exported))
    for added in ("1 new event,", "0 new events,"):  # what was missed, and nothing the second time
        told = ours.call("import", str(tmp_path / "export.json"), "--name", "rows").stderr
        assert added in told, told
        assert ours.stored() == theirs
