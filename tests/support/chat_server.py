"""A server on this machine that speaks the chat protocol of OpenAI, for tests and the documentation's example."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Broken(Exception):
    """Raised by a ``reply`` function: the server answers with this status."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class ChatServer:
    """Serves ``POST /v1/chat/completions``; ``reply(request)`` gives the message's text, or raises :class:`Broken`.

    Attributes
    ----------
    url : str
        For ``OpenAI(base_url=...)``.
    requests : list of dict
        The bodies that came, in their order.
    """

    def __init__(self, reply: Callable[[dict[str, Any]], str | None], *, finish_reason: str = "stop") -> None:
        self.requests: list[dict[str, Any]] = []
        self.usage: dict[str, int] | None = {
            "prompt_tokens": 100,
            "completion_tokens": 10,
            "total_tokens": 110,
        }
        lock, outer = threading.Lock(), self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                with lock:
                    outer.requests.append(body)
                if self.path != "/v1/chat/completions":
                    return self.send(404, {"error": {"message": "no such path"}})
                try:
                    text = reply(body)
                except Broken as error:
                    return self.send(error.status, {"error": {"message": "broken"}})
                message = {"role": "assistant", "content": text}
                choice = {"index": 0, "message": message, "finish_reason": finish_reason}
                return self.send(200, {
                    "id": "1", "object": "chat.completion", "created": 0, "model": body["model"],
                    "choices": [choice], "usage": outer.usage,
                })  # fmt: skip

            def send(self, status: int, document: dict[str, Any]) -> None:
                data = json.dumps(document).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/v1"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def __enter__(self) -> ChatServer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def texts(request: dict[str, Any]) -> list[str]:
    """The texts of a request's first user message."""
    return [part["text"] for part in request["messages"][1]["content"] if part["type"] == "text"]


def pictures(request: dict[str, Any]) -> list[str]:
    """The pictures' URLs of a request's first user message."""
    return [
        part["image_url"]["url"] for part in request["messages"][1]["content"] if part["type"] == "image_url"
    ]


def answer(cluster: str | None = None, new: str | None = None, unsure: bool = False) -> str:
    """A reply as the prompt asks for it."""
    return json.dumps({"cluster": cluster, "new_cluster": new, "unsure": unsure})
