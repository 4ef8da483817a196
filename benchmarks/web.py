"""How fast the annotation page is: ``python benchmarks/web.py [--rows mnist] [--out docs/figures]``.

The real command serves real rows in a process of its own; a client of the same machine answers as the page
does, one post an answer, at several paces. Measured are the time from an answer to the next rows, the time
until a posterior knows of the answer, and how often no row was ready. Where chromium is installed, so is what
a person sees: from the key to the next row on the screen.

Writes web.csv and web.png. ``cpu_s`` is what the server's process used for an answer, its model included: it
says what the wall-clock times would be on a machine that is not shared.
"""

from __future__ import annotations

import argparse
import csv
import http.client
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from activeclust.datasets import load

PACES = (0.5, 1.0, 2.0)  # seconds a person looks at a row
ANSWER_LIMIT, POSTERIOR_LIMIT = 0.1, 1.0  # seconds, at the median
PORT = 8790
AHEAD = 3  # rows the page holds
COLUMNS = ("data", "rows", "what", "pace_s", "answers", "median_s", "p90_s", "none_ready", "cpu_s", "load")


class Server:
    """``activeclust annotate`` in a process of its own."""

    def __init__(self, data: str, folder: str) -> None:
        command = [sys.executable, "-m", "activeclust", "annotate", data, "--ui", "web", "--no-browser"]
        more = ["--port", str(PORT), "--seed", "0", "--name", "bench"]
        self.process = subprocess.Popen([*command, *more], cwd=folder, stderr=subprocess.PIPE, text=True)
        assert self.process.stderr is not None
        self.url = next(found[0] for line in self.process.stderr if (found := re.search(r"http://\S+", line)))

    def cpu(self) -> float:
        """Seconds of processor time used so far."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def end(self) -> None:
        """As Ctrl-C does."""
        self.process.send_signal(signal.SIGINT)
        self.process.communicate(timeout=120)


class Client:
    """The page's requests over one connection."""

    def __init__(self, url: str) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=120)
        self.connection.request("GET", url[url.index("/?") :])
        reply = self.connection.getresponse()
        reply.read()
        self.cookie = reply.headers["set-cookie"].partition(";")[0]
        self.key = reply.headers["location"].partition("#key=")[2]

    def call(self, path: str, body: dict | None = None) -> dict[str, Any]:
        """A read, or a write where there is a body."""
        headers = {"Cookie": self.cookie, "X-Activeclust-Key": self.key, "Origin": f"http://127.0.0.1:{PORT}"}
        if body is None:
            self.connection.request("GET", path, headers=headers)
        else:
            headers["Content-Type"] = "application/json"
            self.connection.request("POST", path, json.dumps(body), headers)
        reply = self.connection.getresponse()
        text = reply.read().decode()
        if reply.status != 200:
            raise RuntimeError(f"{path} was answered with {reply.status}: {text}")
        return json.loads(text)


def label(client: Client, names: list[str], pace: float, answers: int, mark: str) -> dict[str, Any]:
    """A person who needs ``pace`` seconds a row: times of the answers and of the posteriors behind them."""
    held: list[int] = []
    took, waits, none_ready = [], [], 0
    waiting: list[tuple[int, float]] = []  # (event, when it was written)

    def look_until(end: float) -> None:
        while True:
            state = client.call("/api/state")
            now = time.perf_counter()
            waits.extend(now - at for seq, at in waiting if seq <= _known(state))
            waiting[:] = [(seq, at) for seq, at in waiting if seq > _known(state)]
            if now >= end:
                return
            time.sleep(min(0.02, max(0.0, end - now)))

    for i in range(answers):
        if not held:
            none_ready += i > 0
            while not held:
                held = [q["row"] for q in client.call("/api/next", {"want": AHEAD})["queries"]]
        row = held.pop(0)
        look_until(time.perf_counter() + pace)
        body = {"row": row, "name": names[row], "client_id": f"{mark}-{i}", "want": AHEAD, "have": held}
        start = time.perf_counter()
        reply = client.call("/api/answer", body)
        took.append(time.perf_counter() - start)
        waiting.append((reply["seq"], time.perf_counter()))
        held += [q["row"] for q in reply["queries"] if q["row"] not in held and q["row"] != row]
    while waiting:
        look_until(time.perf_counter() + 0.2)
    return {"took": np.array(took), "waits": np.array(waits), "none_ready": none_ready}


def _known(state: dict[str, Any]) -> int:
    return state["seq"]


def seen(client: Client, names: list[str], answers: int) -> np.ndarray | None:
    """Seconds from the key to the next row on the screen, in chromium; None where it is not installed."""
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not (chromium and driver):
        return None
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for flag in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"):
        options.add_argument(flag)
    browser = webdriver.Chrome(options=options, service=Service(driver))
    try:
        browser.set_script_timeout(600)
        browser.get(
            f"http://127.0.0.1:{PORT}/favicon.ico"
        )  # an address lets one browser in: this is the client's
        name, _, value = client.cookie.partition("=")
        browser.add_cookie({"name": name, "value": value, "path": "/"})
        browser.get(f"http://127.0.0.1:{PORT}/#key={client.key}")
        times = browser.execute_async_script(_PRESS, names, answers)
        if isinstance(times, str):
            raise RuntimeError(times)
        return np.array(times) / 1000
    finally:
        browser.quit()


_PRESS = """
const [names, answers, done] = arguments;
const title = document.getElementById("question-title");
const row = () => Number((title.textContent.match(/^Row ([\\d,]+)/) ?? [])[1]?.replaceAll(",", "") ?? NaN);
const frame = () => new Promise((next) => requestAnimationFrame(() => setTimeout(next)));
(async () => {
  const times = [];
  while (times.length < answers) {
    while (Number.isNaN(row())) await frame();
    const at = row();
    await new Promise((next) => setTimeout(next, 1000));
    const button = [...document.querySelectorAll("#suggestions button, #others button")]
      .find((b) => b.querySelector(".name").textContent === names[at]);
    const begun = performance.now();
    button.click();
    while (Number.isNaN(row()) || row() === at) await frame();
    await frame();
    times.push(performance.now() - begun);
  }
  done(times);
})().catch((error) => done(`${error}`));
"""


def measure(data: str, answers: int) -> list[dict[str, Any]]:
    """Lines of the table."""
    loaded = load(data)
    names = [f"cluster {label}" for label in loaded.oracle_labels()]
    lines = []

    def line(what: str, pace: float, times: np.ndarray, none_ready: Any, cpu: float) -> None:
        median, high = np.median(times), np.quantile(times, 0.9)
        given = (data, len(names), what, pace, len(times), f"{median:.4f}", f"{high:.4f}", none_ready)
        busy = f"{os.getloadavg()[0]:.1f}"
        lines.append(dict(zip(COLUMNS, (*given, f"{cpu:.3f}", busy), strict=True)))
        print(lines[-1], file=sys.stderr, flush=True)

    with tempfile.TemporaryDirectory() as folder:
        server = Server(data, folder)
        try:
            client = Client(server.url)
            for pace in PACES:
                before = server.cpu()
                got = label(client, names, pace, answers, f"pace-{pace}")
                cpu = (server.cpu() - before) / answers
                line("answer to next rows", pace, got["took"], got["none_ready"], cpu)
                line("answer to posterior", pace, got["waits"], "", cpu)
            before = server.cpu()
            shown = seen(client, names, answers)
            if shown is not None:
                line("key to next row on the screen", 1.0, shown, "", (server.cpu() - before) / answers)
        finally:
            server.end()
    return lines


def draw(lines: list[dict[str, Any]], path: Path) -> None:
    """Medians and 90th percentiles, with the two limits."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(8, 0.55 * len(lines) + 1.6), layout="constrained")
    for place, given in enumerate(reversed(lines)):
        median, high = float(given["median_s"]), float(given["p90_s"])
        colour = "#0072b2" if "posterior" not in given["what"] else "#e69f00"
        axes.barh(place, median, color=colour)
        axes.plot([median, high], [place, place], color="#333", lw=1.5, marker="|", markevery=[1])
    texts = [f"{given['what']}, one in {given['pace_s']} s" for given in reversed(lines)]
    axes.set_yticks(range(len(lines)), texts)
    axes.axvline(ANSWER_LIMIT, color="#0072b2", ls=":", label="wanted for the next row: 0.1 s")
    axes.axvline(POSTERIOR_LIMIT, color="#e69f00", ls=":", label="wanted for the posterior: 1 s")
    axes.set(xscale="log", xlabel="seconds: median, and to the 90th percentile")
    axes.set_title(f"The page over {lines[0]['rows']:,} rows", loc="left")
    axes.legend(loc="upper center", bbox_to_anchor=(0.4, -0.18), ncols=2, frameon=False)
    figure.savefig(path, dpi=120)


def main() -> None:
    """Measure, write, draw."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", default="mnist", help="data set or file with labels")
    parser.add_argument("--answers", type=int, default=40, help="answers a pace")
    parser.add_argument("--out", type=Path, default=Path("docs/figures"))
    given = parser.parse_args()
    lines = measure(given.rows, given.answers)
    given.out.mkdir(parents=True, exist_ok=True)
    with (given.out / "web.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(lines)
    draw(lines, given.out / "web.png")


if __name__ == "__main__":
    main()
