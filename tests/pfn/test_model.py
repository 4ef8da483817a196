"""The network: equivariant by construction, indifferent to padding and chunks; training that resumes."""

import json

import numpy as np
import pytest
import torch

from activeclust import PFNClusterer
from activeclust.errors import InvalidInput, RunMismatch, WeightsError
from activeclust.pfn import inference
from activeclust.pfn.basis import Basis
from activeclust.pfn.model import PFN, Config
from activeclust.pfn.prior import Prior, draw_dataset
from activeclust.pfn.tasks import collate, distinct_labels, draw_task
from activeclust.pfn.train import Trainer, TrainOptions
from activeclust.views.views import make_views

SMALL = Config(width=16, pair_width=8, blocks=1, heads=2, inducing=4)


@pytest.fixture(scope="module")
def tasks():
    drawn = []
    for seed in range(4):
        rng = np.random.default_rng(seed)
        X, y = draw_dataset(Prior(rows=(80, 120)), rng)
        views = make_views(X)
        drawn.append(draw_task(views, Basis(views), distinct_labels(views, y), rng))
    return drawn


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    return PFN(SMALL).eval().requires_grad_(False)


def test_posteriors_sum_to_one(model, tasks):
    batch, targets = collate(tasks)
    posterior = model(batch).exp()
    torch.testing.assert_close(posterior.sum(-1), torch.ones(posterior.shape[:2]), atol=1e-4, rtol=0)
    assert int(targets.max()) < posterior.shape[-1]


def test_padding_changes_nothing(model, tasks):
    together = model(collate(tasks)[0])
    for i, task in enumerate(tasks):
        alone = model(collate([task])[0])[0]
        torch.testing.assert_close(together[i, :, : task.C], alone[:, : task.C], atol=1e-3, rtol=1e-3)
        torch.testing.assert_close(together[i, :, -1], alone[:, -1], atol=1e-3, rtol=1e-3)


def test_chunks_equal_the_whole(monkeypatch):
    rng = np.random.default_rng(1)
    X = rng.normal(size=(500, 3))
    rows, codes = np.arange(12), np.arange(12) % 3
    model = PFNClusterer(device="cpu")
    whole, new = model.posterior(model.prepare(X), rows, codes)
    monkeypatch.setattr(inference, "_CHUNK_ELEMENTS", 1)
    parts, new_parts = model.posterior(model.prepare(X), rows, codes)
    np.testing.assert_allclose(parts, whole, atol=1e-5)
    np.testing.assert_allclose(new_parts, new, atol=1e-5)


def options(**more):
    small = {"tasks_per_step": 4, "parts": 2, "live_datasets": 2, "workers": 0, "warmup": 1, "device": "cpu"}
    return TrainOptions(Prior(rows=(60, 90), clusters={"2-4": 1.0}), SMALL, **{**small, **more})


def test_training_lowers_the_loss_resumes_and_exports(tmp_path):
    losses = []
    trainer = Trainer(options(steps=12, checkpoint_every=5), tmp_path)
    trainer.run(lambda t, loss: losses.append(loss))
    assert np.isfinite(losses).all()
    again = Trainer(options(steps=14), tmp_path)
    assert again.step == 12
    again.run()
    assert again.step == 14
    assert len((tmp_path / "log.csv").read_text().splitlines()) == 15
    weights, card = again.export(tmp_path / "mine.safetensors", {"mnist": 0.5})
    assert '"steps": 14' in card.read_text()
    X = np.random.default_rng(0).normal(size=(40, 2))
    model = PFNClusterer(device="cpu", weights=weights).fit(X, [0, 1] + [-1] * 38)
    assert model.posterior_.shape == (40, 2)
    assert model.model_hash != PFNClusterer(device="cpu").model_hash


def test_training_learns_something():
    """On easy tasks forty steps must beat the untrained network clearly, on tasks it has not seen."""
    from activeclust.pfn.train import TaskStream

    easy = Prior(rows=(60, 90), clusters={"2-4": 1.0}, separation=(6, 9), shapes={"gaussian": 1.0}, warp=0.0)
    chosen = TrainOptions(
        easy,
        SMALL,
        steps=40,
        replay=1,
        tasks_per_step=8,
        live_datasets=3,
        tasks_per_dataset=60,
        workers=0,
        warmup=5,
        learning_rate=1e-2,
        device="cpu",
    )
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        trainer = Trainer(chosen, folder)
        held_out = next(iter(TaskStream(chosen, start=10**6)))

        def loss():
            with torch.no_grad():
                return float(np.mean([float(trainer._loss(*part)) for part in held_out]))

        before = loss()
        trainer.run()
        assert loss() < 0.8 * before


def test_another_network_in_the_folder_is_refused(tmp_path):
    Trainer(options(steps=1), tmp_path).run()
    other = TrainOptions(Prior(), Config(width=32), steps=2, workers=0, device="cpu")
    with pytest.raises(RunMismatch, match="another folder"):
        Trainer(other, tmp_path)


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({"steps": 0}, "steps must be at least 1"),
        ({"workers": -1}, "workers must be 0 or more"),
        ({"without_attention": 1.5}, r"without_attention must be between 0 and 1, got 1\.5"),
    ],
)
def test_bad_options_are_named(bad, message):
    with pytest.raises(InvalidInput, match=message):
        TrainOptions(**bad)


def test_a_share_of_zero_leaves_the_attention_out(model, tasks):
    batch, _ = collate(tasks)
    share = torch.tensor([1.0, 0.0, 1.0, 0.0])
    posterior, attention = model.with_attention(batch, share)
    torch.testing.assert_close(attention, model.with_attention(batch)[1])
    whole = model(batch)
    weights = model.gates.weight[-1].clone(), model.gates.bias[-1].clone()
    model.gates.weight[-1], model.gates.bias[-1] = 0.0, 0.0
    without = model(batch)
    model.gates.weight[-1], model.gates.bias[-1] = weights
    assert not torch.allclose(whole[1], without[1], atol=1e-3)
    for i, expected in enumerate((whole, without, whole, without)):
        torch.testing.assert_close(posterior[i], expected[i])


@pytest.mark.parametrize(("share", "learns"), [(0.0, True), (0.5, True), (1.0, False)])
def test_without_attention_its_gate_learns_nothing(share, learns, tmp_path):
    trainer = Trainer(options(steps=2, without_attention=share, weight_decay=0.0), tmp_path)
    before = trainer.model.gates.weight[-1].detach().clone()
    trainer.run()
    assert torch.equal(before, trainer.model.gates.weight[-1]) != learns


def test_replayed_steps_are_of_tasks_seen_before(tmp_path, monkeypatch):
    options = TrainOptions(
        Prior(rows=(60, 80)),
        steps=6,
        tasks_per_step=2,
        parts=1,
        live_datasets=1,
        workers=0,
        replay=2,
        remembered=1,
    )
    trainer, seen = Trainer(options, tmp_path), []
    step = trainer._step
    monkeypatch.setattr(
        trainer, "_step", lambda parts: seen.append(parts[0][1].numpy().tobytes()) or step(parts)
    )
    trainer.run()
    assert seen[0] == seen[1] == seen[2] != seen[3] == seen[4] == seen[5]
    card = json.loads(trainer.export(tmp_path / "pfn.safetensors")[1].read_text())
    assert card["steps"] == 6 and card["tasks"] == 4


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ({"width": 20}, r"width must be a multiple of the number of heads \(8\), got 20\."),
        ({"blocks": 0}, r"blocks must be at least 1, got 0\."),
        ({"heads": 0}, r"heads must be at least 1, got 0\."),
    ],
)
def test_sizes_that_make_no_network_are_named(sizes, message):
    with pytest.raises(InvalidInput, match=message):
        Config(**sizes)


def test_weights_of_another_network_are_refused_with_their_file(tmp_path):
    for name, sizes in (("smaller", {"width": 64, "heads": 4}), ("impossible", {"width": 20})):
        path = tmp_path / f"{name}.safetensors"
        path.write_bytes(inference.WEIGHTS.read_bytes())
        path.with_suffix(".json").write_text(json.dumps({"config": sizes}))
        with pytest.raises(WeightsError, match=rf"{name}\.safetensors do not fit this version's network"):
            inference.load_network(path)
