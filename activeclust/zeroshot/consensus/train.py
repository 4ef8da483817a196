"""Training of the consensus: data sets of the prior in, weights out.

First the data sets are drawn, their candidates computed, and the posterior network applied to several sets of anchors;
each data set is a file, so an interrupted drawing resumes. Then the consensus is trained in passes over them, with a
checkpoint after each. The posterior network and the selector stay as they are.
"""

from __future__ import annotations

import functools
import json
import math
import platform
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from activeclust.errors import RunMismatch
from activeclust.pfn.experts import weighted
from activeclust.pfn.inference import load_network
from activeclust.zeroshot.consensus.network import Consensus, Given
from activeclust.zeroshot.consensus.options import HELD_EVERY, ConsensusOptions
from activeclust.zeroshot.consensus.tasks import Task, draw_judged, read_tasks
from activeclust.zeroshot.drawn import DrawnDataSets

_FRESH = 0.05  # minimum standard deviation of a feature
_AVERAGE = 0.998  # decay of the running average of the weights per step


def loss_of(known: Tensor, new: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Log-loss of rows of known clusters, and that of *none of the clusters*; each a mean over all rows."""
    unseen = target == known.shape[1]
    seen = ~unseen
    nll = -known[seen].gather(1, target[seen][:, None]).sum()
    none = torch.nn.functional.binary_cross_entropy_with_logits(new, unseen.float())
    return nll / len(target), none


def _loss(model: Consensus, task: Task) -> tuple[Tensor, Tensor]:
    known, new = model(*_asked(model, task))
    return loss_of(known, new, task.target)


def _loss_of_members(model: Consensus, task: Task) -> Tensor:
    """Mean over the members: each learns as if it were alone."""
    losses = [loss_of(*out, task.target) for out in model.each(*_asked(model, task))]
    return torch.stack([known + none for known, none in losses]).mean()


def _asked(model: Consensus, task: Task) -> tuple[list[Given], Tensor, Tensor, Tensor, Tensor]:
    weights = model.expert_weights(task.experts)
    sums = weighted(task.log_probability.float(), weights)
    given = model.given(task.support, task.experts, weights)
    return given, task.parts.long(), task.known, task.new, sums


class ConsensusTrainer:
    """A training run in a folder; :meth:`export` writes weights.

    Parameters
    ----------
    options : ConsensusOptions
    folder : path
        Created if it does not exist; data sets and a checkpoint in it are used.
    """

    def __init__(self, options: ConsensusOptions, folder: str | Path) -> None:
        self.options, self.folder = options, Path(folder)
        self.datasets = DrawnDataSets(self.folder / "datasets")
        with torch.random.fork_rng():
            torch.manual_seed(options.seed)
            self.model = Consensus(options.config)
        self.average = Consensus(options.config)
        self.average.load_state_dict(self.model.state_dict())
        self.optimizer = torch.optim.AdamW(
            self.model.parameters(), lr=options.learning_rate, weight_decay=options.weight_decay
        )
        self.epoch, self.step, self.seconds = 0, 0, 0.0
        self.scores: dict[str, float] = {}
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
        draw = functools.partial(draw_judged, self.options)
        self.datasets.draw(draw, self.options.datasets, self.options.workers, report)

    def run(self, report: Callable[[ConsensusTrainer, float], None] | None = None) -> None:
        """Train to the last epoch; ``report(trainer, loss)`` is called after each."""
        rng = np.random.default_rng([self.options.seed, 1])
        training: list[Task] = []
        held: list[Task] = []
        for file in self.files():
            (training if int(file.stem) % HELD_EVERY else held).extend(read_tasks(file))
        if self.epoch == 0:
            self._standardise(training, rng)
        while self.epoch < self.options.epochs:
            began = time.monotonic()
            loss = self._pass(training)
            self.epoch += 1
            self.seconds += time.monotonic() - began
            self.scores = self._scored(held)
            self.save()
            if report is not None:
                report(self, loss)

    def _standardise(self, training: list[Task], rng: np.random.Generator) -> None:
        candidate = [torch.cat([t.support.candidate, t.support.task.expand(len(t.support.candidate), -1)], 1)
                     for t in training]  # fmt: skip
        part = [t.support.part[torch.as_tensor(rng.integers(len(t.support.part), size=64))] for t in training]
        expert = [t.experts.features for t in training]
        for name, of in (
            ("candidate", torch.cat(candidate)), ("part", torch.cat(part)), ("expert", torch.cat(expert))
        ):  # fmt: skip
            mean, spread = of.mean(0), of.std(0).clamp_min(_FRESH)
            for member in (*self.model.members, *self.average.members):
                getattr(member, f"{name}_mean").copy_(mean)
                getattr(member, f"{name}_spread").copy_(spread)

    def _pass(self, training: list[Task]) -> float:
        options = self.options
        order = np.random.default_rng([options.seed, 2, self.epoch]).permutation(len(training))
        steps = math.ceil(len(order) / options.batch)
        losses = []
        for at in np.array_split(order, steps):
            done = self.step / (options.epochs * steps)
            rate = options.learning_rate * min(1.0, (self.step + 1) / 100)
            for group in self.optimizer.param_groups:
                group["lr"] = rate * 0.5 * (1 + math.cos(math.pi * min(done, 1.0)))
            loss = torch.stack([_loss_of_members(self.model, training[i]) for i in at]).mean()
            self.optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
            self.optimizer.step()
            self.step += 1
            decay = min(_AVERAGE, (self.step + 1) / (self.step + 10))
            with torch.no_grad():
                for mean, now in zip(self.average.parameters(), self.model.parameters(), strict=True):
                    mean.lerp_(now, 1 - decay)
            losses.append(float(loss.detach()))
        return float(np.mean(losses))

    def _scored(self, held: list[Task]) -> dict[str, float]:
        """Log-losses on the held-out data sets, without and with the consensus."""
        with torch.inference_mode():
            ours = np.mean([[float(x) for x in _loss(self.average, t)] for t in held], axis=0)
            base = np.mean([[float(x) for x in loss_of(t.known, t.new, t.target)] for t in held], axis=0)
        return {
            "held_out_tasks": len(held),
            "held_out_log_loss": round(float(ours[0]), 4), "held_out_none_of_these": round(float(ours[1]), 4),
            "held_out_log_loss_before": round(float(base[0]), 4),
            "held_out_none_of_these_before": round(float(base[1]), 4),
        }  # fmt: skip

    def save(self) -> None:
        """Write the checkpoint; after an interrupted write the previous one remains."""
        state = {
            "model": self.model.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "epoch": self.epoch,
            "step": self.step,
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
                f"The checkpoint {self.checkpoint} is of a consensus with {state['config']}, not with "
                f"{self.options.config.as_dict()}: take another folder."
            )
        self.model.load_state_dict(state["model"])
        self.average.load_state_dict(state["average"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.epoch, self.step, self.seconds = state["epoch"], state["step"], state["seconds"]
        self.scores = state["scores"]

    def export(self, path: str | Path, scores: dict | None = None) -> tuple[Path, Path]:
        """Write the running average of the weights as safetensors, and the model card as JSON in the same folder.

        Parameters
        ----------
        path : path
            File of the weights, with the extension ``.safetensors``.
        scores : dict, optional
            Further scores for the model card.
        """
        from safetensors.torch import save_file

        path = Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        save_file({name: p.contiguous() for name, p in self.average.state_dict().items()}, path)
        path.chmod(0o644)
        options = {k: v for k, v in asdict(self.options).items() if k not in ("prior", "easier", "config")}
        card = {
            "config": self.options.config.as_dict(),
            "prior": self.options.prior.as_dict(),
            "easier": self.options.easier.as_dict(),
            "posterior": load_network().hash,
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
