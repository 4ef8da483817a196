"""The server itself: its socket, connections that say nothing, the way from the command to the browser."""

from __future__ import annotations

import contextlib
import http.client
import re
import socket
import stat
import threading

import pytest

pytest.importorskip("uvicorn", reason="the page needs activeclust[web]")
import uvicorn

from activeclust.errors import InvalidInput
from activeclust.web import check_reach, connections, server


async def app(scope, receive, send):
    """Says hello."""
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"hi"})


@pytest.fixture
def port(monkeypatch):
    """A server of its own in a thread."""
    monkeypatch.setattr(connections, "SLOWEST_HEAD", 2.0)
    monkeypatch.setattr(connections, "MOST_SILENT", 5)
    listening = server.bind(None, first=18421)
    config = uvicorn.Config(
        app, log_level="warning", http=connections.PromptProtocol, lifespan="off", ws="none"
    )
    running = uvicorn.Server(config)
    running.install_signal_handlers = lambda: None
    thread = threading.Thread(target=running.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    yield listening.getsockname()[1]
    running.should_exit = True
    thread.join()
    listening.close()


def hello(port: int) -> str:
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=60)) as connection:
        connection.request("GET", "/")
        return connection.getresponse().read().decode()


def silent(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=60)


def test_connections_that_say_nothing_keep_nobody_out(port):
    half_open = [silent(port) for _ in range(30)]
    for each in half_open[::2]:
        each.sendall(b"GET / HTTP/1.1\r\nHost: ")
    assert hello(port) == "hi"
    half_open[0].settimeout(60)
    with contextlib.suppress(ConnectionResetError):
        assert half_open[0].recv(1) == b"", "the oldest went for the newer ones"
    for each in half_open:
        each.close()


def test_a_connection_that_says_nothing_is_closed(port):
    with contextlib.closing(silent(port)) as waiting:
        waiting.settimeout(60)
        with contextlib.suppress(ConnectionResetError):
            assert waiting.recv(1) == b""


def test_what_is_no_http_is_refused_with_the_headers(port):
    with contextlib.closing(silent(port)) as hostile:
        hostile.sendall(b"\x00\x01\r\n\r\n")
        hostile.settimeout(60)
        got = b""
        while more := hostile.recv(4096):
            got += more
    assert got.startswith(b"HTTP/1.1 400") and b"content-security-policy" in got


def test_what_connects_does_not_wait_for_more_to_send():
    """asyncio sets TCP_NODELAY where the socket names its protocol; without it each response waits 40 ms."""
    with contextlib.closing(server.bind(None, first=18421)) as listening:
        assert listening.proto == socket.IPPROTO_TCP


def test_the_browser_is_led_by_a_file_that_only_its_owner_reads():
    with server.redirect_file("http://127.0.0.1:1/?token=a&b") as file:
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
        assert re.search(r'url=http://127.0.0.1:1/\?token=a&amp;b"', file.read_text())
    assert not file.exists()


def test_a_run_has_a_port_of_its_own():
    ports = {server.port_of(f"run {number}") for number in range(50)}
    assert len(ports) > 30 and all(8421 <= port < 8921 for port in ports)
    with contextlib.closing(server.bind(None, first=18421)) as listening:
        taken = listening.getsockname()[1]
        with pytest.raises(InvalidInput, match=f"Port {taken}"):
            server.bind(taken)


@pytest.mark.parametrize(
    ("host", "password", "says"),
    [
        ("0.0.0.0", None, "give a password"),
        ("127.0.0.1", "short", "at least 8"),
        ("::", None, "give a password"),
    ],
)
def test_nobody_listens_to_other_machines_without_a_password(host, password, says):
    with pytest.raises(InvalidInput, match=says):
        check_reach(host, password)
    check_reach("127.0.0.1", None)
    check_reach("0.0.0.0", "long enough")
