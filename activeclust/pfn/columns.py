"""Columns of kernels at anchors: values between all rows and some of them, computed once per row.

A column is computed by itself, as the rounding of a matrix product depends on how many columns it has: its values are
bitwise the same, whichever others were computed before or with it. So columns that are kept from earlier posteriors do
not change later ones.

Shapes: n rows, m centres (all anchors, or a part of them, see :class:`activeclust.pfn.anchor_set.AnchorSet`).
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from activeclust.pfn.basis import Basis, Where
from activeclust.pfn.kernels import KERNELS, Fixed
from activeclust.views.sizes import keeps_kernels, kept_columns

_FIXED = tuple(kernel for kernel in KERNELS.values() if isinstance(kernel, Fixed))
_FIRST = 64  # number of columns that memory is first reserved for


class Columns:
    """The columns at m centres.

    Parameters
    ----------
    blocks : mapping of str or Kernel to Tensor (n, at least m)
        The local part of a graph's kernels, under the graph's name; or a kernel, under itself.
    places : Tensor (m,) of int64, optional
        Where in a block each centre's column is; by default they are its columns, in this order.
    """

    def __init__(self, blocks: Mapping[Fixed | str, Tensor], places: Tensor | None = None) -> None:
        self._blocks, self._places = blocks, places

    @classmethod
    def computed(cls, basis: Basis, rows: Tensor) -> Columns:
        """The local parts of the graphs' kernels at ``rows`` (m,), for one posterior."""
        return cls({name: graph.local_columns(rows) for name, graph in basis.graphs.items()})

    def __contains__(self, name: Fixed | str) -> bool:
        return name in self._blocks

    def at(self, name: Fixed | str, at: Where) -> Tensor:
        """(b, m) values at the rows ``at``; not to be changed."""
        block = self._blocks[name][at]
        return block if self._places is None else block.index_select(1, self._places)


class ColumnCache:
    """Keeps the columns of one basis. Safe to share between threads.

    Of a basis with few rows it keeps every kernel that depends on rows alone; of one with many, only what takes longest
    to compute, the local parts of the graphs' kernels. The number of rows alone decides which.

    Parameters
    ----------
    basis : Basis
    most : int, optional
        Maximum number of columns kept, by default as many as :func:`activeclust.views.sizes.kept_columns` says.
    """

    def __init__(self, basis: Basis, most: int | None = None) -> None:
        self.basis = basis
        self.most = kept_columns(basis.n) if most is None else most
        self._names: Sequence[Fixed | str] = _FIXED if keeps_kernels(basis.n) else tuple(basis.graphs)
        self._places: dict[int, int] = {}  # of each row's column, the most recently used one last
        self._blocks: dict[Fixed | str, Tensor] = {}
        self._lock = threading.Lock()

    @property
    def kept(self) -> int:
        """Number of columns that are kept now."""
        return len(self._places)

    def at(self, rows: Tensor) -> Columns:
        """The columns at ``rows`` (m,)."""
        wanted = rows.tolist()
        # memory that was reserved in torch's inference mode can be written to in no other
        with self._lock, torch.inference_mode():
            for row in wanted:  # now the most recently used
                if row in self._places:
                    self._places[row] = self._places.pop(row)
            if missing := [row for row in dict.fromkeys(wanted) if row not in self._places]:
                self._add(missing, set(wanted))
            places = torch.tensor([self._places[row] for row in wanted], device=self.basis.device)
            return Columns(self._blocks, places)

    def _add(self, missing: list[int], wanted: set[int]) -> None:
        """Compute columns into free places; what others may be reading is never overwritten."""
        used, free = len(self._places), self._reserved() - len(self._places)
        if len(missing) > free:
            self._move(len(missing), wanted)
            used = len(self._places)
        rows = torch.tensor(missing, device=self.basis.device)
        local = {name: graph.local_columns(rows) for name, graph in self.basis.graphs.items()}
        for name in self._names:
            columns = name.columns(self.basis, rows, local) if isinstance(name, Fixed) else local[name]
            self._blocks[name][:, used : used + len(missing)] = columns
        self._places |= {row: used + i for i, row in enumerate(missing)}

    def _reserved(self) -> int:
        return next(iter(self._blocks.values())).shape[1] if self._blocks else 0

    def _move(self, more: int, wanted: set[int]) -> None:
        """Into new memory with space for ``more`` columns: all of them or, with too many, the last used half."""
        kept = list(self._places)
        size = max(_FIRST, 2 * len(kept), len(kept) + more)
        if size > self.most:
            size = max(self.most, len(wanted))
            least = len(wanted.intersection(kept))
            if len(kept) + more > size:
                kept = kept[len(kept) - min(max(least, size // 2), size - more) :]
        old = torch.tensor([self._places[row] for row in kept], dtype=torch.int64, device=self.basis.device)
        blocks = {name: torch.empty(self.basis.n, size, device=self.basis.device) for name in self._names}
        for name, block in self._blocks.items():
            blocks[name][:, : len(kept)] = block.index_select(1, old)
        self._blocks, self._places = blocks, {row: i for i, row in enumerate(kept)}
