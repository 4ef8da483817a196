"""Python processes that start at once: forks of a server that has imported the package and its libraries.

``run`` and ``start`` take what follows ``python`` on a command line: ``-W error``, then ``-c CODE``, ``-m MODULE`` or a
script, and arguments. Each process has its own folder, environment, streams and signals, and ends as any other; only
the seconds of importing torch and scikit-learn are spent once per test session.
"""

from __future__ import annotations

import atexit
import json
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
import tempfile
import types
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

PRELOADED = (
    "activeclust.cli.loop", "activeclust.cli.annotate", "activeclust.clusterer.estimator",
    "activeclust.compare.execute",
    "activeclust.datasets.loading", "activeclust.loop.active_loop", "activeclust.loop.report",
    "activeclust.pfn.inference", "activeclust.store.sql.store", "activeclust.zeroshot.discover", "matplotlib.pyplot",
    "pandas", "sklearn.neighbors", "sklearn.decomposition", "sklearn.preprocessing", "torch",
)  # fmt: skip


class Process:
    """A running process, with the methods of :class:`subprocess.Popen` that tests use."""

    def __init__(self, connection: socket.socket) -> None:
        self._lines = connection.makefile("r")
        self._connection = connection
        self.returncode: int | None = None
        self.pid = int(self._lines.readline())

    def poll(self) -> int | None:
        """The exit status, negative for a signal; None while the process runs."""
        if self.returncode is None and select.select([self._connection], [], [], 0)[0]:
            return self.wait()
        return self.returncode

    def wait(self) -> int:
        """The exit status, once the process has ended."""
        if self.returncode is None:
            self.returncode = os.waitstatus_to_exitcode(int(self._lines.readline()))
            self._lines.close()
            self._connection.close()
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Send a signal to the process; nothing where it has ended, since another one may have its number."""
        if self.poll() is None:
            os.kill(self.pid, number)


def start(
    words: Sequence[str],
    *,
    cwd: Path,
    env: Mapping[str, str] | None = None,
    stdin: Any = subprocess.DEVNULL,
    stdout: Any = subprocess.DEVNULL,
    stderr: Any = subprocess.DEVNULL,
) -> Process:
    """Start a process; streams are open files, file descriptors or ``subprocess.DEVNULL``."""
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(_server())
    with open(os.devnull, "r+b") as nothing:  # noqa: PTH123 (no path)
        files = [nothing if stream == subprocess.DEVNULL else stream for stream in (stdin, stdout, stderr)]
        numbers = [file if isinstance(file, int) else file.fileno() for file in files]
        asked = {"words": list(words), "cwd": str(cwd), "env": dict(os.environ if env is None else env)}
        data = json.dumps(asked).encode()
        socket.send_fds(connection, [len(data).to_bytes(8, "big")], numbers)
        connection.sendall(data)
        return Process(connection)


def run(
    words: Sequence[str], *, cwd: Path, env: Mapping[str, str] | None = None, text: str = ""
) -> subprocess.CompletedProcess[str]:
    """Run a process to its end, with ``text`` as its input."""
    with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        given.write(text.encode())
        given.seek(0)
        status = start(words, cwd=cwd, env=env, stdin=given, stdout=out, stderr=err).wait()
        said = []
        for file in (out, err):
            file.seek(0)
            said.append(file.read().decode())
    return subprocess.CompletedProcess(list(words), status, *said)


_started: list[str] = []


def _server() -> str:
    """The address of this session's server, which ends with the session."""
    if not _started:
        folder = tempfile.TemporaryDirectory()
        address = os.path.join(folder.name, "s")  # noqa: PTH118 (short: addresses are limited to 107 bytes)
        process = subprocess.Popen(
            [sys.executable, __file__, address],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,  # Ctrl-C is for the tests
        )
        assert process.stdin is not None and process.stdout is not None
        assert process.stdout.readline() == b"ready\n", "the server of warm processes did not start"

        def end() -> None:
            process.stdin.close()
            process.stdout.close()
            process.wait()
            folder.cleanup()

        atexit.register(end)
        _started.append(address)
    return _started[0]


# ---------------------------------------------------------------- in the server's process


def serve(address: str) -> dict[str, Any]:
    """Answer requests until the input ends; in each forked process, return what it is to run."""
    import importlib

    for name in PRELOADED:
        importlib.import_module(name)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(address)
    listener.listen()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # keepers are not waited for
    print("ready", flush=True)
    while True:
        if sys.stdin in select.select([listener, sys.stdin], [], [])[0]:
            os._exit(0)
        connection, _ = listener.accept()
        if os.fork() == 0:  # the keeper of one process
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            listener.close()
            return keep(connection)
        connection.close()


def keep(connection: socket.socket) -> dict[str, Any]:
    """Start one process, report its number and its end; in that process, return what it is to run."""
    size, files, _, _ = socket.recv_fds(connection, 8, 3)
    stream = connection.makefile("rb")
    asked = json.loads(stream.read(int.from_bytes(size, "big")))
    child = os.fork()
    if child == 0:
        stream.close()
        connection.close()
        for number, file in enumerate(files):
            os.dup2(file, number)
            os.close(file)
        return asked
    for file in files:
        os.close(file)
    connection.sendall(f"{child}\n".encode())
    _, status = os.waitpid(child, 0)
    connection.sendall(f"{status}\n".encode())
    os._exit(0)


def become(asked: dict[str, Any]) -> None:
    """Run what was asked for, as ``python`` would."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.chdir(asked["cwd"])
    os.environ.clear()
    os.environ.update(asked["env"])
    words = asked["words"]
    if words[:1] == ["-W"]:
        warnings.simplefilter(words[1])
        words = words[2:]
    how, *rest = words
    if how == "-m":
        sys.argv, sys.path[0] = rest, asked["cwd"]
        runpy.run_module(rest[0], run_name="__main__", alter_sys=True)
    elif how == "-c":
        sys.argv, sys.path[0] = ["-c", *rest[1:]], ""
        main = sys.modules["__main__"] = types.ModuleType("__main__")
        exec(compile(rest[0], "<string>", "exec"), main.__dict__)
    else:
        sys.argv, sys.path[0] = words, str(Path(how).resolve().parent)
        runpy.run_path(how, run_name="__main__")


if __name__ == "__main__":
    become(serve(sys.argv[1]))
