"""Posteriors from a trained network: weights from the package, any number of rows, in chunks.

The anchors and a fixed sample of rows are encoded once; every other row is then served on its own, so a
chunk gives exactly what the whole would give, and memory does not grow with the number of rows.
"""

from __future__ import annotations

import functools
import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from activeclust.errors import WeightsError
from activeclust.pfn.basis import Basis, Columns
from activeclust.pfn.batches import batch_of
from activeclust.pfn.chunks import in_chunks
from activeclust.pfn.evidence import Rules
from activeclust.pfn.hypothetical import posteriors
from activeclust.pfn.model import PFN, Config, Context
from activeclust.views.views import Views

WEIGHTS = Path(__file__).parent / "weights" / "pfn.safetensors"
CONTEXT_ROWS = 256
_CHUNK_ELEMENTS = 4_000_000  # rows x (clusters x pair features + anchors x bias features) of a chunk
_SPARE_COLUMNS = 128  # columns kept beyond twice the anchors asked for
_KEPT = 0.7  # share of the coordinates that a resampled pass sees


@dataclass(frozen=True)
class Network:
    """Weights in memory.

    Attributes
    ----------
    model : PFN
        In evaluation mode.
    card : dict
        The model card.
    hash : str
        First 16 hexadecimal digits of the weight file's BLAKE2b hash.
    """

    model: PFN
    card: dict
    hash: str


@functools.lru_cache(maxsize=4)
def load_network(path: str | Path = WEIGHTS, device: str = "cpu") -> Network:
    """The network at ``path``, read once a process and device.

    Raises
    ------
    WeightsError
        Where the file or its card is missing, or made for another network.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    path = Path(path)
    card_path = path.with_suffix(".json")
    try:
        card = json.loads(card_path.read_text())
        state = load_file(path)
        digest = hashlib.blake2b(path.read_bytes(), digest_size=8).hexdigest()
    except (OSError, json.JSONDecodeError, SafetensorError) as error:
        raise WeightsError(
            f"Could not read the weights {path} with their card {card_path.name}: {error}. "
            "Expected a .safetensors file and a .json file of the same name, as `pretrain` writes them."
        ) from error
    try:
        model = PFN(Config(**card["config"]))
        model.load_state_dict(state)
    except (KeyError, TypeError, RuntimeError) as error:
        raise WeightsError(
            f"The weights {path} do not fit this version's network: {str(error).splitlines()[0]}"
        ) from error
    return Network(model.to(device).eval().requires_grad_(False), card, digest)


@dataclass
class Posterior:
    """What the network says about every distinct row.

    Attributes
    ----------
    known : ndarray (n, C)
        Probability of each cluster given that the row is of a known one; rows sum to 1.
    new : ndarray (n,)
        Probability of none of the known clusters.
    """

    known: np.ndarray
    new: np.ndarray


@dataclass
class Session:
    """One data set on one device; keeps what does not change while anchors come.

    Parameters
    ----------
    views : Views
    network : Network
    device : torch.device
    """

    views: Views
    network: Network
    device: torch.device
    _columns: Columns | None = field(default=None, repr=False)
    _column_rows: list[int] = field(default_factory=list, repr=False)

    def __post_init__(self) -> None:
        self.basis = Basis(self.views, self.device)

    def posterior(self, rows: np.ndarray, codes: np.ndarray) -> Posterior:
        """The posterior given that ``rows`` (k,) are of clusters ``codes`` (k,), k > 0."""
        with torch.inference_mode():
            return self._posterior(self._rules(rows, codes, keep=True))

    def attention(self, rows: np.ndarray, codes: np.ndarray, at: np.ndarray) -> np.ndarray:
        """(b, k) share of each anchor in the last attention of the distinct rows ``at``; rows sum to 1."""
        with torch.inference_mode():
            rules = self._rules(rows, codes)
            context = self._encode(rules)
            batch = batch_of(rules, torch.as_tensor(np.asarray(at, dtype=np.int64), device=self.device))
            return self.network.model.attention(context, batch)[0].double().cpu().numpy()

    def resample(
        self, rows: np.ndarray, codes: np.ndarray, times: int, rng: np.random.Generator
    ) -> list[Posterior]:
        """Posteriors from ``times`` passes that each see a random part of the views' coordinates."""
        whole = self.basis
        passes = []
        try:
            for _ in range(times):
                self.basis = whole.thinned(_KEPT, rng)
                with torch.inference_mode():
                    passes.append(self._posterior(self._rules(rows, codes, keep=True)))
        finally:
            self.basis = whole
        return passes

    def hypothetical(
        self, rows: np.ndarray, codes: np.ndarray, tried: np.ndarray, answers: np.ndarray, at: np.ndarray
    ) -> np.ndarray:
        """(H, m, C + 2) probabilities at the rows ``at`` (m,), as if ``tried[h]`` had been answered too.

        A hypothetical answer is one more anchor in the context, so all of them go through the network as
        one batch. ``answers[h]`` is a code up to C; C itself opens a cluster. Columns: the C clusters, the
        opened one (0 where none is), none of these.
        """
        with torch.inference_mode():
            self._columns_at(np.unique(np.concatenate([rows, tried])))  # those not met yet, all at once
            contexts = [
                self._rules(np.append(rows, row), np.append(codes, code))
                for row, code in zip(tried, answers, strict=True)
            ]
            samples = [self._sample(rules) for rules in contexts]
            where = torch.as_tensor(np.asarray(at, dtype=np.int64), device=self.device)
            return posteriors(self.network.model, contexts, samples, where, int(codes.max()) + 1)

    def _posterior(self, rules: Rules) -> Posterior:
        out = self._decode(rules, self._encode(rules))
        new = out[:, -1].clip(0, 1)
        known = out[:, :-1]
        total = known.sum(1, keepdims=True)
        known = np.where(total > 1e-12, known / np.maximum(total, 1e-12), 1.0 / known.shape[1])
        return Posterior(known, new)

    def _rules(self, rows: np.ndarray, codes: np.ndarray, keep: bool = False) -> Rules:
        at = torch.as_tensor(np.asarray(rows, dtype=np.int64), device=self.device)
        label = torch.as_tensor(np.asarray(codes, dtype=np.int64), device=self.device)
        return Rules(self.basis, at, label, self._columns_at(rows), keep)

    def _columns_at(self, rows: np.ndarray) -> Columns:
        """The kernel columns of these anchors; only those of anchors not met before are computed."""
        known = set(self._column_rows)
        fresh = [int(r) for r in rows if int(r) not in known]
        if fresh:
            at = torch.as_tensor(fresh, device=self.device)
            self._columns = (
                Columns.at(self.basis, at)
                if self._columns is None
                else self._columns.extended(self.basis, at)
            )
            self._column_rows = [*self._column_rows, *fresh]
        place = {row: i for i, row in enumerate(self._column_rows)}
        assert self._columns is not None
        columns = self._columns.take(torch.as_tensor([place[int(r)] for r in rows], device=self.device))
        if len(self._column_rows) > 2 * len(rows) + _SPARE_COLUMNS:  # hypothetical anchors come and go
            self._columns, self._column_rows = columns, [int(r) for r in rows]
        return columns

    def _encode(self, rules: Rules) -> Context:
        return self.network.model.encode(batch_of(rules, self._sample(rules)))

    def _sample(self, rules: Rules) -> Tensor:
        """The rows that are context beside the anchors."""
        # views hold rows in a random order: the first ones are a random sample, the same however the rows
        # are permuted (activeclust.views.order). Anchors have tokens of their own.
        sample = torch.arange(min(CONTEXT_ROWS + rules.k, self.basis.n), device=self.device)
        return sample[~torch.isin(sample, rules.rows)][:CONTEXT_ROWS]

    def _decode(self, rules: Rules, context: Context) -> np.ndarray:
        """(n, C + 1) probabilities in float64."""
        cost = rules.C * 48 + rules.k * 10
        chunk = max(64, _CHUNK_ELEMENTS // cost)

        def serve(start: int, end: int) -> np.ndarray:
            log_posterior = self.network.model.decode(context, batch_of(rules, slice(start, end)))
            return log_posterior[0].double().exp().cpu().numpy()

        return in_chunks(self.basis.n, chunk, serve)
