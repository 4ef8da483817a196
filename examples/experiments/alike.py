"""Networks of several kinds, trained alike: the same first weights, the same tasks, the same steps."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from activeclust.pfn.model import PFN
from activeclust.pfn.train import TaskStream, Trainer, TrainOptions


def train_alike(
    kinds: Mapping[str, type[PFN]], options: TrainOptions, folder: Path, say: Callable[[str], None]
) -> dict[str, PFN]:
    """One network a kind, under its name, ready to serve.

    A kind is a class with the parameters of :class:`PFN` and a forward pass of its own. What was trained
    before in ``folder`` is read back; an interrupted training goes on.
    """
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
                say(f"step {step}: " + ", ".join(f"{name} {loss:.3f}" for name, loss in losses.items()))
                for trainer in trainers.values():
                    trainer.save()
    models = {}
    for name, trainer in trainers.items():
        trainer.model.load_state_dict(trainer.averaged)  # the running average is what is served
        models[name] = trainer.model.eval().requires_grad_(False)
    return models
