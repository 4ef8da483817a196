"""Batches joined into larger ones: the posterior and the loss stay what they were."""

from dataclasses import fields

import pytest
import torch

from activeclust.pfn.inference import load_network
from activeclust.pfn.padded import as_few, joined
from activeclust.pfn.prior import Prior
from activeclust.pfn.train import TaskStream, TrainOptions

OPTIONS = TrainOptions(
    Prior(rows=(60, 90), clusters={"2-2": 1.0, "6-12": 1.0}), tasks_per_step=8, parts=4, live_datasets=2
)


@pytest.fixture(scope="module")
def parts():
    return next(iter(TaskStream(OPTIONS)))


@pytest.fixture(scope="module")
def network():
    return load_network().model.eval()


def of(network, batch):
    return network(type(batch)(**{f.name: _single(getattr(batch, f.name)) for f in fields(batch)}))


def _single(tensor):
    return tensor.float() if tensor.is_floating_point() else tensor


def test_the_posterior_is_that_of_the_parts(parts, network):
    sizes = {(batch.cluster_mask.shape[1], batch.anchor_mask.shape[1]) for batch, _ in parts}
    assert len(sizes) > 1, "the parts have one size: nothing is padded"
    with torch.inference_mode():
        batch, targets = joined(parts)
        assert batch.pair.dtype == parts[0][0].pair.dtype == torch.half  # no larger than it came
        whole, at = of(network, batch), 0
        for part, part_targets in parts:
            alone, mine = of(network, part), whole[at : at + len(part_targets)]
            C = alone.shape[-1] - 1
            torch.testing.assert_close(mine[..., :C], alone[..., :C], rtol=0, atol=2e-4)
            torch.testing.assert_close(mine[..., -1], alone[..., -1], rtol=0, atol=2e-4)
            assert (mine[..., C:-1] < -1000).all()  # clusters that the part has not
            of_targets = targets[at : at + len(part_targets)]
            torch.testing.assert_close(
                mine.gather(2, of_targets[..., None]),
                alone.gather(2, part_targets[..., None]),
                rtol=0,
                atol=2e-4,
            )
            at += len(part_targets)
    assert at == len(whole) == OPTIONS.tasks_per_step


def test_as_few_joins_neighbours_up_to_a_size(parts):
    assert len(as_few(parts)) == 1
    assert len(as_few(parts, most=1)) == len(parts)
    pairs = [
        (targets.numel() + b.anchor_mask.shape[1] * len(targets))
        * (b.cluster_mask.shape[1] + b.anchor_mask.shape[1])
        for b, targets in parts
    ]
    some = as_few(parts, most=max(pairs) + 1)
    assert 1 < len(some) <= len(parts)
    assert torch.equal(torch.cat([b.task for b, _ in some]), torch.cat([b.task for b, _ in parts]))
