"""A session says the same whatever was asked before it, and from whatever thread."""

import gc
import weakref
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

from activeclust.pfn import anchor_set, columns
from activeclust.pfn.inference import Session, load_network
from activeclust.views.views import make_views


@pytest.fixture(scope="module")
def views():
    rng = np.random.default_rng(0)
    return make_views(4.0 * np.eye(4)[np.arange(240) % 4] + rng.normal(size=(240, 4)))


@pytest.fixture
def session(views):
    return Session(views, load_network(), torch.device("cpu"))


def anchors(seed):
    rng = np.random.default_rng(seed)
    rows = rng.choice(240, 12, replace=False)
    return rows, np.arange(12) % 3


def as_one(posterior):
    return np.c_[posterior.known, posterior.new]


def test_the_posterior_is_the_same_to_the_last_bit_however_it_was_reached(views, session):
    rows, codes = anchors(0)
    fresh = as_one(session.posterior(rows, codes))
    other = Session(views, load_network(), torch.device("cpu"))
    for k in (3, 6, 9):  # anchor after anchor, with passes over a part of the views in between
        other.posterior(rows[:k], codes[:k])
        other.resample(rows[:k], codes[:k], 2, np.random.default_rng(k))
        other.hypothetical(rows[:k], codes[:k], rows[k:], codes[k:], np.arange(5))
    assert np.array_equal(as_one(other.posterior(rows, codes)), fresh)


def test_so_it_is_with_more_anchors_than_centres_and_columns_that_were_dropped(views, monkeypatch):
    monkeypatch.setattr(anchor_set, "MOST_CENTRES", 10)
    monkeypatch.setattr(columns, "kept_columns", lambda n: 14)
    rng = np.random.default_rng(5)
    rows, codes = rng.choice(240, 60, replace=False), np.arange(60) % 3
    fresh = as_one(Session(views, load_network(), torch.device("cpu")).posterior(rows, codes))
    grown = Session(views, load_network(), torch.device("cpu"))
    for k in range(6, 60, 3):
        grown.posterior(rows[:k], codes[:k])
    assert np.array_equal(as_one(grown.posterior(rows, codes)), fresh)
    grown.posterior(rows[40:], codes[40:])
    assert np.array_equal(as_one(grown.posterior(rows, codes)), fresh)


def test_nothing_of_a_posterior_stays_in_memory_until_the_next_collection(session):
    """What refers to itself would: hundreds of megabytes with many answers."""
    rows, codes = anchors(1)
    gc.collect()
    gc.disable()
    try:
        evidence = session.evidence(rows, codes)
        evidence.at(torch.arange(100))
        evidence.at(slice(0, 240))
        gone = [weakref.ref(evidence), weakref.ref(evidence.anchors)]
        del evidence
        assert [of() for of in gone] == [None] * 2
    finally:
        gc.enable()


def test_threads_on_one_session_do_not_disturb_one_another(session, views):
    tasks = [anchors(seed) for seed in range(12)]
    alone = [as_one(Session(views, load_network(), torch.device("cpu")).posterior(*task)) for task in tasks]

    def work(i):
        if i % 3 == 0:
            session.resample(*tasks[i], 1, np.random.default_rng(i))
        return as_one(session.posterior(*tasks[i]))

    with ThreadPoolExecutor(4) as threads:
        together = list(threads.map(work, range(12)))
    for one, other in zip(alone, together, strict=True):
        assert np.array_equal(one, other)
    assert not np.allclose(together[0], together[1])
