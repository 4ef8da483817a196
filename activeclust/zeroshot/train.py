"""Training of the network that chooses among partitions: data sets of the prior in, weights out.

First the data sets are drawn, and their candidates computed, described and compared with the truth; each is a file, so
an interrupted drawing resumes. Then the network is trained in passes over them, with a checkpoint after each.
"""

from __future__ import annotations

import functools
import json
import math
import platform
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
from sklearn.metrics import adjusted_rand_score
from torch import Tensor

from activeclust.errors import RunMismatch
from activeclust.pfn.prior import Prior, draw_dataset
from activeclust.pfn.tasks import distinct_labels
from activeclust.views.views import make_views
from activeclust.zeroshot.describe import N_FEATURES, describe
from activeclust.zeroshot.drawn import DrawnDataSets, check_counts
from activeclust.zeroshot.partitions import SAMPLE, candidates, draw_sample
from activeclust.zeroshot.selector import Selector, SelectorConfig

#: Easier data sets than those for the posterior: from clusters that cannot be distinguished nothing is learned about
#: the choice of a partition.
PARTITION_PRIOR = Prior(
    rows=(60, 600),
    clusters={"1-1": 0.03, "2-3": 0.34, "4-10": 0.4, "11-25": 0.17, "26-60": 0.06},
    modes=2, separation=(2.5, 14.0), split=0.02, warp=0.3, embed=0.3, irrelevant=0.12,
)  # fmt: skip
_LARGE_EVERY = 6  # one data set in this many is drawn with ``SelectorOptions.large`` rows
_HELD_EVERY = 8  # one in this many is held out
_SCORE_EVERY = 4  # number of passes between scores
_FRESH = 1e-2  # minimum standard deviation of a feature


@dataclass(frozen=True)
class SelectorOptions:
    """How to train.

    Attributes
    ----------
    prior : Prior
    large : (int, int)
        Rows of every sixth data set; for some of them the candidates are computed on a sample.
    datasets : int
        Total number of data sets, including those already in the folder.
    epochs : int
        Passes over them.
    sharpness : float
        The target is softmax(ARI / sharpness).
    config : SelectorConfig
        Sizes of the network.
    learning_rate, weight_decay, dropout : float
        Of AdamW and of the network in training.
    batch : int
        Data sets per step.
    seed : int
    workers : int
        Processes that draw data sets.
    """

    prior: Prior = PARTITION_PRIOR
    large: tuple[int, int] = (400, 2500)
    config: SelectorConfig = field(default_factory=SelectorConfig)
    datasets: int = 1000
    epochs: int = 20
    learning_rate: float = 2e-3
    weight_decay: float = 0.05
    dropout: float = 0.1
    sharpness: float = 0.05
    batch: int = 8
    seed: int = 0
    workers: int = 1

    def __post_init__(self) -> None:
        check_counts(self, ("datasets", "epochs", "batch"), _HELD_EVERY)


@dataclass
class Scored:
    """The candidates of one data set, and how much they agree with the truth.

    Attributes
    ----------
    features : Tensor (p, f)
    agreement : Tensor (p, p)
    ari : Tensor (p,)
        Adjusted Rand index with the true clusters.
    """

    features: Tensor
    agreement: Tensor
    ari: Tensor

    @classmethod
    def read(cls, file: Path) -> Scored:
        """Read a file of :func:`draw_scored`."""
        with np.load(file) as z:
            return cls(
                *(torch.as_tensor(z[name].astype(np.float32)) for name in ("features", "agreement", "ari"))
            )

    def part(self, keep: np.ndarray) -> Scored:
        """Only some of the candidates."""
        at = torch.as_tensor(keep)
        return Scored(self.features[at], self.agreement[at][:, at], self.ari[at])


def draw_scored(options: SelectorOptions, index: int) -> dict[str, np.ndarray]:
    """Data set ``index`` of a training as arrays ``features``, ``agreement`` and ``ari``."""
    rng = np.random.default_rng([options.seed, index])
    prior = replace(options.prior, rows=options.large) if index % _LARGE_EVERY == 0 else options.prior
    while True:
        X, y = draw_dataset(prior, rng)
        views = make_views(X)
        if views.n_rows >= 16:  # after coarse rounding there may be too few distinct rows
            break
    truth = distinct_labels(views, y)
    # in use, samples occur with many rows; here also with few, so that they are frequent enough
    size = SAMPLE if rng.random() < 0.6 else int(rng.integers(min(300, SAMPLE), SAMPLE))
    sample = draw_sample(views, size)
    found = candidates(sample)
    description = describe(sample, found)
    ari = [adjusted_rand_score(truth[sample.rows], p.labels) for p in found]
    return {
        "features": description.features.astype(np.float16),
        "agreement": description.agreement.astype(np.float16),
        "ari": np.array(ari, dtype=np.float32),
    }


class SelectorTrainer:
    """A training run in a folder; :meth:`export` writes weights.

    Parameters
    ----------
    options : SelectorOptions
    folder : path
        Created if it does not exist; data sets and a checkpoint in it are used.
    """

    def __init__(self, options: SelectorOptions, folder: str | Path) -> None:
        self.options, self.folder = options, Path(folder)
        self.datasets = DrawnDataSets(self.folder / "datasets")
        with torch.random.fork_rng():
            torch.manual_seed(options.seed)
            self.model = Selector(options.config, options.dropout)
        self.optimizer = torch.optim.AdamW(
            self.model.parameters(), lr=options.learning_rate, weight_decay=options.weight_decay
        )
        self.epoch, self.seconds, self.scores = 0, 0.0, {}  # type: int, float, dict[str, float]
        if self.checkpoint.exists():
            self._resume()

    @property
    def checkpoint(self) -> Path:
        """The file that keeps the state for the next start."""
        return self.folder / "checkpoint.ckpt"

    def files(self) -> list[Path]:
        """The data sets drawn so far."""
        return self.datasets.files()

    def draw(self, report: Callable[[int], None] | None = None) -> None:
        """Draw the missing data sets; ``report(number of data sets)`` is called after each."""
        draw = functools.partial(draw_scored, self.options)
        self.datasets.draw(draw, self.options.datasets, self.options.workers, report)

    def run(self, report: Callable[[SelectorTrainer, float], None] | None = None) -> None:
        """Train to the last epoch; ``report(trainer, loss)`` is called after each."""
        files = self.files()
        training = [Scored.read(f) for i, f in enumerate(files) if i % _HELD_EVERY]
        held = [Scored.read(f) for i, f in enumerate(files) if i % _HELD_EVERY == 0]
        if self.epoch == 0:
            self._standardise(training)
        while self.epoch < self.options.epochs:
            began = time.monotonic()
            loss = self._pass(training)
            self.epoch += 1
            self.seconds += time.monotonic() - began
            if self.epoch % _SCORE_EVERY == 0 or self.epoch == self.options.epochs:
                self.scores = {
                    "held_out_ari": self._chosen(held),
                    "held_out_best_candidate": float(np.mean([float(d.ari.max()) for d in held])),
                    "held_out_data_sets": len(held),
                }
            self.save()
            if report is not None:
                report(self, loss)

    def _standardise(self, training: list[Scored]) -> None:
        features = torch.cat([d.features for d in training])
        centre, spread = features.mean(0), features.std(0).clamp_min(_FRESH)
        for member in self.model.members:
            member.load_state_dict({**member.state_dict(), "centre": centre, "spread": spread})

    def _pass(self, training: list[Scored]) -> float:
        options = self.options
        rng = np.random.default_rng([options.seed, 1, self.epoch])
        torch.manual_seed(int(rng.integers(2**31)))  # generator of the dropout
        order = rng.permutation(len(training))
        steps = math.ceil(len(order) / options.batch)
        self.model.train()
        losses = []
        for step in range(steps):
            done = (self.epoch * steps + step) / (options.epochs * steps)
            rate = options.learning_rate * min(1.0, (self.epoch * steps + step + 1) / 30)
            for group in self.optimizer.param_groups:
                group["lr"] = rate * 0.5 * (1 + math.cos(math.pi * done))
            drawn = [training[i] for i in order[step * options.batch : (step + 1) * options.batch]]
            # a random part of the candidates: more variety, and less work
            parts = [d.part(_some(len(d.ari), rng)) for d in drawn]
            loss = self._loss(*_collate(parts))
            self.optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
            self.optimizer.step()
            losses.append(float(loss.detach()))
        return float(np.mean(losses))

    def _loss(self, features: Tensor, agreement: Tensor, ari: Tensor, mask: Tensor) -> Tensor:
        """Weighted sum of the ARI that the choice loses, its cross-entropy, and that of the predicted ARI."""
        out = self.model(features, agreement, mask)
        log_choice = out[..., 0].masked_fill(~mask, -1e9).log_softmax(-1)
        best = ari.masked_fill(~mask, -1.0).amax(-1)
        lost = (best - (log_choice.exp() * ari).sum(-1)).mean()
        target = (ari / self.options.sharpness).masked_fill(~mask, -1e9).softmax(-1)
        crossed = -(target * log_choice.clamp_min(-30)).sum(-1).mean()
        own = torch.nn.functional.binary_cross_entropy_with_logits(
            out[..., 1], ari.clamp(0, 1).expand_as(out[..., 1]), reduction="none"
        )
        return 3.0 * lost + 0.3 * crossed + (own * mask).sum() / (mask.sum() * len(out))

    def _chosen(self, held: list[Scored]) -> float:
        """Mean adjusted Rand index of the candidates that the network chooses."""
        self.model.eval()
        with torch.inference_mode():
            found = []
            for d in held:
                features, agreement, ari, mask = _collate([d])
                out = self.model(features, agreement, mask)[:, 0, :, 0]
                found.append(float(ari[0, out.log_softmax(-1).mean(0).argmax()]))
        return float(np.mean(found))

    def save(self) -> None:
        """Write the checkpoint; after an interrupted write the previous one remains."""
        state = {
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "epoch": self.epoch,
            "seconds": self.seconds,
            "scores": self.scores,
            "config": self.options.config.as_dict(),
        }
        temporary = self.checkpoint.with_suffix(".part")
        torch.save(state, temporary)
        temporary.replace(self.checkpoint)

    def _resume(self) -> None:
        state = torch.load(self.checkpoint, weights_only=True)
        if state["config"] != self.options.config.as_dict():
            raise RunMismatch(
                f"The checkpoint {self.checkpoint} is of a selector with {state['config']}, not with "
                f"{self.options.config.as_dict()}: take another folder."
            )
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.epoch, self.seconds, self.scores = state["epoch"], state["seconds"], state["scores"]

    def export(self, path: str | Path, scores: dict | None = None) -> tuple[Path, Path]:
        """Write the weights as safetensors, and the model card as JSON in the same folder.

        Parameters
        ----------
        path : path
            File of the weights, with the extension ``.safetensors``.
        scores : dict, optional
            Scores for the model card.
        """
        from safetensors.torch import save_file

        path = Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        save_file({name: p.contiguous() for name, p in self.model.state_dict().items()}, path)
        path.chmod(0o644)
        options = {k: v for k, v in asdict(self.options).items() if k not in ("prior", "config")}
        card = {
            "config": self.options.config.as_dict(),
            "features": N_FEATURES,
            "prior": self.options.prior.as_dict(),
            "data_sets": len(self.files()),
            "epochs": self.epoch,
            "training_minutes": round(self.seconds / 60, 1),
            "machine": f"{platform.machine()}, {torch.get_num_threads()} threads",
            "torch": torch.__version__,
            "options": options,
            "scores": {**self.scores, **(scores or {})},
        }
        card_path = path.with_suffix(".json")
        card_path.write_text(json.dumps(card, indent=2) + "\n")
        return path, card_path


def _some(p: int, rng: np.random.Generator) -> np.ndarray:
    """A fifth to a half of p candidates, but at least 40 if there are so many."""
    return np.sort(rng.permutation(p)[: max(40, int(p * rng.uniform(0.2, 0.5)))])


def _collate(data: list[Scored]) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Features (B, p, f), agreement (B, p, p), ARI (B, p) and the mask of the candidates (B, p)."""
    B, p = len(data), max(len(d.ari) for d in data)
    features, agreement = torch.zeros(B, p, N_FEATURES), torch.zeros(B, p, p)
    ari, mask = torch.zeros(B, p), torch.zeros(B, p, dtype=torch.bool)
    for i, d in enumerate(data):
        k = len(d.ari)
        features[i, :k], agreement[i, :k, :k], ari[i, :k], mask[i, :k] = d.features, d.agreement, d.ari, True
    return features, agreement, ari, mask
