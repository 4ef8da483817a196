"""What simple rules say about every row and cluster, in closed form: the network's input.

Each rule is a known method; the network learns which to believe where (DESIGN: the network must be able
to do in context what the simple rules do, and choose among them row by row):

- *kernel interpolation* with a Gaussian-process posterior mean K_xA (K_AA + s^2 I)^-1 Y on six kernels:
  the graph's Green function at two ranges on the refined graph and two on the first (s -> 0 is Laplace
  learning, Zhu, Ghahramani and Lafferty, ICML 2003), and a Gaussian kernel on the PCA coordinates, as
  they are and whitened;
- *Poisson learning*, K_xA (Y - mean Y) (Calder et al., ICML 2020);
- the *cosine to cluster means* in diffusion coordinates, and the same after ten steps of seeded spherical
  *soft k-means* over all rows (Basu, Banerjee and Mooney, ICML 2002): what the unlabelled rows add;
- the *nearest anchor* in three distances, and the distance to cluster means in PCA coordinates;
- a *Gaussian a cluster* in PCA coordinates, fitted to the soft labels of three of the rules above
  (:mod:`activeclust.pfn.gaussians`).

Beside the rules, *groups* of rows at a dozen numbers of groups say which parts of the data no anchor
speaks for (:mod:`activeclust.pfn.groups`).

All of it is a function of inner products and distances, so it does not change when rows are permuted or
features are rotated, shifted or scaled, and permutes with the clusters. For the anchors themselves every
rule is evaluated with that anchor left out.

Scores are (C, b), clusters above rows: whatever is done over the few clusters then runs along the many
rows in memory (a log-softmax over ten clusters is twenty times faster so). Features lie one below another
in memory for the same reason; to the network they are shown as (b, C, features).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from activeclust.pfn.basis import Basis, Columns, TorchGraph, Where, divided, unit
from activeclust.pfn.gaussians import Gaussians, products
from activeclust.pfn.groups import N_GROUP_ROW, N_GROUP_TASK

_KERNELS = ("refined_near", "refined_far", "graph", "graph_chain", "pca", "white")
_POISSON = {"poisson_refined": "refined_near", "poisson_graph": "graph"}
_EMBEDDINGS = ("refined24", "refined8", "green", "graph24")
_GAUSSIANS = {  # the rules whose mean log-probability gives the soft labels
    "gauss_green": ("soft_green",),
    "gauss_graph": ("soft_green", "gp_refined_far", "gp_graph", "gp_graph_chain", "poisson_refined"),
    "gauss_pca": ("gp_pca", "gp_white", "mean_pca"),
}
_SHARPNESS = {  # from scores to log-probabilities; the Gaussian processes' scores are probabilities already
    **dict.fromkeys(_POISSON, 2.0),
    **{f"mean_{name}": 1 / 0.15 for name in _EMBEDDINGS},
    **{f"soft_{name}": 10.0 for name in _EMBEDDINGS},
    "nearest_refined24": 10.0, "nearest_kernel": 1.0, "nearest_pca": 2.0, "mean_pca": 0.5,
}  # fmt: skip

#: The rules, in the order of the pair features.
RULES = (*(f"gp_{name}" for name in _KERNELS), *_SHARPNESS, *_GAUSSIANS)
_PLAIN = RULES[: -len(_GAUSSIANS)]
N_PAIR = 2 * len(RULES) + 1
N_ROW = len(_KERNELS) + 4 + len(_GAUSSIANS) + N_GROUP_ROW
N_BIAS = 6
N_TASK = 5 + 12 + len(RULES) + len(_GAUSSIANS) + N_GROUP_TASK

_NOISE = 0.1  # of the Gaussian processes, relative to the kernel's mean diagonal at the anchors
_SOFT_STEPS = 10
_SOFT_TEMPERATURE = 0.1
_SOFT_ANCHOR_WEIGHT = 0.3  # all anchors together weigh this share of all rows
_SOFT_ROWS = 8192  # rows that soft k-means looks at
_FIT_STEPS = 3
_FLOOR = -8.0  # log-probabilities are cut here


class Rules:
    """The rules, fitted to k anchors of C clusters; :meth:`at` evaluates them on rows.

    Parameters
    ----------
    basis : Basis
    rows : Tensor (k,) of int64
        The anchors, as distinct row numbers.
    codes : Tensor (k,) of int64
        Their clusters, 0 to C - 1, each with at least one anchor.
    columns : Columns, optional
        Made here where not given.
    keep : bool
        Whether to keep the kernels at the rows that the Gaussians are fitted to, for :meth:`at` on slices.
    """

    def __init__(
        self,
        basis: Basis,
        rows: Tensor,
        codes: Tensor,
        columns: Columns | None = None,
        keep: bool = False,
    ) -> None:
        self.basis, self.rows, self.codes = basis, rows, codes
        self._kept: tuple[dict[str, Tensor], Tensor] | None = None
        self.columns = Columns.at(basis, rows) if columns is None else columns
        self.k, self.C = len(rows), int(codes.max()) + 1
        self.onehot = torch.nn.functional.one_hot(codes, self.C).float()
        self.share = self.onehot.mean(0)
        self.bandwidth, self.white_bandwidth = self._bandwidths()
        kernels, squared = self._kernels(rows)
        self.weights, self.inverse_diagonal = {}, {}
        for name, K in kernels.items():
            A = K + _NOISE * K.diagonal().mean() * torch.eye(self.k, device=K.device)
            inverse = torch.linalg.inv(A.double()).float()
            self.weights[name] = inverse @ self.onehot
            self.inverse_diagonal[name] = inverse.diagonal()
        self.sums = {name: self.onehot.T @ E[rows] for name, E in basis.embedding.items()}
        self.soft = {name: self._soft_means(name) for name in _EMBEDDINGS}
        self.pca_sums = self.onehot.T @ basis.pca[rows]
        self.poisson_scale = {
            rule: self._poisson(kernels[name]).square().mean().sqrt().clamp_min(1e-6)
            for rule, name in _POISSON.items()
        }
        self.gaussians, self.gains = self._fit_gaussians(keep)
        self.groups = basis.groups.with_anchors(rows, self.onehot)
        self.loo = self._leave_one_out(kernels, squared)
        self.task = self._task_features()

    # -- kernels ---------------------------------------------------------------------------------

    def _bandwidths(self) -> tuple[Tensor, Tensor]:
        """Squared widths of the Gaussian kernels: the median row's squared distance to its nearest anchor."""
        sample = torch.linspace(0, self.basis.n - 1, min(self.basis.n, 512), device=self.rows.device).long()
        nearest = self._squared_distance(sample).amin(1)
        white = self._white_distance(sample).amin(1)
        return nearest.median() + self.basis.scale.square().median(), white.median() + 1e-6

    def _squared_distance(self, at: Where) -> Tensor:
        return torch.cdist(self.basis.pca[at], self.basis.pca[self.rows]).square()

    def _white_distance(self, at: Where) -> Tensor:
        X, scale = self.basis.pca, self.basis.whitening
        return torch.cdist(X[at] * scale, X[self.rows] * scale).square()

    def _kernels(self, at: Where) -> tuple[dict[str, Tensor], Tensor]:
        """The kernels and the squared PCA distances between ``at`` and the anchors, (b, k) each."""
        if self._kept is None or not isinstance(at, slice):
            return self._fresh_kernels(at)
        kept, squared = self._kept
        old, rest = divided(at, len(squared))
        if rest is None:
            return {name: K[old] for name, K in kept.items()}, squared[old]
        fresh, more = self._fresh_kernels(rest)
        joined = {name: torch.cat([K[old], fresh[name]]) for name, K in kept.items()}
        return joined, torch.cat([squared[old], more])

    def _fresh_kernels(self, at: Where) -> tuple[dict[str, Tensor], Tensor]:
        refined, graph = self.basis.refined, self.basis.graph
        squared = self._squared_distance(at)
        kernels = {
            "refined_near": self._green(refined, at, 1e-3, self.columns.refined[at]),
            "refined_far": self._green(refined, at, 3e-2, self.columns.refined[at]),
            "graph": self._green(graph, at, 1e-2, self.columns.graph[at]),
            "graph_chain": self._green(graph, at, 1e-4, self.columns.graph[at]),
            "pca": torch.exp(-0.5 * squared / self.bandwidth),
            "white": torch.exp(-0.5 * self._white_distance(at) / self.white_bandwidth),
        }
        return kernels, squared

    def _green(self, graph: TorchGraph, at: Where, shift: float, local: Tensor) -> Tensor:
        weight = 1.0 / (1.0 - graph.values + shift)
        K = (graph.vectors[at] * weight) @ graph.vectors[self.rows].T + local
        return K / graph.root_degree[at][:, None] / graph.root_degree[self.rows][None]

    def _poisson(self, K: Tensor) -> Tensor:
        """(C, b) scores of Poisson learning from a kernel (b, k)."""
        return (self.onehot - self.share).T @ K.T / self.k

    # -- soft k-means ----------------------------------------------------------------------------

    def _soft_means(self, name: str) -> Tensor:
        """(C, m) unit means after seeded spherical soft k-means over a random sample of the rows."""
        E, at = self.basis.embedding[name][:_SOFT_ROWS], self.basis.embedding[name][self.rows]
        inside = self.rows < len(E)
        means = unit(self.sums[name])
        weight = _SOFT_ANCHOR_WEIGHT * len(E) / self.k
        for _ in range(_SOFT_STEPS):
            # cosines: at most e^10, no maximum to take off
            P = torch.exp_((means / _SOFT_TEMPERATURE) @ E.T)
            P /= P.sum(dim=0)
            correction = (1.0 + weight) * self.onehot.T
            correction[:, inside] -= P[:, self.rows[inside]]
            means = unit(P @ E + correction @ at)
        return means

    # -- Gaussians -------------------------------------------------------------------------------

    def _fit_gaussians(self, keep: bool) -> tuple[Gaussians, Tensor]:
        """A set of Gaussians a rule, and by how much each set beats one single Gaussian, a coordinate."""
        basis, m = self.basis, len(self.basis.products)
        # views hold rows in a random order: the first ones are a random sample
        sample = slice(0, m)
        kernels, squared = self._fresh_kernels(sample)
        if keep:
            self._kept = kernels, squared
        scores = self._interpolated(kernels)
        scores["poisson_refined"] = (
            self._poisson(kernels["refined_near"]) / self.poisson_scale["poisson_refined"]
        )
        scores["soft_green"] = self.soft["green"] @ basis.embedding["green"][:m].T
        scores["mean_pca"] = self._mean_pca(sample)
        certain = dict(zip(scores, _log_probabilities(list(scores.items())), strict=True))
        seed = torch.stack(
            [torch.stack([certain[rule] for rule in seeds]).mean(0) for seeds in _GAUSSIANS.values()]
        )  # (S, C, m)
        inside = self.rows < m
        own = self.onehot.T.expand(len(_GAUSSIANS), -1, -1)
        beyond = products(basis.pca[self.rows[~inside]]), own[..., ~inside]
        P = torch.softmax(seed, 1)
        P[..., self.rows[inside]] = own[..., inside]
        for step in range(_FIT_STEPS):
            gaussians = Gaussians.fit(basis.products, P, beyond)
            joint, _ = gaussians.log_density(basis.products)
            if step + 1 < _FIT_STEPS:
                P = torch.softmax(torch.add(seed, joint, alpha=1 / basis.temperature), 1)
                P[..., self.rows[inside]] = own[..., inside]
        gains = (torch.logsumexp(joint, 1).mean(1) - basis.single) / basis.coordinates
        return gaussians, gains.clamp(-3, 3)

    # -- evaluation ------------------------------------------------------------------------------

    def at(self, rows: Where) -> tuple[Tensor, Tensor, Tensor]:
        """What the rules say at ``rows``, b of them, which are not anchors.

        Returns
        -------
        pair : Tensor (b, C, N_PAIR)
        row : Tensor (b, N_ROW)
        bias : Tensor (b, k, N_BIAS)
            The pair features one below another in memory, as the network wants to read them.
        """
        kernels, squared = self._kernels(rows)
        cosines = {name: E[rows] @ E[self.rows].T for name, E in self.basis.embedding.items()}
        relative = self._relative_distance(rows, squared)
        scores = self._interpolated(kernels)
        for rule, name in _POISSON.items():
            scores[rule] = self._poisson(kernels[name]) / self.poisson_scale[rule]
        for name, E in self.basis.embedding.items():
            scores[f"mean_{name}"] = unit(self.sums[name]) @ E[rows].T
            scores[f"soft_{name}"] = self.soft[name] @ E[rows].T
        scores["nearest_refined24"] = self._nearest(cosines["refined24"])
        scores["nearest_kernel"] = self._nearest(_log(kernels["refined_far"]))
        scores["nearest_pca"] = self._nearest(-relative)
        scores["mean_pca"] = self._mean_pca(rows)
        joint, far = self.gaussians.log_density(self.basis.products_at(rows))
        held = self.groups.at(self.basis.groups.E[rows])
        return self._finish(rows, scores, joint, far, kernels, cosines, relative, held)

    def at_anchors(self) -> tuple[Tensor, Tensor, Tensor]:
        """The same at the anchors, each with itself left out."""
        return self.loo

    def _interpolated(self, kernels: dict[str, Tensor]) -> dict[str, Tensor]:
        """(C, b) posterior means of the Gaussian processes, by rule."""
        return {f"gp_{name}": self.weights[name].T @ K.T for name, K in kernels.items()}

    def _mean_pca(self, at: Where) -> Tensor:
        centres = self.pca_sums / (self.share * self.k)[:, None]
        return -torch.cdist(centres, self.basis.pca[at]).square() / self.bandwidth

    def _relative_distance(self, at: Where, squared: Tensor) -> Tensor:
        scale = self.basis.scale
        return torch.log(squared / (scale[at][:, None] * scale[self.rows][None]) + 0.1)

    def _nearest(self, K: Tensor) -> Tensor:
        """(C, b) largest entry of K (b, k) among each cluster's anchors."""
        index = self.codes.expand(len(K), -1)
        out = torch.full((len(K), self.C), -30.0, device=K.device)
        return out.scatter_reduce(1, index, K, reduce="amax").T

    def _leave_one_out(self, kernels: dict[str, Tensor], squared: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        rows, own = self.rows, torch.eye(self.k, dtype=torch.bool, device=self.rows.device)
        scores = {
            f"gp_{name}": (self.onehot - w / self.inverse_diagonal[name][:, None].clamp_min(1e-9)).T
            for name, w in self.weights.items()
        }
        hidden = {name: K.masked_fill(own, 0.0) for name, K in kernels.items()}
        for rule, name in _POISSON.items():
            scores[rule] = self._poisson(hidden[name]) / self.poisson_scale[rule]
        for name in _EMBEDDINGS:
            # soft k-means has no cheap leave-one-out; its start stands for it
            scores[f"mean_{name}"] = scores[f"soft_{name}"] = self._mean_without_own(name)
        cosines = {name: E[rows] @ E[rows].T for name, E in self.basis.embedding.items()}
        relative = self._relative_distance(rows, squared).masked_fill(own, 10.0)
        scores["nearest_refined24"] = self._nearest(cosines["refined24"].masked_fill(own, -1.0))
        scores["nearest_kernel"] = self._nearest(_log(hidden["refined_far"]))
        scores["nearest_pca"] = self._nearest(-relative)
        scores["mean_pca"] = self._far_without_own()
        joint, far = self.gaussians.log_density_without_own(products(self.basis.pca[rows]), self.codes)
        held = self.groups.at_anchors()
        return self._finish(rows, scores, joint, far, hidden, cosines, relative, held)

    def _far_without_own(self) -> Tensor:
        """(C, k) minus the squared distance to the PCA means, each anchor left out of its own."""
        at = self.basis.pca[self.rows]
        count = (self.share * self.k)[None] - self.onehot
        centres = (self.pca_sums[None] - self.onehot[:, :, None] * at[:, None]) / count.clamp_min(1.0)[
            ..., None
        ]
        squared = (at[:, None] - centres).square().sum(-1) / self.bandwidth
        return -torch.where(count > 0, squared, torch.full_like(squared, 30.0)).T

    def _mean_without_own(self, name: str) -> Tensor:
        """(C, k) cosines to the cluster means, each anchor left out of its own."""
        E = self.basis.embedding[name][self.rows]
        total = self.sums[name][None] - self.onehot[:, :, None] * E[:, None]
        norm = total.norm(dim=-1)
        return torch.where(
            norm > 1e-4, (total * E[:, None]).sum(-1) / norm.clamp_min(1e-4), torch.zeros_like(norm)
        ).T

    def _finish(
        self, rows, scores, joint, far, kernels, cosines, relative, held
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Scores to features: each rule's bounded score and its log-probability over the clusters."""
        reach = torch.stack([scores[f"gp_{name}"].sum(0) for name in _KERNELS], 1).clamp(-1, 2)
        distance = 1.0 - far.clamp(0, 16).sqrt()
        bounded = torch.stack([_bounded(rule, scores[rule]) for rule in _PLAIN])
        gauss = zip(_GAUSSIANS, joint / self.basis.temperature, strict=True)
        certain = _log_probabilities([*((rule, scores[rule]) for rule in _PLAIN), *gauss])
        share = torch.log(self.share * self.C).clamp(-3, 3)[:, None].expand(1, -1, joint.shape[2])
        pair = torch.cat([bounded, distance, certain, share]).permute(2, 1, 0)
        row = torch.stack(
            [
                self.basis.log_density[rows].clamp(-3, 3),
                self.basis.refined.root_degree[rows].log().clamp(-3, 3),
                relative.amin(1) / 5.0,
                _log(kernels["refined_far"]).amax(1) / 5.0,
                *distance.amax(1),
            ],
            dim=1,
        )
        bias = torch.stack(
            [
                _log(kernels["refined_far"]) / 5.0,
                _log(kernels["graph"]) / 5.0,
                cosines["refined24"],
                cosines["refined8"],
                cosines["green"],
                -relative / 5.0,
            ]
        ).permute(1, 2, 0)
        return pair, torch.cat([reach, row, held], 1), bias

    def _task_features(self) -> Tensor:
        pair = self.loo[0][..., len(RULES) : 2 * len(RULES)]  # (k, C, rules) log-probabilities
        own = self.codes[:, None, None].expand(-1, 1, len(RULES))
        agreement = pair.gather(1, own).squeeze(1).exp().mean(0)
        n, k, C = float(self.basis.n), float(self.k), float(self.C)
        sizes = [
            math.log(n) / 10,
            math.log(k) / 6,
            math.log(C) / 4,
            math.log(k / C) / 4,
            float(self.share.min()) * C,
        ]
        size = torch.tensor(sizes, device=self.rows.device)
        return torch.cat([size, self.basis.spectrum, agreement, self.gains, self.groups.task])


def _log(K: Tensor) -> Tensor:
    return K.clamp_min(1e-6).log()


def _bounded(rule: str, score: Tensor) -> Tensor:
    """A rule's score on a scale of about one."""
    if rule.startswith("gp_"):
        return score.clamp(-0.5, 1.5)
    if rule in _POISSON:
        return score.clamp(-4, 4) / 2
    if rule == "mean_pca":
        return -(-score).clamp(0, 30).sqrt() / 3
    if rule in ("nearest_kernel", "nearest_pca"):
        return score.clamp(-14, 6) / 5
    return score.clamp(-1, 1)


def _log_probabilities(scores: list[tuple[str, Tensor]]) -> Tensor:
    """(rules, C, b) the rules' log-probabilities over the clusters, cut at ``_FLOOR``; scores are (C, b)."""
    logits = torch.stack(
        [  # the Gaussians' scores are logarithms
            score.clamp_min(1e-5).log() if rule.startswith("gp_") else score * _SHARPNESS.get(rule, 1.0)
            for rule, score in scores
        ]
    )
    return torch.log_softmax(logits, dim=1).clamp_min_(_FLOOR)
