"""The cache on disk, memory that is asked for, chunks that are halved, landmarks."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time

import numpy as np
import pytest
import torch

from activeclust import PFNClusterer
from activeclust.clusterer import prepared
from activeclust.errors import InvalidInput, NotEnoughMemory
from activeclust.pfn.chunks import SMALLEST, in_chunks
from activeclust.resources import cache, memory
from activeclust.views.packing import pack, unpack
from activeclust.views.views import make_views


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A cache folder for this test alone, in use for views of 50 rows and more."""
    monkeypatch.setenv(cache.FOLDER, str(tmp_path / "cache"))
    monkeypatch.setattr(prepared, "CACHED_FROM", 50)
    return tmp_path / "cache"


def groups(n: int, d: int = 5) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    codes = np.arange(n) % 4
    return (rng.normal(size=(n, d)) + 7 * np.eye(4, d)[codes]).astype(np.float32), codes


def given(codes: np.ndarray, rows: list[int]) -> np.ndarray:
    y = np.full(len(codes), -1)
    y[rows] = codes[rows]
    return y


# ---------------------------------------------------------------- the cache


def test_kept_views_and_candidates_give_the_same_posterior(place):
    X, codes = groups(300)
    first = PFNClusterer(device="cpu").fit(X, given(codes, list(range(8))))
    written = {entry.name: entry.read_bytes() for entry in place.glob("*.npz")}
    assert sorted(name.split("-")[0] for name in written) == ["candidates", "views"]
    again = PFNClusterer(device="cpu").fit(X, given(codes, list(range(8))))
    np.testing.assert_array_equal(first.posterior_, again.posterior_)
    # the same files, and no half-written ones beside them
    assert {entry.name: entry.read_bytes() for entry in place.iterdir()} == written


def test_other_rows_and_other_landmarks_are_other_entries(place):
    X, _ = groups(300)
    for data, landmarks in ((X, None), (X, 100), (X + 1, None)):
        prepared.prepare(data, landmarks)
    assert len(list(place.glob("*.npz"))) == 3
    prepared.prepare(X, cache=False)
    assert len(list(place.glob("*.npz"))) == 3


@pytest.mark.parametrize("harm", ["cut", "bit", "text", "empty"])
def test_a_damaged_entry_is_made_anew(place, harm):
    X, _ = groups(300)
    whole = prepared.prepare(X).source
    (entry,) = place.glob("*.npz")
    good = entry.read_bytes()
    middle = len(good) // 2
    entry.write_bytes(
        {
            "cut": good[:middle],
            "bit": good[:middle] + bytes([good[middle] ^ 1]) + good[middle + 1 :],
            "text": b"hello",
            "empty": b"",
        }[harm]
    )
    again = prepared.prepare(X).source
    np.testing.assert_array_equal(whole.refined.eigenvectors, again.refined.eigenvectors)
    assert entry.read_bytes() == good


def test_the_cache_is_bounded_and_what_was_used_last_stays(place, monkeypatch):
    block = {"a": np.zeros(25_000, np.float32)}  # 100 kB
    monkeypatch.setenv(cache.SIZE, "0.00035")
    for i, key in enumerate("abc"):
        cache.cached(key, lambda: block)
        os.utime(place / f"{key}.npz", (time.time() - 100 + i, time.time() - 100 + i))
    cache.cached("a", lambda: block)  # used again
    cache.cached("d", lambda: block)
    assert sorted(file.stem for file in place.glob("*.npz")) == ["a", "c", "d"]
    cache.cached("large", lambda: {"a": np.zeros(200_000, np.float32)})
    assert not (place / "large.npz").exists()


def test_off_keeps_nothing_and_a_bad_size_is_said(tmp_path, monkeypatch):
    monkeypatch.setenv(cache.FOLDER, "off")
    monkeypatch.chdir(tmp_path)
    cache.cached("a", lambda: {"a": np.zeros(3)})
    assert not list(tmp_path.iterdir())
    monkeypatch.setenv(cache.SIZE, "large")
    with pytest.raises(InvalidInput, match="number of gigabytes"):
        cache.limit()


def test_a_folder_that_cannot_be_written_is_said_once_and_work_goes_on(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv(cache.FOLDER, str(tmp_path / "file" / "cache"))
    with pytest.warns(UserWarning, match="Nothing can be kept in"):
        arrays = cache.cached("a", lambda: {"a": np.arange(3)})
    assert arrays["a"].tolist() == [0, 1, 2]


WRITER = """
import sys
import numpy as np
from activeclust.resources import cache

for turn in range(60):
    arrays = cache.cached(f"k{turn % 3}", lambda: {"a": np.full(50_000, 7)})
    assert (arrays["a"] == 7).all()
    if (turn + int(sys.argv[1])) % 4 == 0:
        (cache.folder() / f"k{turn % 3}.npz").unlink(missing_ok=True)
"""


def test_processes_that_write_at_once_read_whole_entries(place):
    workers = [subprocess.Popen([sys.executable, "-c", WRITER, str(seed)]) for seed in range(2)]
    assert [worker.wait() for worker in workers] == [0, 0]
    assert not list(place.glob("*.part"))


def test_views_survive_packing():
    X, _ = groups(200)
    for landmarks in (None, 80):
        seen = make_views(X, landmarks)
        back = unpack({name: np.array(array) for name, array in pack(seen).items()})
        assert back.data_hash == seen.data_hash
        np.testing.assert_array_equal(back.projection(X), seen.projection(X))
        np.testing.assert_array_equal(back.spread(back.scale), seen.spread(seen.scale))
        assert (back.graph.adjacency != seen.graph.adjacency).nnz == 0


# ---------------------------------------------------------------- memory


def test_what_does_not_fit_is_refused_with_what_does(monkeypatch):
    X, _ = groups(20_000, d=6)
    free = memory.available()
    monkeypatch.setenv(memory.LIMIT, "0.0001")
    assert memory.available() == 0 < free
    with pytest.raises(
        NotEnoughMemory, match=r"The views of 20,000 x 6 need about 0\.5 GB .* 0\.0 GB are free"
    ):
        prepared.prepare(X)
    monkeypatch.setattr(prepared, "available", lambda: 600_000_000)
    with pytest.raises(MemoryError, match=r"--landmarks (15000|20000|10000) \(landmarks="):
        prepared.prepare(X)


def test_a_posterior_that_does_not_fit_names_landmarks(monkeypatch):
    X, codes = groups(200)
    ready = prepared.prepare(X)
    monkeypatch.setenv(memory.LIMIT, "0.0001")
    with pytest.raises(NotEnoughMemory, match="--landmarks"):
        PFNClusterer(device="cpu").posterior(ready, [0, 1, 2, 3], codes[:4])


def test_a_chunk_too_large_for_the_device_is_halved_and_the_work_goes_on():
    tried = []

    def serve(start: int, end: int) -> np.ndarray:
        tried.append(end - start)
        if end - start > 300:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return np.arange(start, end)

    np.testing.assert_array_equal(in_chunks(1500, 1000, serve), np.arange(1500))
    assert tried[:3] == [1000, 500, 250]
    assert set(tried[2:]) == {250}


def test_a_device_without_room_for_a_few_rows_is_said():
    def serve(start: int, end: int) -> np.ndarray:
        raise torch.OutOfMemoryError("CUDA out of memory")

    with pytest.raises(NotEnoughMemory, match=f"even {SMALLEST} rows.*--device cpu"):
        in_chunks(1000, 1000, serve)


def test_a_posterior_is_the_same_after_a_chunk_was_halved(monkeypatch):
    from activeclust.pfn import inference

    X, codes = groups(400)
    model, ready = PFNClusterer(device="cpu"), prepared.prepare(X)
    rows = np.arange(8)
    whole, _ = model.posterior(ready, rows, codes[:8])
    refused = []

    def short_of_memory(n, chunk, serve):
        def narrow(start, end):
            if end - start > 150:
                refused.append(end - start)
                raise torch.OutOfMemoryError("CUDA out of memory")
            return serve(start, end)

        return in_chunks(n, chunk, narrow)

    monkeypatch.setattr(inference, "in_chunks", short_of_memory)
    halved, _ = model.posterior(ready, rows, codes[:8])
    assert refused
    np.testing.assert_allclose(halved, whole, atol=1e-5)


# ---------------------------------------------------------------- landmarks


def test_a_clusterer_with_landmarks_labels_every_row():
    X, codes = groups(1200)
    answered = list(range(40, 52))
    model = PFNClusterer(device="cpu", landmarks=300).fit(X, given(codes, answered))
    assert model.prepared_.source.n_rows == 300
    assert (model.labels_ == codes).mean() > 0.98
    assert model.labels_[answered].tolist() == codes[answered].tolist()
    np.testing.assert_allclose(model.posterior_.sum(axis=1), 1, atol=1e-6)
    more, more_codes = groups(2000)
    assert (model.predict(more + 0.01) == more_codes).mean() > 0.98
    for name, shape in {"pca": (1200, 5), "diffusion": (1200, 64)}.items():
        assert model.prepared_.views[name].shape == shape
    np.testing.assert_allclose(np.linalg.norm(model.prepared_.views["diffusion"], axis=1), 1, atol=1e-4)
    assert not (model.prepared_.neighbors[:, 0] == np.arange(1200)).any()
    assert model.prepared_.density.mean() == pytest.approx(1, abs=1e-4)


def test_a_loop_runs_on_landmarks():
    from activeclust import ActiveLoop, LabelOracle

    X, codes = groups(900)
    clusterer = PFNClusterer(device="cpu", landmarks=200)
    loop = ActiveLoop(X, LabelOracle(codes), clusterer=clusterer, labels_true=codes, random_state=0)
    history = loop.run(budget=12)
    assert history.last["accuracy"] > 0.95


def test_too_few_landmarks_are_refused():
    with pytest.raises(InvalidInput, match="at least 2"):
        PFNClusterer(landmarks=1).fit(groups(20)[0])


def test_prediction_in_any_blocks_is_the_same():
    X, codes = groups(600)
    model = PFNClusterer(device="cpu", landmarks=150).fit(X, given(codes, list(range(8))))
    more, _ = groups(257)
    whole = model.predict_proba(more + 0.3)
    blocks = [model.predict_proba(more[a:b] + 0.3) for a, b in ((0, 1), (1, 100), (100, 257))]
    np.testing.assert_allclose(np.concatenate(blocks), whole, rtol=1e-6, atol=1e-7)


def test_memory_message_is_a_sentence():
    with pytest.raises(NotEnoughMemory) as caught:
        memory.require_memory(10**18, "All rows", "Take fewer.")
    assert re.fullmatch(
        r"All rows need about .* GB of memory, and .* GB are free\. Take fewer\.", str(caught.value)
    )
