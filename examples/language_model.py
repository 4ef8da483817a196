"""A language model answers, and a person if it is unsure; then a person answers the same rows, to measure agreement.

Replace the server by yours (OpenAI's, vLLM's, Ollama's, llama.cpp's ...). Here it is a small one that this script
starts on a free port of this machine. It speaks the same protocol, decodes the picture that it receives, and answers by
the nearest of 300 digits that are not in the loop; if these disagree it is unsure.
"""

from __future__ import annotations

import base64
import io
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from matplotlib.image import imread
from openai import OpenAI
from sklearn.neighbors import KNeighborsClassifier

from activeclust import ActiveLoop
from activeclust.annotators import llm
from activeclust.datasets import load
from activeclust.store.agreement import agreement

NAMES = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
digits = load("digits")
X, y, images = digits.X[:600], [NAMES[label] for label in digits.y[:600]], digits.items[:600]
knows = KNeighborsClassifier(5).fit([image.ravel() for image in digits.items[600:900]], digits.y[600:900])


class Model(BaseHTTPRequestHandler):
    """POST /v1/chat/completions, with one picture at the end."""

    def do_POST(self):
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        url = request["messages"][-1]["content"][-1]["image_url"]["url"]
        picture = imread(io.BytesIO(base64.b64decode(url.split(",")[1])))
        shares = knows.predict_proba([picture[14::28, 14::28, 0].ravel()])[0]
        name = NAMES[shares.argmax()] if shares.max() == 1 else None
        known = f'- "{name}"' in request["messages"][1]["content"][0]["text"]
        reply = {
            "cluster": name if known else None,
            "new_cluster": None if known else name,
            "unsure": name is None,
        }
        message = {"role": "assistant", "content": json.dumps(reply)}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        usage = {"prompt_tokens": 800, "completion_tokens": 20, "total_tokens": 820}
        body = {"id": "1", "object": "chat.completion", "created": 0, "model": request["model"]}
        data = json.dumps(body | {"choices": [choice], "usage": usage}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_):
        pass


def person(query):
    """Somebody who knows the digits, and now and then slips."""
    return "one" if query.row % 50 == 0 else y[query.row]


shared = {
    "items": images,
    "store": "both.db",
    "name": "both",
    "annotators": 2,
    "resume": "auto",
    "random_state": 0,
}
with ThreadingHTTPServer(("127.0.0.1", 0), Model) as server:
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with OpenAI(base_url=f"http://127.0.0.1:{server.server_port}/v1", api_key="none") as client:
        ask = llm(
            client,
            "Which digit has been written? Name clusters in English: zero to nine.",
            model="small",
            prices=(0.15, 0.60),
            fallback=lambda query: y[query.row],
        )
        loop = ActiveLoop(X, ask, who="model", batch_size=8, labels_true=y, **shared)
        loop.run(budget=60)
    server.shutdown()

used = ask.usage
print(
    f"model: {used.answered} answers, {used.unsure} for a person, {used.requests} requests, {used.cost:.4f} dollars"
)
print(f"accuracy of the partition: {loop.metrics()['accuracy']:.2f}")

loop = ActiveLoop(X, person, who="eva", batch_size=8, labels_true=y, **shared)
loop.run(budget=60)
both = agreement(loop.stored.votes())
print(f"{both.n_rows} rows answered by {' and '.join(both.annotators)}, {both.n_disputed} disputed")
print(f"Cohen's kappa {both.cohen['eva', 'model']:.2f}")
