"""Colours of clusters on the page: 60 of them, told apart as well as can be, by colour-blind eyes too.

    python benchmarks/palette.py        # prints activeclust/web/static/colours.js's list, and how far apart they are

Each colour is the one of a fine grid that lies farthest from those before it, where the distance of two colours is the
least of their distances in OKLab (Ottosson, 2020) as normal eyes see them and as eyes without one kind of cone do
(Machado, Oliveira and Fernandes, IEEE TVCG 2009, severity 1). The first six are those of Okabe and Ito (2008)
without yellow, which is not seen on white. Lightness stays between that of the two themes' backgrounds.
"""

from __future__ import annotations

import itertools

import numpy as np

FIRST = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#d55e00", "#56b4e9")
COUNT = 60
LIGHTNESS = (0.48, 0.80)
#: linear RGB as it is seen without L, M and S cones
BLIND = {
    "protan": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deutan": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "tritan": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}


def linear(colour: np.ndarray) -> np.ndarray:
    """(n, 3) sRGB in 0..1 to linear light."""
    return np.where(colour <= 0.04045, colour / 12.92, ((colour + 0.055) / 1.055) ** 2.4)


def oklab(light: np.ndarray) -> np.ndarray:
    """(n, 3) linear RGB to OKLab."""
    to_cones = [[0.4122214708, 0.5363325363, 0.0514459929], [0.2119034982, 0.6806995451, 0.1073969566],
                [0.0883024619, 0.2817188376, 0.6299787005]]  # fmt: skip
    to_lab = [[0.2104542553, 0.7936177850, -0.0040720468], [1.9779984951, -2.4285922050, 0.4505937099],
              [0.0259040371, 0.7827717662, -0.8086757660]]  # fmt: skip
    return np.cbrt(np.clip(light, 0, 1) @ np.transpose(to_cones)) @ np.transpose(to_lab)


def seen(colours: np.ndarray) -> np.ndarray:
    """(4, n, 3) OKLab of sRGB colours in 0..1, by normal eyes and by the three kinds of colour-blind ones."""
    light = linear(colours)
    return np.stack([oklab(light), *(oklab(light @ np.transpose(matrix)) for matrix in BLIND.values())])


def distances(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Distance of seen colours (4, n, 3) and (4, m, 3): (n, m), the least of what the four kinds of eyes see."""
    return np.linalg.norm(one[:, :, None] - other[:, None], axis=3).min(0)


def parse(colours: list[str] | tuple[str, ...]) -> np.ndarray:
    """(n, 3) sRGB in 0..1 of ``#rrggbb``."""
    return np.array([[int(colour[i : i + 2], 16) for i in (1, 3, 5)] for colour in colours]) / 255


def palette(count: int = COUNT) -> list[str]:
    """The colours, those that are told apart best first."""
    grid = np.array(list(itertools.product(range(0, 256, 15), repeat=3))) / 255
    views = seen(grid)
    low, high = LIGHTNESS
    kept = (views[0, :, 0] >= low) & (views[0, :, 0] <= high)
    grid, views = grid[kept], views[:, kept]
    chosen = list(FIRST)
    nearest = distances(views, seen(parse(FIRST))).min(1)
    while len(chosen) < count:
        best = int(nearest.argmax())
        chosen.append("#" + "".join(f"{round(255 * value):02x}" for value in grid[best]))
        nearest = np.minimum(nearest, distances(views, views[:, best : best + 1])[:, 0])
    return chosen


def main() -> None:
    """Print the palette and its least distances."""
    colours = palette()
    print("\n".join(f'  "{colour}",' for colour in colours))
    all_seen = seen(parse(colours))
    for n in (6, 10, 20, 30, COUNT):
        pairs = np.triu_indices(n, 1)
        worst = distances(all_seen[:, :n], all_seen[:, :n])[pairs].min()
        normal = np.linalg.norm(all_seen[0, :n, None] - all_seen[0, None, :n], axis=2)[pairs].min()
        print(f"// first {n}: {normal:.3f} by normal eyes, {worst:.3f} by the worst", flush=True)


if __name__ == "__main__":
    main()
