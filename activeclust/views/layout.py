"""The layout of the map: two coordinates per row that keep neighbours together.

t-SNE (van der Maaten and Hinton, JMLR 2008) by openTSNE (Policar, Strazar and Zupan, J. Stat. Softw. 2024) with the
interpolation of Linderman et al. (Nature Methods 2019). The affinities are those of the views' graph, p_ij = w_ij / sum
w, and the start is the first two principal axes (Kobak and Berens, Nature Communications 2019), so that nothing is
random and neighbours are not searched for again. The attraction stays doubled until the end (Boehm, Berens and Kobak,
JMLR 2022), which leaves more room between groups. Among fewer than about 150 rows most are neighbours of each other:
there the attraction is weaker, since otherwise all rows would collapse into one point.

It takes minutes for 70,000 rows on one core, so it runs in a process of its own, at low priority.
With landmarks, only they are laid out, and every other row is a weighted mean of those near it.
docs/annotation.md compares it with umap-learn and PaCMAP.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.util
import io
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import numpy as np
import scipy.sparse as sp

from activeclust.errors import MissingDependency
from activeclust.resources.progress import report

if TYPE_CHECKING:  # imported here, so that the other process starts without torch
    from activeclust.views.views import Views

FIRST, REST = (250, 12.0, 0.5), (500, 2.0, 0.8)  #: iterations, exaggeration of the attraction, momentum
#: the attraction is weakened if the graph joins more than this share of all pairs, so that rows do not collapse
JOINED = 0.1
#: number of rows; for fewer, the repulsion is computed by a tree (Barnes and Hut), which is faster there
INTERPOLATED_FROM = 10_000
_EVERY = 10  # iterations between two progress reports
_NICE = 10

Tell = Callable[[int, int], None]


def check_installed() -> None:
    """Raise :class:`MissingDependency` if openTSNE is not installed."""
    if importlib.util.find_spec("openTSNE") is None:
        raise MissingDependency(
            "The map's layout of neighbours needs openTSNE: pip install 'activeclust[map]'."
        )


def layout(views: Views) -> np.ndarray:
    """Coordinates of all given rows, computed in another process while this thread waits.

    Parameters
    ----------
    views : Views

    Returns
    -------
    ndarray (N, 2) of float32
        The same for the same rows, on the same kind of machine.

    Raises
    ------
    MissingDependency
        The extra ``map`` is not installed.
    """
    check_installed()
    W = weights(views)
    arrays = {"data": W.data, "indices": W.indices, "indptr": W.indptr, "start": views.pca[:, :2]}
    points = views.spread(_in_a_process(arrays))
    return points.astype(np.float32)


@functools.cache
def method_hash() -> str:
    """A hash of this code and of the library's version, for the cache."""
    return hashlib.blake2b(
        Path(__file__).read_bytes() + version("openTSNE").encode(), digest_size=4
    ).hexdigest()


def weights(views: Views) -> sp.csr_array:
    """(n, n) weights W of the first graph, from its normalised adjacency D^-1/2 W D^-1/2."""
    root = np.sqrt(views.graph.degree)
    return views.graph.adjacency.multiply(root[:, None]).multiply(root[None, :]).tocsr()


def place_rows(W: sp.csr_array, start: np.ndarray, tell: Tell | None = None) -> np.ndarray:
    """Coordinates (n, 2) of the rows of a weighted graph, in this process.

    Parameters
    ----------
    W : csr_array (n, n)
        Symmetric, non-negative.
    start : ndarray (n, 1 or 2)
        Initial positions of the rows, on any scale.
    tell : callable, optional
        ``tell(done, total)``, every few iterations.
    """
    from openTSNE import TSNEEmbedding
    from openTSNE.affinity import PrecomputedAffinities

    begin = np.zeros((len(start), 2))
    begin[:, : start.shape[1]] = start
    if len(begin) < 4:  # nothing to arrange
        return begin
    begin *= 1e-4 / max(float(begin[:, 0].std()), 1e-12)
    weaker = min(1.0, JOINED * len(begin) * (len(begin) - 1) / max(W.nnz, 1))
    total = FIRST[0] + REST[0]
    passed = 0

    def count(iteration: int, _error: float, _embedding: np.ndarray) -> None:
        if tell is not None:
            tell(passed + iteration, total)

    embedding = TSNEEmbedding(
        begin, PrecomputedAffinities(W.astype(np.float64), normalize=True), n_jobs=1, random_state=0,
        negative_gradient_method="fft" if len(begin) >= INTERPOLATED_FROM else "bh",
    )  # fmt: skip
    for iterations, exaggeration, momentum in (FIRST, REST):
        embedding = embedding.optimize(
            iterations, exaggeration=exaggeration * weaker, momentum=momentum, callbacks=count,
            callbacks_every_iters=_EVERY,
        )  # fmt: skip
        passed += iterations
    return np.asarray(embedding)


# ---------------------------------------------------------------- the other process


def _in_a_process(arrays: dict[str, np.ndarray]) -> np.ndarray:
    given = io.BytesIO()
    np.savez(given, **arrays)  # type: ignore[arg-type]  # numpy names allow_pickle among the arrays
    # the other process must find the package where this one does
    env = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(
        [sys.executable, "-m", "activeclust.views.layout"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=env,
    )  # fmt: skip
    assert process.stdin is not None and process.stdout is not None and process.stderr is not None
    said: list[str] = []

    def listen() -> None:
        assert process.stderr is not None
        for line in process.stderr:
            said.append(line.decode(errors="replace"))

    listener = threading.Thread(target=listen, daemon=True)
    listener.start()
    with process:
        try:
            process.stdin.write(len(given.getbuffer()).to_bytes(8, "little") + given.getbuffer())
            process.stdin.flush()  # stays open: the other process ends when it is closed
            total = FIRST[0] + REST[0]
            while (done := int.from_bytes(process.stdout.read(4), "little")) and done < total:
                report("layout", done, total)
            points = process.stdout.read()
        except BaseException:
            process.kill()
            raise
        if process.wait() or not points:
            listener.join(timeout=5)
            raise RuntimeError(
                f"The layout's process ended with status {process.returncode}: {''.join(said)[-2000:]}"
            )
    report("layout", total, total)
    return np.load(io.BytesIO(points), allow_pickle=False)


def _serve(given: BinaryIO, out: BinaryIO) -> None:
    """Read arrays, report the progress as 4-byte numbers, then write the layout."""
    if hasattr(os, "nice"):
        os.nice(_NICE)
    size = int.from_bytes(given.read(8), "little")
    with np.load(io.BytesIO(given.read(size)), allow_pickle=False) as arrays:
        n = len(arrays["start"])
        W = sp.csr_array((arrays["data"], arrays["indices"], arrays["indptr"]), shape=(n, n))
        start = arrays["start"]
    threading.Thread(target=_end_with, args=(given,), daemon=True).start()
    total = FIRST[0] + REST[0]

    def tell(done: int, _total: int) -> None:
        out.write(min(done, total - 1).to_bytes(4, "little"))
        out.flush()

    points = place_rows(W, start, tell)
    out.write(total.to_bytes(4, "little"))
    np.save(out, points)
    out.flush()


def _end_with(given: BinaryIO) -> None:
    given.read()  # returns when the other end is closed
    os._exit(1)


if __name__ == "__main__":
    _serve(sys.stdin.buffer, sys.stdout.buffer)
    os._exit(0)  # one thread still reads; a normal exit would wait for it
