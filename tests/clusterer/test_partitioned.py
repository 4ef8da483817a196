"""A folder of parquet files: posteriors block by block, here and on a Dask cluster, one worker killed."""

from __future__ import annotations

import os
import signal
import warnings

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from activeclust.clusterer import partitioned
from activeclust.errors import DataFileError, InvalidInput


@pytest.fixture(scope="module")
def parts(tmp_path_factory):
    """(folder, X, codes): 6,000 rows in three files of unlike length, blocks of 250 rows."""
    folder = tmp_path_factory.mktemp("parts")
    rng = np.random.default_rng(0)
    codes = rng.integers(4, size=6000)
    X = (rng.normal(size=(6000, 5)) + 7 * np.eye(4, 5)[codes]).astype(np.float32)
    frame = pd.DataFrame(X, columns=list("abcde")).assign(kind=codes.astype(str))
    for i, (start, end) in enumerate([(0, 1100), (1100, 4350), (4350, 6000)]):
        table = pa.Table.from_pandas(frame[start:end], preserve_index=False)
        pq.write_table(table, folder / f"{i}.parquet", row_group_size=250)
    return folder, X, codes


@pytest.fixture(scope="module")
def model(parts):
    folder, _, codes = parts
    answers = {row: f"group {codes[row]}" for row in range(0, 6000, 300)}
    return partitioned.fit(folder, answers, landmarks=400, device="cpu")


def read(files) -> pd.DataFrame:
    return pd.concat([pd.read_parquet(file) for file in files], ignore_index=True)


def test_every_row_of_every_file_has_its_posterior(parts, model, tmp_path):
    folder, X, codes = parts
    table = read(partitioned.posteriors(model, folder, tmp_path / "out"))
    assert len(table) == 6000
    assert (table["cluster"] == [f"group {code}" for code in codes]).mean() > 0.98
    # blocks give what the whole gives in one piece
    whole = model.predict_proba(X)
    shown = table[[f"p_{name}" for name in model.classes_]].to_numpy()
    np.testing.assert_allclose(shown, whole, rtol=1e-5, atol=1e-6)
    answered = table["cluster"][list(range(0, 6000, 300))].tolist()
    assert answered == [f"group {codes[row]}" for row in range(0, 6000, 300)]


def test_what_is_finished_is_not_done_again(parts, model, tmp_path):
    folder, _, _ = parts
    files = partitioned.posteriors(model, folder, tmp_path / "out")
    times = [file.stat().st_mtime_ns for file in files]
    files[3].unlink()
    again = partitioned.posteriors(model, folder, tmp_path / "out")
    changed = [i for i, file in enumerate(again) if file.stat().st_mtime_ns != times[i]]
    assert changed == [3]


def test_a_cluster_of_two_workers_gives_the_same_with_one_killed(parts, model, tmp_path):
    distributed = pytest.importorskip("distributed", reason="needs activeclust[dask]")
    folder, _, _ = parts
    here = read(partitioned.posteriors(model, folder, tmp_path / "here"))
    killed: list[int] = []

    def kill_one(step: str, done: float, total: float) -> None:
        if step == "blocks" and 2 <= done < total and not killed:
            pid = next(iter(client.run(os.getpid).values()))
            os.kill(pid, signal.SIGKILL)
            killed.append(int(total - done))

    from activeclust.resources.progress import listening

    with (
        warnings.catch_warnings(),
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
        ) as cluster,
        distributed.Client(cluster) as client,
        listening(kill_one),
    ):
        warnings.simplefilter("ignore")  # the cluster warns of the death that it survives
        there = read(partitioned.posteriors(model, folder, tmp_path / "there", client=client))
    assert killed and killed[0] > 0  # there was work left
    pd.testing.assert_frame_equal(there, here)
    assert not list((tmp_path / "there").glob("*.part"))


def test_no_answers_are_needed(parts, tmp_path):
    folder, _, _ = parts
    free = partitioned.fit(folder, landmarks=300, columns=["a", "b"], device="cpu")
    table = read(partitioned.posteriors(free, folder, tmp_path / "out", columns=["a", "b"]))
    assert table["cluster"].nunique() == len(free.classes_)


def test_bad_folders_and_columns_are_said(parts, model, tmp_path):
    folder, _, _ = parts
    with pytest.raises(DataFileError, match=r"holds no \.parquet"):
        partitioned.fit(tmp_path)
    with pytest.raises(InvalidInput, match="no column of numbers named kind; it has: a, b"):
        partitioned.fit(folder, columns=["a", "kind"])
    with pytest.raises(InvalidInput, match="from 0 to 5,999"):
        partitioned.fit(folder, {6000: "x"})
    (tmp_path / "x.parquet").write_text("hello")
    with pytest.raises(DataFileError, match="cannot be read as a parquet"):
        partitioned.fit(tmp_path)
    pd.DataFrame({"a": [1.0, None]}).to_parquet(tmp_path / "x.parquet")
    with pytest.raises(InvalidInput, match=r"x\.parquet misses values.* row 1 "):
        partitioned.fit(tmp_path)
