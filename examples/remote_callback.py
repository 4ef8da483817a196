"""A labelling service answers over the network, eight questions at once; it fails, and nothing is lost.

Replace the service by yours: here it is a small HTTP server that this script starts on a free port of this machine. It
takes ``{"row": 7, "pixels": [...]}`` and gives ``{"label": "seven"}``, and breaks down in the middle.
"""

from __future__ import annotations

import asyncio
import json
import threading
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from activeclust import ActiveLoop
from activeclust.annotators import batch
from activeclust.datasets import load
from activeclust.errors import AnnotatorFailed

NAMES = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
digits = load("digits")
X, y, images = digits.X[:300], digits.y[:300], digits.items[:300]


class Service(BaseHTTPRequestHandler):
    """Somebody who knows the labels."""

    asked = 0

    def do_POST(self):
        question = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        Service.asked += 1
        broken = Service.asked == 20
        answer = json.dumps({"label": NAMES[y[question["row"]]]}).encode()
        self.send_response(500 if broken else 200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_):
        pass


def post(query):
    question = json.dumps({"row": query.row, "pixels": query.item.ravel().tolist()}).encode()
    request = urllib.request.Request(url, question, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=10) as reply:
        return json.load(reply)["label"]


@batch
async def ask(queries):
    """All questions of a round at once."""
    return await asyncio.gather(*(asyncio.to_thread(post, query) for query in queries))


with ThreadingHTTPServer(("127.0.0.1", 0), Service) as server:
    url = f"http://127.0.0.1:{server.server_port}/label"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    for attempt in ("first", "second"):
        loop = ActiveLoop(
            X,
            ask,
            items=images,
            store="remote.db",
            name="remote",
            resume="auto",
            batch_size=8,
            random_state=0,
            labels_true=[NAMES[label] for label in y],
        )
        try:
            loop.run(budget=40)
        except AnnotatorFailed as error:
            print(f"{attempt} attempt: {error}")
    server.shutdown()

print(f"{len(loop.anchors)} answers by {Service.asked} questions, accuracy {loop.metrics()['accuracy']:.2f}")
