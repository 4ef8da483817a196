"""Estimates of the memory of each step from the sizes of its input; compared with measurements in docs/scaling.md."""

from __future__ import annotations

from activeclust.views.projection import N_PCA, N_WIDE
from activeclust.views.spectrum import N_EIGEN
from activeclust.views.views import LANDMARKS, LANDMARKS_FROM

_BASE = 300_000_000  # libraries and index structures
_GRAPH_ROW = 9_000  # bytes: coordinates, neighbours, four sparse graphs, blocks of vectors, eigenvectors
MOST_KERNELS = 768  #: maximum number of anchors with kernel columns
_FIXED_KERNELS = 10  # kernels that depend on rows alone; a test compares it with activeclust.pfn.kernels
_GRAPHS = 4
_KEPT_BYTES = 350_000_000  # of kernel columns that later posteriors use again
_SPARE = 64  # columns beyond those of one posterior, so that not every answer moves them all
_OTHER_ROW = 1_800  # bytes per row outside the graph: coordinates, landmarks and weights


def rows_in_graph(n: int, landmarks: int | None) -> int:
    """Number of the ``n`` distinct rows that have views of their own."""
    return min(n, landmarks or (LANDMARKS if n > LANDMARKS_FROM else n))


def views_bytes(n: int, d: int, landmarks: int | None = None) -> int:
    """Peak bytes of the views of ``n`` rows of ``d`` columns, the rows themselves not counted.

    Examples
    --------
    >>> views_bytes(70_000, 784) < views_bytes(140_000, 784)
    True
    """
    graph = rows_in_graph(n, landmarks)
    others = n if graph < n else 0
    return _BASE + 4 * n * d + 12 * graph * d + _GRAPH_ROW * graph + _OTHER_ROW * others


def keeps_kernels(n: int) -> bool:
    """Whether whole kernels of ``n`` rows are kept, instead of the local parts of the graphs' kernels only.

    Examples
    --------
    >>> keeps_kernels(5_000), keeps_kernels(50_000)
    (True, False)
    """
    return _column_bytes(n, _FIXED_KERNELS) * MOST_KERNELS <= _KEPT_BYTES


def kept_columns(n: int) -> int:
    """Maximum number of rows whose kernel columns are kept: at least those of one posterior."""
    each = _column_bytes(n, _FIXED_KERNELS if keeps_kernels(n) else _GRAPHS)
    return min(2 * MOST_KERNELS, max(MOST_KERNELS + _SPARE, _KEPT_BYTES // each))


def _column_bytes(n: int, kinds: int) -> int:
    return 4 * n * kinds


def posterior_bytes(n: int, graph_rows: int, anchors: int, clusters: int) -> int:
    """Peak bytes of a posterior over ``n`` rows, ``graph_rows`` of which have views of their own."""
    # twice: while they are moved into new memory; float32
    kinds = _FIXED_KERNELS if keeps_kernels(graph_rows) else _GRAPHS
    columns = 2 * 4 * kinds * min(anchors, MOST_KERNELS)
    tensors = 4 * (6 * N_EIGEN + 3 * N_PCA + 3 * N_WIDE + 60)
    posterior = 48 * (clusters + 1)  # with the experts of a consensus
    return _BASE + graph_rows * (columns + tensors + posterior) + 24 * n * (clusters + 1)


def fitting_landmarks(n: int, d: int, free: int) -> int | None:
    """The most landmarks, in steps of 5,000, whose views fit into ``free`` bytes; None for none."""
    fits = [m for m in range(5_000, min(n, LANDMARKS) + 1, 5_000) if views_bytes(n, d, m) < 0.8 * free]
    return fits[-1] if fits else None
