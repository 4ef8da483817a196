"""Processes that are killed, and processes that all come at once."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from activeclust.store import open_store
from activeclust.store.records import RunSpec
from activeclust.store.sql.check import check

WORKER = Path(__file__).with_name("worker.py")
if sys.platform == "win32":
    pytest.skip("needs fork and SIGKILL", allow_module_level=True)

sys.path.insert(0, str(WORKER.parent))
from worker import N_ROWS, answer  # noqa: E402


class Worker:
    """The other end of worker.py."""

    def __init__(self, folder: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, str(WORKER), str(folder / "warm")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.read() == "ready"

    def tell(self, *words: object) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write("\t".join(map(str, words)) + "\n")
        self.process.stdin.flush()

    def read(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().rstrip("\n")

    def read_until(self, last: str) -> list[str]:
        lines = [self.read()]
        while lines[-1] != last:
            assert lines[-1] != "" or self.process.poll() is None, "the worker died"
            lines.append(self.read())
        return lines[:-1]


@pytest.fixture
def worker(tmp_path: Path) -> Iterator[Worker]:
    worker = Worker(tmp_path)
    yield worker
    assert worker.process.stdin is not None and worker.process.stdout is not None
    worker.process.stdin.close()
    worker.process.wait(timeout=30)
    worker.process.stdout.close()


def test_kill_at_100_moments_loses_and_doubles_nothing(worker: Worker, tmp_path: Path) -> None:
    path, moments = tmp_path / "answers.db", random.Random(0)
    acknowledged = 0  # answers 0 .. acknowledged - 1 have been
    for kill in range(100):
        worker.tell("stream", path, acknowledged)
        pid = int(worker.read().removeprefix("pid "))
        # by turns while the file is being made or opened, and while answers stream in
        lines = [worker.read()] if kill % 2 else []
        time.sleep(moments.uniform(0, 0.03 if lines else 0.08))
        os.kill(pid, signal.SIGKILL)
        worker.tell("wait")
        lines += worker.read_until("waited")
        assert lines.pop() == f"exit {-signal.SIGKILL}"
        assert lines == [f"ack {acknowledged + i}" for i in range(len(lines))]
        acknowledged += len(lines)
    assert acknowledged > 25, "hardly anything was written before a kill"

    store = open_store(path)
    stored = store.open_run("stream").events()
    store.close()
    # the answer under way at the last kill may have been committed; it was not acknowledged
    assert acknowledged <= len(stored) <= acknowledged + 1
    for number, event in enumerate(stored):
        expected = answer(number)
        assert (event.seq, event.client_id) == (number + 1, expected.client_id)
        assert (event.kind, event.row, event.cluster) == (expected.kind, expected.row, expected.cluster)
        assert event.annotator == expected.annotator
    assert check(path).ok


def test_32_processes_open_one_new_file_at_once_under_a_readers_eyes(worker: Worker, tmp_path: Path) -> None:
    path, start = tmp_path / "answers.db", time.time() + 1.5
    for number in range(32):
        worker.tell("crowd", path, f"person {number}", start)
    worker.tell("wait")
    seen: list[tuple[int, int]] = []
    done = threading.Event()

    def watch() -> None:
        while not path.exists():
            time.sleep(0.01)
        store = open_store(path)
        while not store.runs():
            time.sleep(0.01)
        run = store.open_run("crowd")
        with store.engine.connect() as held, held.begin():  # a report that takes all the time there is
            held.exec_driver_sql("SELECT count(*) FROM activeclust_event").scalar()
            while not done.is_set():
                snapshot = run.snapshot()
                seen.append((len(snapshot.anchors), snapshot.last_seq))
                time.sleep(0.02)
        store.close()

    reader = threading.Thread(target=watch)
    reader.start()
    lines = worker.read_until("waited")
    done.set()
    reader.join()
    assert [line for line in lines if line.startswith("error")] == []
    assert lines.count("exit 0") == 32
    taken = sorted(int(line.removeprefix("ack ")) for line in lines if line.startswith("ack"))
    assert taken == list(range(128)), "every row was asked once"
    assert seen and all(anchors == events for anchors, events in seen) and seen == sorted(seen)
    assert check(path).ok and check(path).n_events == 128
    store = open_store(path)
    rounds = store.open_run("crowd").rounds()
    store.close()
    assert [record.index for record in rounds] == taken, "no round took another's place"
    assert sorted(row for record in rounds for row in record.asked) == taken


def test_disk_full_is_said_and_takes_nothing_back(worker: Worker, tmp_path: Path) -> None:
    path = tmp_path / "answers.db"
    worker.tell("fill", path, 2_000_000)
    worker.tell("wait")
    lines = worker.read_until("waited")
    acknowledged = [line for line in lines if line.startswith("ack")]
    assert lines[-1] == "exit 1"
    assert lines[-2].startswith("error StoreUnavailable") and str(path) in lines[-2]
    assert len(acknowledged) > 10
    store = open_store(path)
    events = store.open_run("fill").events()
    assert [event.cluster for event in events] == [f"{number:01000}" for number in range(len(acknowledged))]
    store.open_run("fill").append(answer(1))
    store.close()
    assert check(path).ok


def test_a_file_opened_twice_in_a_process_keeps_its_locks(tmp_path: Path) -> None:
    """Another process that opens and leaves the file does not take the write-ahead log along."""
    path = tmp_path / "answers.db"
    store = open_store(path)
    run = store.create_run(RunSpec("run", "entropy", 0, N_ROWS, "h", "m"))
    run.append(answer(0))
    for _ in range(2):
        again = open_store(path)  # as a second loop does, or a look for runs
        assert len(again.open_run("run").events()) == 1
        again.close()
    elsewhere = "import sys; from activeclust.store import open_store; open_store(sys.argv[1]).runs()"
    subprocess.run([sys.executable, "-c", elsewhere, str(path)], check=True)
    assert run.append(answer(1)).seq == 2
    store.close()
    assert check(path).ok
