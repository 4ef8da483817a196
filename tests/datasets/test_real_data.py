"""Data as users have it: pictures, dates, text, sparse matrices, vectors beside the items."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
import warm
from PIL import Image

from activeclust.cli import main
from activeclust.datasets import load
from activeclust.errors import ActiveClustError, DataFileError, InvalidInput, MissingDependency, UnknownName


def save_image(path: Path, pixels: np.ndarray, **options) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels.astype(np.uint8)).save(path, **options)
    return path


@pytest.fixture
def photos(tmp_path):
    """Six dark and six bright pictures of different sizes and kinds, in two subfolders."""
    rng = np.random.default_rng(0)
    for i in range(6):
        shape = (20 + 7 * i, 30, 3)
        save_image(tmp_path / "photos" / "dark" / f"{i}.png", rng.integers(0, 80, shape))
        save_image(tmp_path / "photos" / "bright" / f"{i}.JPG", rng.integers(170, 255, shape))
    return tmp_path / "photos"


# ---------------------------------------------------------------- pictures


def test_a_folder_of_pictures_has_paths_for_items_and_subfolders_for_labels(photos):
    (photos / ".thumbnails").mkdir()
    (photos / ".thumbnails" / "0.png").write_bytes(b"not looked at")
    (photos / "notes.txt").write_text("neither")
    data = load(photos)
    assert data.X.shape == (12, 32 * 32 * 3)
    assert all(isinstance(item, Path) and item.is_file() for item in data.items)
    assert data.oracle_labels().tolist() == ["bright"] * 6 + ["dark"] * 6
    assert data.X[:6].mean() > 0.6 > 0.3 > data.X[6:].mean()
    assert "scaled to 32 x 32" in data.notes[-1]


def test_pictures_need_no_subfolders_and_take_labels_from_a_file(tmp_path):
    for i in range(4):
        save_image(tmp_path / "p" / f"{i}.png", np.full((8, 8), 60 * i))
    data = load(tmp_path / "p")
    assert data.y is None
    assert data.X.shape == (4, 64)  # small, grey, of one size: as they are
    np.testing.assert_allclose(data.X[:, 0], np.arange(4) * 60 / 255)
    (tmp_path / "names.txt").write_text("a\na\nb\nb\n")
    assert load(tmp_path / "p", labels=tmp_path / "names.txt").oracle_labels().tolist() == list("aabb")


def test_a_turned_and_a_transparent_picture_are_read_as_they_are_seen(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned right by a quarter
    left_dark = np.repeat(np.repeat(np.array([[0, 255]]), 16, 0), 8, 1)
    save_image(tmp_path / "p" / "a.png", left_dark, exif=exif)
    clear = np.zeros((16, 16, 4))
    save_image(tmp_path / "p" / "b.png", clear)
    turned, behind = load(tmp_path / "p").X.reshape(2, 16, 16, 3)
    assert turned[:8].max() == 0.0 and turned[8:].min() == 1.0
    assert behind.min() == 1.0


def test_a_broken_picture_is_named(photos):
    (photos / "dark" / "x.png").write_bytes(b"\x89PNG broken")
    with pytest.raises(DataFileError, match=r"x\.png cannot be read"):
        load(photos)
    whole = (photos / "dark" / "0.png").read_bytes()
    (photos / "dark" / "x.png").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataFileError, match=r"x\.png cannot be read"):
        load(photos)


def test_arrays_of_images_are_shown_as_images(tmp_path):
    colours = np.random.default_rng(0).integers(0, 255, (6, 5, 4, 3)).astype(np.uint8)
    np.savez(tmp_path / "c.npz", X=colours)
    data = load(tmp_path / "c.npz")
    assert data.items[2].shape == (5, 4, 3)
    assert data.X.shape == (6, 60)


# ---------------------------------------------------------------- columns


def test_dates_become_age_and_cycles(tmp_path):
    days = pd.date_range("2021-01-01", periods=400, freq="D")
    frame = pd.DataFrame({"day": days.strftime("%Y-%m-%d"), "size": np.arange(400) % 7})
    frame.to_csv(tmp_path / "t.csv", index=False)
    frame.assign(day=days).to_parquet(tmp_path / "t.parquet")
    one, other = load(tmp_path / "t.csv"), load(tmp_path / "t.parquet")
    np.testing.assert_allclose(one.X, other.X, atol=1e-6)
    assert "Date day: its age, its weekday, its season." in one.notes
    assert one.X.shape == (400, 6)
    mondays = np.flatnonzero(days.day_of_week == 0)
    weekday = one.X[:, 2:4]
    assert np.ptp(weekday[mondays], axis=0).max() < 1e-4
    assert np.linalg.norm(weekday[0] - weekday[3]) > 0.5


def test_a_column_with_one_false_date_is_refused(tmp_path):
    (tmp_path / "t.csv").write_text("day,a\n2021-01-01,1\n2021-02-30,2\n2021-02-03,3\n")
    with pytest.raises(InvalidInput, match="looks like dates"):
        load(tmp_path / "t.csv")


TOPICS = ("the cat sat with another cat and purred softly", "shares fell as the bank raised its rates again")


def texts(n=60):
    rng = np.random.default_rng(0)
    words = [TOPICS[i % 2].split() for i in range(n)]
    return [" ".join(rng.permutation(w)[:7]) + f" number{i}" for i, w in enumerate(words)]


def test_prose_is_read_as_text_and_tells_topics_apart(tmp_path):
    frame = pd.DataFrame({"id": range(60), "story": texts(), "label": [i % 2 for i in range(60)]})
    frame.to_csv(tmp_path / "t.csv", index=False)
    data = load(tmp_path / "t.csv", embed="tf-idf")
    assert "Column 'story' read as text: TF-IDF of" in data.notes[0]
    cosine = data.X @ data.X.T
    assert cosine[0, 2::2].min() > cosine[0, 1::2].max()
    frame.assign(story=[f"x{i % 2}" for i in range(60)]).to_csv(tmp_path / "u.csv", index=False)
    assert "TF-IDF of 2 words" in load(tmp_path / "u.csv", text_column="story", embed="tf-idf").notes[0]


def test_a_column_of_vectors_is_taken_as_it_is(tmp_path):
    V = np.random.default_rng(0).normal(size=(9, 5)).astype(np.float32)
    frame = pd.DataFrame({"emb": list(V), "label": list("aabbccddd")})
    frame.to_parquet(tmp_path / "t.parquet")
    np.testing.assert_array_equal(load(tmp_path / "t.parquet").X, V)


def test_a_folder_of_parquet_files_is_one_table(tmp_path):
    frame = pd.DataFrame({"a": np.arange(10.0), "b": np.arange(10.0) ** 2})
    (tmp_path / "parts").mkdir()
    frame[:6].to_parquet(tmp_path / "parts" / "0.parquet")
    frame[6:].to_parquet(tmp_path / "parts" / "1.parquet")
    frame.to_parquet(tmp_path / "whole.parquet")
    parts = load(tmp_path / "parts")
    np.testing.assert_array_equal(parts.X, load(tmp_path / "whole.parquet").X)
    assert parts.items[7] == {"a": 7.0, "b": 49.0}


# ---------------------------------------------------------------- arrays


def test_a_sparse_matrix_is_reduced_and_keeps_its_inner_products(tmp_path):
    rng = np.random.default_rng(1)
    low = sp.csr_array(rng.normal(size=(200, 8)))
    spread = sp.random_array((8, 30_000), density=3e-4, rng=rng)
    S = sp.csr_array(low @ spread)
    sp.save_npz(tmp_path / "wide.npz", S)
    data = load(tmp_path / "wide.npz")
    assert data.X.shape == (200, 100)
    np.testing.assert_allclose(data.X @ data.X.T, (S @ S.T).toarray(), atol=1e-2)
    assert "200 x 30,000 reduced to 100 columns" in data.notes[0]
    shown = data.items[5]
    row = S[[5]].toarray()[0]
    assert shown[f"column {np.abs(row).argmax()}"] == row[np.abs(row).argmax()]
    S.data[3] = np.nan
    sp.save_npz(tmp_path / "wide.npz", S)
    with pytest.raises(InvalidInput, match=r"NaN or infinite values in row"):
        load(tmp_path / "wide.npz")


def test_float32_rows_stay_on_disk(tmp_path):
    X = np.random.default_rng(0).normal(size=(500, 8)).astype(np.float32)
    np.save(tmp_path / "rows.npy", X)
    data = load(tmp_path / "rows.npy")
    holder = data.X
    while holder.base is not None and not isinstance(holder, np.memmap):
        holder = holder.base
    assert isinstance(holder, np.memmap)
    np.testing.assert_array_equal(data.X, X)


# ---------------------------------------------------------------- vectors beside, models, the hub


def test_vectors_beside_the_items(photos, tmp_path):
    V = np.random.default_rng(0).normal(size=(12, 4)).astype(np.float32)
    np.save(tmp_path / "emb.npy", V)
    data = load(photos, vectors=tmp_path / "emb.npy")
    np.testing.assert_array_equal(data.X, V)
    assert isinstance(data.items[0], Path)
    np.save(tmp_path / "emb.npy", V[:5])
    with pytest.raises(InvalidInput, match="5 vectors for 12 rows"):
        load(photos, vectors=tmp_path / "emb.npy")
    with pytest.raises(InvalidInput, match="Give one of"):
        load(photos, vectors=tmp_path / "emb.npy", embed="model")


def test_what_cannot_be_embedded_is_said_before_a_model_is_loaded(tmp_path):
    (tmp_path / "t.csv").write_text("a,b\n1,2\n3,4\n")
    with pytest.raises(InvalidInput, match="neither"):
        load(tmp_path / "t.csv", embed="any")


def test_vectors_of_a_model_are_kept_by_model_and_content(photos, tmp_path, monkeypatch):
    from activeclust.datasets import embedding

    monkeypatch.setenv("ACTIVECLUST_CACHE", str(tmp_path / "cache"))
    asked = []

    def vectors(model, items, what):
        asked.append((model, what, len(items)))
        return np.random.default_rng(len(asked)).normal(size=(len(items), 3)).astype(np.float32)

    # the model itself needs the extra [embed]; what is tried here is when it is asked at all
    monkeypatch.setattr(embedding, "_vectors", vectors)
    first = load(photos, embed="m").X
    np.testing.assert_array_equal(load(photos, embed="m").X, first)
    assert asked == [("m", "picture", 12)]
    load(photos, embed="other")
    save_image(photos / "dark" / "0.png", np.zeros((5, 5, 3)))
    load(photos, embed="m")
    assert asked[1:] == [("other", "picture", 12), ("m", "picture", 12)]


def test_a_missing_extra_is_named(tmp_path):
    code = (
        "import sys\n"
        "sys.modules['datasets'] = sys.modules['sentence_transformers'] = None\n"
        "from activeclust.datasets import load\n"
        "hub, model = {'name_or_path': 'hf:x'}, dict(name_or_path='t.csv', embed='m', text_column='a')\n"
        "for what in (hub, model):\n"
        "    try: load(**what)\n"
        "    except ImportError as error: print(error)\n"
    )
    (tmp_path / "t.csv").write_text("a,b\none,2\ntwo,4\n")
    done = warm.run(["-c", code], cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "activeclust[hf]" in done.stdout
    assert "activeclust[embed]" in done.stdout


def test_a_hub_data_set_saved_on_disk(tmp_path):
    datasets = pytest.importorskip("datasets", reason="needs activeclust[hf]")
    features = datasets.Features(
        {"img": datasets.Image(), "fine": datasets.ClassLabel(names=["low", "high"])}
    )
    pictures = [Image.fromarray(np.full((8, 8), v, np.uint8)) for v in (0, 10, 200, 250)]
    saved = datasets.Dataset.from_dict({"img": pictures, "fine": [0, 0, 1, 1]}, features=features)
    datasets.DatasetDict({"train": saved, "test": saved.select([0, 2])}).save_to_disk(tmp_path / "d")
    data = load(f"hf:{tmp_path / 'd'}")
    assert data.oracle_labels().tolist() == ["low", "low", "high", "high"]
    assert data.items[3].tolist() == np.full((8, 8), 250).tolist()
    assert data.X.shape == (4, 64)
    assert len(load(f"hf:{tmp_path / 'd'}@test").X) == 2
    assert len(load(tmp_path / "d").X) == 4
    with pytest.raises(UnknownName, match="Did you mean 'train'"):
        load(f"hf:{tmp_path / 'd'}@trian")
    table = datasets.Dataset.from_dict({"a": [1.0, 2.0, 3.0], "kind": ["u", "v", "u"], "label": [1, 2, 1]})
    table.save_to_disk(tmp_path / "t")
    assert load(f"hf:{tmp_path / 't'}").X.shape == (3, 3)


# ---------------------------------------------------------------- the command line


def run(capsys, *words) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as left:
        main([str(word) for word in words])
    said = capsys.readouterr()
    return int(left.value.code or 0), said.out, said.err


def test_cluster_takes_pictures_and_says_what_it_did(photos, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    status, out, err = run(capsys, "cluster", photos, "--device", "cpu")
    assert status == 0, err
    assert "12 pictures in" in err and "scaled to 32 x 32" in err
    lines = out.splitlines()
    assert lines[0].startswith("row,id,cluster")
    assert lines[1].startswith("0,bright/0.JPG,")


def test_a_run_remembers_how_its_rows_were_made(photos, capsys, tmp_path, monkeypatch):
    from activeclust.store import open_store

    monkeypatch.chdir(tmp_path)
    V = np.random.default_rng(0).normal(size=(12, 4)) + np.repeat([[0], [9]], 6, axis=0)
    np.save("emb.npy", V)
    words = ("--features", "emb.npy", "--budget", "3", "--strategy", "random", "--name", "r", "--json")
    status, out, err = run(capsys, "loop", "--oracle", photos, *words)
    assert status == 0, err
    spec = open_store("activeclust.db").open_run("r").spec
    assert spec.options["preparation"][-1].startswith("Clustered by the 4 columns of")
    assert spec.options["data"]["features"] == str(tmp_path / "emb.npy")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    status, out, err = run(
        capsys,
        "loop",
        "--resume",
        "--name",
        "r",
        "--budget",
        "4",
        "--db",
        tmp_path / "activeclust.db",
        "--json",
    )
    assert status == 0, err
    assert json.loads(out)["answers"] == 4


def test_errors_are_those_of_the_package():
    assert issubclass(MissingDependency, ActiveClustError)
