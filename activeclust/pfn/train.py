"""Pre-training on tasks of the prior; resumes from its checkpoint, on any device.

Worker processes draw data sets, compute their views, and draw several tasks from each. The main process takes gradient
steps on the cross-entropy (of the posterior, and with a small weight of the attention alone, so that attention shows
which anchors gave a row its cluster) with AdamW, a warm-up and a cosine schedule to zero, in bfloat16 if the processor
has it. The exported weights are a running average.
"""

from __future__ import annotations

import json
import math
import platform
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from activeclust.errors import InvalidInput, RunMismatch
from activeclust.pfn.basis import Basis
from activeclust.pfn.device import has_bfloat16, pick_device
from activeclust.pfn.model import PFN, Batch, Config
from activeclust.pfn.padded import as_few
from activeclust.pfn.prior import PACKAGE_PRIOR, Prior, draw_dataset
from activeclust.pfn.tasks import Task, collate, distinct_labels, draw_task
from activeclust.views.views import make_views


@dataclass(frozen=True)
class TrainOptions:
    """How to train.

    Attributes
    ----------
    prior : Prior
        The distribution of the tasks.
    config : Config
        Sizes of the network.
    steps : int
        Total number of gradient steps, over all resumptions.
    minutes : float or None
        Total wall time; the schedule ends with the first of the two limits.
    tasks_per_step, parts : int
        Tasks per step, and the number of batches of similar size into which they are divided; a graphics processor is
        given them joined, see :mod:`activeclust.pfn.padded`.
    live_datasets, tasks_per_dataset : int
        Each worker draws from this many data sets at a time, and replaces one after so many tasks.
    checkpoint_every : int
        Steps between checkpoints.
    learning_rate, weight_decay : float
        Of AdamW; the rate rises over ``warmup`` steps and falls to zero along a cosine.
    warmup : int
    seed : int
        Of the initial weights and of the tasks.
    workers : int
        Number of processes that draw tasks; 0 draws them in this process.
    device : str
    average : float
        Decay of the running average of the weights per step.
    attention : float
        Weight of the attention's own cross-entropy in the loss.
    without_attention : float
        Share of the tasks in which the attention has no part in the posterior, so that the network learns to do
        without it, too: on data unlike the prior the rules are right more often than the attention.
    replay : int
        After each step on new tasks, this many steps on earlier tasks; useful if drawing tasks takes longer than
        training.
    remembered : int
        Number of steps whose tasks are kept for ``replay``.
    init : path or None
        Initial weights of the same sizes, written by :meth:`Trainer.export`; None for random ones.
    """

    prior: Prior = PACKAGE_PRIOR
    config: Config = field(default_factory=Config)
    steps: int = 20_000
    minutes: float | None = None
    learning_rate: float = 2e-3
    weight_decay: float = 0.01
    warmup: int = 200
    tasks_per_step: int = 32
    parts: int = 4
    live_datasets: int = 24
    tasks_per_dataset: int = 20
    average: float = 0.998
    attention: float = 0.1
    without_attention: float = 0.0
    seed: int = 0
    workers: int = 1
    device: str = "auto"
    checkpoint_every: int = 250
    replay: int = 0
    remembered: int = 2000
    init: str | None = None

    def __post_init__(self) -> None:
        for name in (
            "steps",
            "tasks_per_step",
            "parts",
            "live_datasets",
            "tasks_per_dataset",
            "checkpoint_every",
        ):
            if getattr(self, name) < 1:
                raise InvalidInput(f"{name} must be at least 1, got {getattr(self, name)}.")
        if self.workers < 0:
            raise InvalidInput(f"workers must be 0 or more, got {self.workers}.")
        if not 0 <= self.without_attention <= 1:
            raise InvalidInput(f"without_attention must be between 0 and 1, got {self.without_attention}.")


class TaskStream(torch.utils.data.IterableDataset):
    """An endless stream of steps: each is a list of (batch, targets) of similar size.

    Seeded by (seed, worker, start), so that a resumed training continues with new tasks.
    """

    #: Functions that make a task from a data set and a batch from several tasks; subclasses may have others.
    draw_task = staticmethod(draw_task)
    collate = staticmethod(collate)

    def __init__(self, options: TrainOptions, start: int = 0) -> None:
        self.options, self.start = options, start

    def __iter__(self) -> Iterator[list[tuple[Batch, Tensor]]]:
        info = torch.utils.data.get_worker_info()
        if info is not None:
            torch.set_num_threads(1)
        worker = info.id if info is not None else 0
        rng = np.random.default_rng([self.options.seed, worker, self.start])
        tasks = self._tasks(rng)
        while True:
            drawn = [next(tasks) for _ in range(self.options.tasks_per_step)]
            drawn.sort(key=lambda t: t.C * (len(t.codes) + 8))
            cuts = np.array_split(np.arange(len(drawn)), min(self.options.parts, len(drawn)))
            yield [halved(*self.collate([drawn[i] for i in part])) for part in cuts]

    def _tasks(self, rng: np.random.Generator) -> Iterator[Task]:
        live: list[list] = []
        while True:
            if len(live) < self.options.live_datasets:
                live.append([*_drawn_views(self.options.prior, rng), self.options.tasks_per_dataset])
            # until all data sets are drawn, tasks come from the first ones
            for _ in range(self.options.tasks_per_dataset if len(live) == self.options.live_datasets else 2):
                chosen = int(rng.integers(len(live)))
                views, basis, y, _ = live[chosen]
                yield self.draw_task(views, basis, y, rng)
                live[chosen][3] -= 1
                if live[chosen][3] <= 0:
                    live.pop(chosen)
                    break


def _drawn_views(prior: Prior, rng: np.random.Generator):
    while True:
        X, y = draw_dataset(prior, rng)
        views = make_views(X)
        y = distinct_labels(views, y)
        if views.n_rows >= 16:  # after coarse rounding there may be too few distinct rows
            return views, Basis(views), y


def halved(batch: Batch, targets: Tensor) -> tuple[Batch, Tensor]:
    """The batch in half precision, for the transfer between processes and for ``replay``."""
    return _each(batch, lambda t: t.half() if t.is_floating_point() else t), targets


def _each(batch: Batch, change: Callable[[Tensor], Tensor]) -> Batch:
    return replace(batch, **{name: change(getattr(batch, name)) for name in batch.__dataclass_fields__})


class Trainer:
    """A training run in a folder: ``checkpoint.ckpt`` and ``log.csv``; :meth:`export` writes weights.

    Parameters
    ----------
    options : TrainOptions
    folder : path
        Created if it does not exist; a checkpoint in it is resumed.
    network : type
        The network's class, created with ``options.config``; it has a method ``with_attention`` like :class:`PFN`.

    Examples
    --------
    >>> import tempfile
    >>> options = TrainOptions(Prior(rows=(60, 80)), steps=1, tasks_per_step=2, live_datasets=1, workers=0)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     trainer = Trainer(options, folder)
    ...     trainer.run()
    ...     trainer.step
    1
    """

    def __init__(self, options: TrainOptions, folder: str | Path, network: type[PFN] = PFN) -> None:
        self.options, self.folder = options, Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.device = pick_device(options.device)
        with torch.random.fork_rng():
            torch.manual_seed(options.seed)
            self.model = network(options.config).to(self.device)
        if options.init is not None:
            self.model.load_state_dict(_weights_to_begin_from(options))
        self.averaged = {name: p.detach().clone() for name, p in self.model.state_dict().items()}
        decayed = [p for p in self.model.parameters() if p.ndim > 1]
        plain = [p for p in self.model.parameters() if p.ndim <= 1]
        self.optimizer = torch.optim.AdamW(
            [
                {"params": decayed, "weight_decay": options.weight_decay},
                {"params": plain, "weight_decay": 0.0},
            ],
            lr=options.learning_rate,
            betas=(0.9, 0.98),
        )
        self.step, self.seconds = 0, 0.0
        if self.checkpoint.exists():
            self._resume()

    @property
    def checkpoint(self) -> Path:
        """The file that keeps the state for the next start."""
        return self.folder / "checkpoint.ckpt"

    @property
    def progress(self) -> float:
        """Share of the schedule done, 0 to 1."""
        share = self.step / self.options.steps
        if self.options.minutes is not None:
            share = max(share, self.seconds / (60 * self.options.minutes))
        return min(share, 1.0)

    def run(self, report: Callable[[Trainer, float], None] | None = None) -> None:
        """Train to the end of the schedule; ``report(trainer, loss)`` is called after every step."""
        stream = torch.utils.data.DataLoader(
            TaskStream(self.options, start=self.step),
            batch_size=None,
            num_workers=self.options.workers,
            prefetch_factor=4 if self.options.workers else None,
        )
        began = time.monotonic() - self.seconds
        self.model.train()
        for parts in self._with_replay(stream):
            loss = self._step(parts)
            self.seconds = time.monotonic() - began
            self.step += 1
            self._log(loss)
            if report is not None:
                report(self, loss)
            done = self.progress >= 1.0
            if done or self.step % self.options.checkpoint_every == 0:
                self.save()
            if done:
                return

    def _with_replay(self, stream) -> Iterator[list[tuple[Batch, Tensor]]]:
        rng = np.random.default_rng([self.options.seed, self.step])
        remembered: list = []
        for parts in stream:
            yield parts
            if self.options.replay:
                if len(remembered) < self.options.remembered:
                    remembered.append(parts)
                else:
                    remembered[int(rng.integers(len(remembered)))] = parts
            for _ in range(self.options.replay):
                yield remembered[int(rng.integers(len(remembered)))]

    def _step(self, parts: list[tuple[Batch, Tensor]]) -> float:
        rate = self.options.learning_rate * min(1.0, (self.step + 1) / self.options.warmup)
        rate *= 0.5 * (1 + math.cos(math.pi * self.progress))
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.optimizer.zero_grad()
        total = sum(len(targets) for _, targets in parts)
        summed = torch.zeros((), device=self.device)  # read once, as reading waits for the device
        rng = np.random.default_rng([self.options.seed, 1, self.step])
        for batch, targets in self._on_device(parts):
            loss = self._loss(batch, targets, *self._shares(len(targets), rng)) * (len(targets) / total)
            loss.backward()
            summed += loss.detach()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()
        keep = min(self.options.average, (1 + self.step) / (10 + self.step))
        with torch.no_grad():
            for name, value in self.model.state_dict().items():
                self.averaged[name].lerp_(value, 1 - keep)
        return float(summed)

    def _shares(self, tasks: int, rng: np.random.Generator) -> tuple[Tensor, ...]:
        """Nothing, or the (B,) shares of the attention in the posteriors of B tasks, 0 or 1."""
        left_out = self.options.without_attention
        if not left_out:
            return ()
        return (torch.as_tensor(rng.random(tasks) >= left_out, dtype=torch.float32, device=self.device),)

    def _on_device(self, parts: list[tuple[Batch, Tensor]]) -> list[tuple[Batch, Tensor]]:
        there = [
            (_each(batch, lambda t: t.to(self.device)), targets.to(self.device)) for batch, targets in parts
        ]
        return as_few(there) if self.device.type == "cuda" else there

    def _loss(self, batch: Batch, targets: Tensor, *share: Tensor) -> Tensor:
        batch = _each(batch, lambda t: t.float() if t.is_floating_point() else t)
        targets = targets.flatten()
        with torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=has_bfloat16(self.device)):
            posterior, attention = self.model.with_attention(batch, *share)
        nll = torch.nn.functional.nll_loss
        loss = nll(posterior.flatten(0, 1), targets)
        known = targets < attention.shape[-1]
        if known.any():  # a row of no known cluster has no anchor to attend to
            loss = loss + self.options.attention * nll(attention.flatten(0, 1)[known], targets[known])
        return loss

    def _log(self, loss: float) -> None:
        path = self.folder / "log.csv"
        if not path.exists():
            path.write_text("step,seconds,loss\n")
        with path.open("a") as log:
            log.write(f"{self.step},{self.seconds:.1f},{loss:.5f}\n")

    def save(self) -> None:
        """Write the checkpoint; after an interrupted write the previous one remains."""
        state = {
            "model": self.model.state_dict(),
            "averaged": self.averaged,
            "optimizer": self.optimizer.state_dict(),
            "step": self.step,
            "seconds": self.seconds,
            "config": self.options.config.as_dict(),
        }
        temporary = self.checkpoint.with_suffix(".part")
        torch.save(state, temporary)
        temporary.replace(self.checkpoint)

    def _resume(self) -> None:
        state = torch.load(self.checkpoint, map_location=self.device, weights_only=True)
        if state["config"] != self.options.config.as_dict():
            raise RunMismatch(
                f"The checkpoint {self.checkpoint} is of a network with {state['config']}, not with "
                f"{self.options.config.as_dict()}: take another folder."
            )
        self.model.load_state_dict(state["model"])
        self.averaged = state["averaged"]
        self.optimizer.load_state_dict(state["optimizer"])
        self.step, self.seconds = state["step"], state["seconds"]

    def export(self, path: str | Path, scores: dict | None = None) -> tuple[Path, Path]:
        """Write the averaged weights to ``path`` as safetensors, and a model card with ``scores`` beside it."""
        from safetensors.torch import save_file

        path = Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        save_file({name: p.contiguous().cpu() for name, p in self.averaged.items()}, path)
        path.chmod(0o644)
        card = {
            "config": self.options.config.as_dict(),
            "prior": self.options.prior.as_dict(),
            "steps": self.step,
            "tasks": math.ceil(self.step / (1 + self.options.replay)) * self.options.tasks_per_step,
            "seed": self.options.seed,
            "wall_time_minutes": round(self.seconds / 60, 1),
            "machine": f"{platform.machine()}, {torch.get_num_threads()} threads, device {self.device.type}",
            "torch": torch.__version__,
            "options": {
                k: v for k, v in asdict(self.options).items() if k not in ("prior", "config", "device")
            },
            "scores": scores or {},
        }
        card_path = path.with_suffix(".json")
        card_path.write_text(json.dumps(card, indent=2) + "\n")
        return path, card_path


def _weights_to_begin_from(options: TrainOptions) -> dict[str, Tensor]:
    from activeclust.pfn.inference import load_network

    network = load_network(options.init)
    if network.model.config != options.config:
        raise RunMismatch(
            f"The weights {options.init} are of a network with {network.model.config.as_dict()}, not with "
            f"{options.config.as_dict()}: omit the sizes, or start without these weights."
        )
    return network.model.state_dict()
