"""How fast the map moves in a real browser: ``python benchmarks/map_frames.py [--rows 70000 1000000] [--out FOLDER]``.

The page's own plot (scatterplot.js) with its own painters is made in chromium over points of a known kind and panned,
frame after frame; the page behind it is the real one, over other rows. Without a graphics card WebGL is computed by
SwiftShader on the processor, which is far slower than a card; the page then draws pixel by pixel (canvas), with fewer
pixels while the map moves. ``draw_ms`` is the time that the page's own code needs for a frame, ``frame_ms`` the time
from one frame to the next, ``cpu_ms`` the processor time of the browser's processes for a frame.

Writes map-frames.csv.
"""

from __future__ import annotations

import argparse
import csv
import os
import shutil
import signal
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "support"))
from person import FLAGS, Person, Server, wait

FRAMES = 60
COLUMNS = ("rows", "painter", "wide", "tall", "coarse", "frames", "draw_ms", "frame_ms", "frame_ms_p90", "cpu_ms",
           "paint_ms", "load")  # fmt: skip
PORT = 8690
WIDE, TALL = 900, 620  # pixels of the map

_PAN = """
const [n, kind, frames] = given;
const { Plot } = await import("/static/scatterplot.js");
const { webglPainter } = await import("/static/painter-webgl.js");
const { CanvasPainter } = await import("/static/painter-canvas.js");
const points = document.createElement("canvas"), rings = document.createElement("canvas");
points.style.cssText = rings.style.cssText = "position:fixed;left:0;top:0;width:WIDEpx;height:TALLpx;z-index:99";
document.body.append(points, rings);
const plot = new Plot(document.createElement("canvas"), rings);
plot.painter = kind === "webgl" ? webglPainter(points, { software: true }) : new CanvasPainter(points);
if (!plot.painter) return null;
let state = 12345;
const random = () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 4294967296;
const xy = new Uint16Array(2 * n), codes = new Uint16Array(n), certainty = new Uint8Array(n);
for (let i = 0; i < n; i += 1) {
  const code = i % 60, turn = 0.618 * code * 6.283, far = 3500 * Math.sqrt(code);
  const spread = () => 2600 * (random() + random() + random() - 1.5);
  xy[2 * i] = Math.max(0, Math.min(65535, 32768 + far * Math.cos(turn) + spread()));
  xy[2 * i + 1] = Math.max(0, Math.min(65535, 32768 + far * Math.sin(turn) + spread()));
  codes[i] = code; certainty[i] = 60 + 195 * random();
}
const { COLOURS } = await import("/static/colours.js");
plot.resize(WIDE, TALL, 1);
plot.place(xy);
const began = performance.now();
plot.look({ codes, certainty, kinds: new Uint8Array(n), colours: COLOURS, grey: "#777777", paper: "#eceff2",
            line: "#101010" });
plot.drawPoints();
const paint = performance.now() - began;
plot.moving = true;
const draws = [], gaps = [];
const draw = plot.drawPoints.bind(plot);
plot.drawPoints = () => { const at = performance.now(); draw(); draws.push(performance.now() - at); };
let last = performance.now();
for (let i = 0; i < frames; i += 1) {
  plot.pan(3 * Math.cos(i / 9), 3 * Math.sin(i / 9));
  await new Promise(requestAnimationFrame);
  await new Promise(requestAnimationFrame);
  gaps.push((performance.now() - last) / 2); last = performance.now();
}
points.remove(); rings.remove();
return { draws, gaps, paint, coarse: plot.coarse };
""".replace("WIDE", str(WIDE)).replace("TALL", str(TALL))


def processor_seconds(parent: int) -> float:
    """Processor time of a process and of all below it."""
    children: dict[int, list[int]] = {}
    used: dict[int, float] = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                fields = (folder / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            children.setdefault(int(fields[1]), []).append(int(folder.name))
            used[int(folder.name)] = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    found, waiting = 0.0, [parent]
    while waiting:
        pid = waiting.pop()
        found += used.get(pid, 0.0)
        waiting += children.get(pid, [])
    return found


def measure(sizes: list[int]) -> list[dict[str, Any]]:
    """Lines of the table."""
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    lines: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        np.savez(Path(folder) / "d.npz", X=np.random.default_rng(0).normal(size=(60, 4)).astype(np.float32))
        server = Server(Path(folder), PORT)
        options = webdriver.ChromeOptions()
        options.binary_location = str(shutil.which("chromium"))
        software = ["--enable-unsafe-swiftshader", "--use-angle=swiftshader"]
        for flag in [*(flag for flag in FLAGS if flag != "--disable-gpu"), *software]:
            options.add_argument(flag)
        service = Service(shutil.which("chromedriver"))
        browser = webdriver.Chrome(options=options, service=service)
        try:
            browser.set_script_timeout(600)
            browser.command_executor._client_config.timeout = 600
            person = Person(browser, server, None, [])
            person.browser.get(server.url)
            wait(lambda: person.all("body[data-ready]"), "the page")
            for n in sizes:
                for painter in ("webgl", "canvas"):
                    before = processor_seconds(service.process.pid)
                    got = person.later(_PAN, n, painter, FRAMES)
                    cpu = processor_seconds(service.process.pid) - before
                    assert isinstance(got, dict), got
                    gaps = np.array(got["gaps"])
                    values = (
                        n, painter, WIDE, TALL, got["coarse"], FRAMES, f"{np.median(got['draws']):.1f}",
                        f"{np.median(gaps):.1f}", f"{np.quantile(gaps, 0.9):.1f}", f"{1000 * cpu / FRAMES:.0f}",
                        f"{got['paint']:.0f}", f"{os.getloadavg()[0]:.1f}",
                    )  # fmt: skip
                    lines.append(dict(zip(COLUMNS, values, strict=True)))
                    print(lines[-1], file=sys.stderr, flush=True)
        finally:
            browser.quit()
            server.end(signal.SIGKILL)
    return lines


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=[70_000, 1_000_000])
    parser.add_argument("--out", type=Path, default=Path("docs/figures"))
    given = parser.parse_args()
    lines = measure(given.rows)
    with (given.out / "map-frames.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(lines)


if __name__ == "__main__":
    main()
