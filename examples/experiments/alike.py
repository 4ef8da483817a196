"""Networks of several kinds, trained alike: the same first weights, the same tasks, the same steps."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from plumbing import Run

from activeclust.pfn.inference import Network
from activeclust.pfn.model import PFN
from activeclust.pfn.prior import Prior
from activeclust.pfn.train import TaskStream, Trainer, TrainOptions

STEPS = 150  #: of 16 tasks: enough to compare kinds, far from finished networks


def train_alike(kinds: Mapping[str, type[PFN]], run: Run, what: str) -> dict[str, Network]:
    """One network a kind, under its name, ready to serve.

    A kind is a class with the parameters of :class:`PFN` and a forward pass of its own. What was trained
    before for ``what`` is read back; an interrupted training goes on. A quick run takes two steps.
    """
    options = TrainOptions(
        prior=Prior(rows=(80, 120) if run.quick else (100, 1500)), steps=2 if run.quick else STEPS,
        tasks_per_step=2 if run.quick else 16, live_datasets=1 if run.quick else 24, warmup=50,
        average=0.99, seed=run.seed, workers=0, device="cpu",
    )  # fmt: skip
    folder = (
        run.out / f"quick-{what}" if run.quick else Path("experiments-work") / f"{what}-{STEPS}-{run.seed}"
    )
    trainers = {}
    for name, kind in kinds.items():
        trainers[name] = Trainer(options, folder / name.replace(" ", "-"))
        trainers[name].model.__class__ = kind
        trainers[name].model.train()
    done = min(trainer.step for trainer in trainers.values())
    if done < options.steps:
        stream = iter(TaskStream(options, start=done))
        for step in range(done + 1, options.steps + 1):
            parts, losses = next(stream), {}
            for name, trainer in trainers.items():
                if trainer.step < step:  # not saved yet when the others were
                    losses[name] = trainer._step(parts)
                    trainer.step = step
            if step % 50 == 0 or step == options.steps:
                run.say(f"step {step}: " + ", ".join(f"{name} {loss:.3f}" for name, loss in losses.items()))
                for trainer in trainers.values():
                    trainer.save()
    nets = {}
    for name, trainer in trainers.items():
        trainer.model.load_state_dict(trainer.averaged)  # the running average is what is served
        nets[name] = Network(trainer.model.eval().requires_grad_(False), {}, name)
    return nets
