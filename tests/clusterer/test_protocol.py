"""What the loop asks of a model: ours has it, and so has the tests' own; what lacks a part does not pass."""

from __future__ import annotations

import numpy as np
import pytest
from nearest_anchor import NearestAnchor

from activeclust import PFNClusterer
from activeclust.clusterer.protocol import Clusterer, PreparedRows


@pytest.mark.parametrize(
    "model", [PFNClusterer(device="cpu"), NearestAnchor()], ids=["ours", "nearest anchor"]
)
def test_a_model_of_the_loop_keeps_the_protocol(model, blobs):
    assert isinstance(model, Clusterer)
    prepared = model.prepare(blobs[0])
    assert isinstance(prepared, PreparedRows)
    assert prepared.n_rows == len(prepared.density) == len(prepared.neighbors) == 60
    assert np.allclose(np.linalg.norm(prepared.views["diffusion"], axis=1), 1, atol=1e-4)
    assert prepared.density.mean() == pytest.approx(1, abs=1e-4)
    known, new = model.posterior(prepared, np.array([0, 1, 2]), np.array([0, 1, 0]))
    assert known.shape == (60, 2)
    assert np.allclose(known.sum(axis=1), 1, atol=1e-5)
    assert ((new >= 0) & (new <= 1)).all()
    none, all_new = model.posterior(prepared, np.array([], int), np.array([], int))
    assert none.shape == (60, 0)
    assert (all_new == 1).all()


def test_what_lacks_a_part_is_no_clusterer():
    class NoPosterior:
        model_hash = "x"

        def prepare(self, X):
            return X

    assert not isinstance(NoPosterior(), Clusterer)
    assert not isinstance(np.zeros(3), PreparedRows)
