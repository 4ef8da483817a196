"""Networks of several kinds, trained alike: the same tasks, the same steps, the same trainer."""

from __future__ import annotations

import csv
import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from kinds_of_attention import DensePFN, PureForm, WholePFN, WindowPFN
from placed import PlacedStream, only_places, whole
from plumbing import Problem, Run

from activeclust.pfn.inference import Network, Posterior, Session
from activeclust.pfn.model import PFN
from activeclust.pfn.prior import Prior
from activeclust.pfn.train import Trainer, TrainOptions

STEPS, TASKS = 1500, 16  #: tasks per step; about half an hour of one core for the four kinds, once
SHIPPED = 131_000  #: tasks that the network that ships has seen (docs/training-log.md, sections 10 and 11)
OURS, PURE = "our form", "pure form"
#: the kinds that differ in what rows attend to; the first is the package's
KINDS: dict[str, type] = {
    OURS: PFN,
    "windows and global tokens": WindowPFN,
    "dense": DensePFN,
    PURE: PureForm,
}


def train_alike(kinds: Mapping[str, type], run: Run, what: str, steps: int = STEPS) -> dict[str, Network]:
    """One network a kind, under its name, ready to serve.

    Kinds with the parameters of :class:`PFN` begin with the same first weights. What was trained before for ``what``
    is read back; an interrupted training goes on. A quick run takes two steps. Processor seconds of each kind's steps
    are in the card, ``card["seconds"]``.
    """
    options = TrainOptions(
        prior=Prior(rows=(80, 120) if run.quick else (100, 1500)), steps=2 if run.quick else steps,
        tasks_per_step=2 if run.quick else TASKS, live_datasets=1 if run.quick else 24, warmup=50,
        average=0.99, seed=run.seed, workers=0, device="cpu",
    )  # fmt: skip
    folder = (
        run.out / f"quick-{what}" if run.quick else Path("experiments-work") / f"{what}-{steps}-{run.seed}"
    )
    trainers = {name: Trainer(options, folder / name.replace(" ", "-"), kind) for name, kind in kinds.items()}
    for trainer in trainers.values():
        trainer.model.train()
    done = min(trainer.step for trainer in trainers.values())
    if done < options.steps:
        stream = iter(PlacedStream(options, start=done))
        for step in range(done + 1, options.steps + 1):
            parts, losses = next(stream), {}
            for name, trainer in trainers.items():
                if trainer.step < step:  # not saved yet when the others were
                    began = time.process_time()
                    losses[name] = trainer._step(parts)
                    trainer.step, trainer.seconds = step, trainer.seconds + time.process_time() - began
                    trainer._log(losses[name])
            if step % 50 == 0 or step == options.steps:
                run.say(f"step {step}: " + ", ".join(f"{name} {loss:.3f}" for name, loss in losses.items()))
                for trainer in trainers.values():
                    trainer.save()
    nets = {}
    for name, trainer in trainers.items():
        trainer.model.load_state_dict(trainer.averaged)  # the running average is what is served
        card = {"seconds": trainer.seconds, "loss": _last_losses(trainer.folder / "log.csv")}
        nets[name] = Network(trainer.model.eval().requires_grad_(False), card, name)
    return nets


def kinds_of_attention(run: Run) -> dict[str, Network]:
    """:data:`KINDS`, trained alike once for all experiments that show them."""
    return train_alike(KINDS, run, "attention")


def _last_losses(path: Path, count: int = 20) -> float:
    """Mean training loss of the last steps: the same tasks for every kind."""
    with path.open() as file:
        losses = [float(line["loss"]) for line in csv.DictReader(file)]
    return float(np.mean(losses[-count:]))


def served(network: Network, data: Problem, anchors: np.ndarray) -> tuple[np.ndarray, Posterior]:
    """Names (C,), and the posterior of the distinct rows, from a network of any kind. Equal anchors count once."""
    source = data.prepared.source
    rows, first = np.unique(source.inverse[anchors], return_index=True)
    names, codes = np.unique(data.y[anchors[first]], return_inverse=True)
    session = Session(source, network, torch.device("cpu"))
    return names, posterior_of(session, rows, codes)


def posterior_of(session: Session, rows: np.ndarray, codes: np.ndarray) -> Posterior:
    """The posterior of the distinct rows given distinct ``rows`` of clusters ``codes``."""
    model = session.network.model
    if not isinstance(model, WholePFN | PureForm):
        return session.posterior(rows, codes)
    with torch.inference_mode():
        make = whole if isinstance(model, WholePFN) else only_places
        out = model(make(session, rows, codes))[0].double().exp().numpy()
    known = out[:, :-1] / np.maximum(out[:, :-1].sum(1, keepdims=True), 1e-12)
    return Posterior(known, out[:, -1])


def labels(network: Network, data: Problem, anchors: np.ndarray) -> np.ndarray:
    """(n,) the likeliest cluster of every given row."""
    names, out = served(network, data, anchors)
    return names[out.known.argmax(1)][data.prepared.source.inverse]
