"""What commands write is complete under its name, or what was there before; nothing beside it is touched."""

from __future__ import annotations

import os
import threading

import pytest

from activeclust.errors import DataFileError
from activeclust.resources.output import write_atomically, write_text


def test_what_fails_leaves_what_was_there(tmp_path):
    target, users_own = tmp_path / "a.csv", tmp_path / "a.csv.part"
    target.write_text("before")
    users_own.write_text("mine")
    with pytest.raises(RuntimeError), write_atomically(target) as file:
        file.write(b"half")
        raise RuntimeError
    assert target.read_text() == "before" and users_own.read_text() == "mine"
    write_text(target, "ü\r\n")
    assert target.read_bytes() == "ü\r\n".encode()
    assert sorted(file.name for file in tmp_path.iterdir()) == ["a.csv", "a.csv.part"]


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o755])
def test_permissions_are_kept(tmp_path, mode):
    target = tmp_path / "a.csv"
    target.touch()
    target.chmod(mode)
    write_text(target, "x")
    assert target.stat().st_mode & 0o777 == mode


def test_a_new_file_is_as_the_user_wants_new_files(tmp_path):
    before = os.umask(0o027)
    try:
        write_text(tmp_path / "a.csv", "x")
    finally:
        os.umask(before)
    assert (tmp_path / "a.csv").stat().st_mode & 0o777 == 0o640


def test_a_symbolic_link_stays_one(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "a.csv").write_text("before")
    (tmp_path / "link.csv").symlink_to(tmp_path / "real" / "a.csv")
    (tmp_path / "new.csv").symlink_to(tmp_path / "real" / "new.csv")
    for name in ("link.csv", "new.csv"):
        write_text(tmp_path / name, "after")
        assert (tmp_path / name).is_symlink() and (tmp_path / name).read_text() == "after"
    assert sorted(file.name for file in (tmp_path / "real").iterdir()) == ["a.csv", "new.csv"]


def test_what_is_no_regular_file_is_written_into(tmp_path):
    pipe, found = tmp_path / "pipe", []
    os.mkfifo(pipe)
    reader = threading.Thread(target=lambda: found.append(pipe.read_bytes()))
    reader.start()
    write_text(pipe, "through")
    reader.join()
    assert found == [b"through"] and pipe.is_fifo()
    write_text("/dev/null", "away")
    assert not os.path.isfile("/dev/null")  # noqa: PTH113


def test_what_cannot_be_written_is_said(tmp_path):
    for target in (tmp_path / "no" / "a.csv", tmp_path):
        with pytest.raises(DataFileError, match="Cannot write"):
            write_text(target, "x")
