"""Where files are made: nothing of it is left, also where the process was killed, and nothing of others is touched."""

import os
import signal
import subprocess
import sys

import pytest

from activeclust.resources.output import write_atomically, write_text
from activeclust.resources.unfinished import beside

HALF = """
import sys, time
from activeclust.resources.output import write_atomically
with write_atomically(sys.argv[1]) as file:
    file.write(b"half")
    file.flush()
    print("begun", flush=True)
    time.sleep(600)
"""


def begun(target):
    """A process that has begun to write ``target`` and does not end by itself."""
    process = subprocess.Popen([sys.executable, "-c", HALF, str(target)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None and process.stdout.readline() == "begun\n"
    return process


def end(process):
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()


def names(folder):
    return sorted(file.name for file in folder.iterdir())


def test_what_a_killed_process_left_is_removed_by_the_next_one(tmp_path):
    target, other = tmp_path / "answers.csv", tmp_path / "others.csv"
    target.write_text("before")
    for place in (target, target, other):
        end(begun(place))
        assert target.read_text() == "before" and len(names(tmp_path)) == 2  # half of one is there
    write_text(target, "after")
    assert target.read_text() == "after" and names(tmp_path) == ["answers.csv"]


def test_what_a_living_process_is_writing_stays(tmp_path):
    target = tmp_path / "answers.csv"
    process = begun(target)
    try:
        before = names(tmp_path)
        write_text(target, "after")
        assert names(tmp_path) == sorted([*before, "answers.csv"])
    finally:
        end(process)


def test_what_only_looks_alike_stays(tmp_path):
    target = tmp_path / "answers.csv"
    with beside(target) as folder:
        assert folder.match(".activeclust-*.part")
    mine, link = tmp_path / ".activeclust-0.part", tmp_path / ".activeclust-1.part"
    mine.write_text("mine")
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "mine").write_text("mine")
    link.symlink_to(tmp_path / "kept", target_is_directory=True)
    write_text(target, "after")
    assert mine.read_text() == "mine" and link.is_symlink() and (tmp_path / "kept" / "mine").is_file()


def test_two_at_once_each_have_their_own(tmp_path):
    target = tmp_path / "answers.csv"
    with write_atomically(target) as first:
        first.write(b"first")
        with write_atomically(target) as second:
            second.write(b"second")
        assert target.read_bytes() == b"second"
    assert target.read_bytes() == b"first" and names(tmp_path) == ["answers.csv"]


@pytest.mark.skipif(os.name != "posix", reason="folders have no such permissions")
def test_nobody_else_can_read_it_before_it_is_done(tmp_path):
    with beside(tmp_path / "answers.csv") as folder:
        assert folder.stat().st_mode & 0o077 == 0
    assert names(tmp_path) == []
