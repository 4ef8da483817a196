"""What the page hands over: clusters, a check that is unbiased, files with every row; and rows looked for."""

from __future__ import annotations

import csv
import io
import json

import numpy as np
import pytest

from activeclust.audit import estimate


def label(page, row: int, name: str, **more) -> dict:
    body = {
        "row": row,
        "name": name,
        "client_id": f"{row}-{name}-{page.key if hasattr(page, 'key') else ''}",
    } | more
    got = page.post("/api/answer", body)
    assert got.status_code == 200, got.text
    return got.json()


@pytest.fixture
def labelled(make_page, blobs):
    """60 rows of a table, one answer from each of its four true clusters."""
    import pandas as pd

    y = np.array([f"{type(name).__name__} {name}" for name in blobs[1]])
    items = pd.DataFrame(
        {"name": [f"row-{i}" for i in range(60)], "cluster": y, "text": ['=1+1, "é"\nline 2'] * 60}
    )
    page = make_page(items=items)
    page.truth = y
    for cluster in np.unique(y):
        label(page, int(np.flatnonzero(y == cluster)[0]), cluster)
    page.caught_up()
    return page


def test_clusters_with_typical_and_doubtful_rows(labelled):
    result = labelled.first.get("/api/result").json()
    assert sum(c["rows"] for c in result["clusters"]) == result["rows"] == 60
    assert result["answered"] == 4 and result["check"] is None and 0 < result["expected"] <= 1
    for cluster in result["clusters"]:
        typical, doubtful = cluster["typical"], cluster["doubtful"]
        assert min(t["p"] for t in typical) >= max(d["p"] for d in doubtful)
        members = {t["row"] for t in typical} | {d["row"] for d in doubtful}
        assert len(members) == len(typical) + len(doubtful), "no row is both"


def test_every_row_in_every_format(labelled):
    text = labelled.first.get("/result/csv").content
    assert text.startswith(b"\xef\xbb\xbf"), "spreadsheets take it for UTF-8"
    lines = list(csv.DictReader(io.StringIO(text.decode("utf-8-sig"), newline="")))
    assert [int(line["row"]) for line in lines] == list(range(60))
    assert list(lines[0])[-5:] == [
        "cluster", "probability", "new_cluster_probability", "answered", "answered_by"
    ]  # fmt: skip
    assert lines[5]["name"] == "row-5" and lines[5]["text"] == '=1+1, "é"\nline 2'
    assert lines[5]["data_cluster"] == str(labelled.truth[5]), "a column of theirs under our name"
    assert sum(int(line["answered"]) for line in lines) == 4
    state = labelled.service.page_state
    for line in lines:
        row = int(line["row"])
        assert line["cluster"] == state.clusters[state.codes[row]]
        assert float(line["probability"]) == pytest.approx(state.confidence[row], abs=1e-6)
    as_json = [json.loads(line) for line in labelled.first.get("/result/jsonl").text.splitlines()]
    assert [line["cluster"] for line in as_json] == [line["cluster"] for line in lines]
    parquet = pytest.importorskip("pyarrow.parquet", reason="Parquet needs pyarrow")
    table = parquet.read_table(io.BytesIO(labelled.first.get("/result/parquet").content)).to_pylist()
    assert [line["cluster"] for line in table] == [line["cluster"] for line in lines]
    sheet = pytest.importorskip("pandas").read_excel(io.BytesIO(labelled.first.get("/result/xlsx").content))
    assert sheet["probability"].tolist() == pytest.approx([float(line["probability"]) for line in lines])
    assert sheet["text"].tolist() == [line["text"] for line in lines]
    assert labelled.first.get("/result/xls").status_code == 404


def test_ids_that_no_column_holds_are_in_the_file(make_page):
    ids = [f"k{row}" for row in range(60)]
    for items, names in ((None, ["id", "note"]), ([{"name": name, "size": 1} for name in ids], ["name"])):
        page = make_page(items=items, row_ids=ids)
        label(page, 3, "cat")
        page.caught_up()
        line = json.loads(page.first.get("/result/jsonl").text.splitlines()[7])
        assert [name for name in line if line[name] == "k7"] == names[:1]
        page.service.__exit__()
        page.service.loop.stored._store.delete_run(page.service.run.spec.name)


def test_before_the_first_answer_there_is_no_result(page):
    assert page.first.get("/api/result").json()["clusters"] == []
    assert "begins with the first answer" in page.first.get("/result/csv").json()["error"]
    assert "before the first answer" in page.post("/api/check", {"client_id": "x"}).json()["error"]


def test_a_check_asks_about_random_rows_and_gives_an_accuracy(labelled):
    judged = labelled.service.page_state
    names = [judged.clusters[code] for code in judged.codes]
    queries = labelled.post("/api/check", {"n": 20}).json()["queries"]
    rows = [q["row"] for q in queries]
    assert len(set(rows)) == 20 and not set(rows) & set(judged.answered)
    assert all(q["suggestions"] == [] and q["answer"] is None for q in queries), "nothing sways the answer"
    right = 0
    for row in rows:
        said = names[row] if row % 4 else "something else"
        right += said == names[row]
        label(labelled, row, said, check=True)
    labelled.caught_up()
    check = labelled.first.get("/api/result").json()["check"]
    expected = estimate(right, 20, 60, 4)
    assert (check["asked"], check["right"], check["of"], check["said"]) == (20, right, 20, 20)
    assert check["accuracy"] == pytest.approx(expected.accuracy, abs=1e-4)
    assert (check["low"], check["high"]) == pytest.approx((expected.low, expected.high), abs=1e-4)
    assert len(labelled.service.run.anchors()) == 24, "its answers are answers"
    labelled.post("/api/undo", {"client_id": "u"})
    assert labelled.first.get("/api/result").json()["check"]["said"] == 19


def test_a_check_is_beyond_the_budget(make_page):
    page = make_page(budget=2)
    for row in (0, 1):
        label(page, row, "cat")
    page.caught_up()
    assert page.first.get("/api/state").json()["ended"] == "budget"
    queries = page.post("/api/check", {"n": 5}).json()["queries"]
    for q in queries:
        label(page, q["row"], "cat", check=True)
    state = page.first.get("/api/state").json()
    assert (state["answered"], state["budget"], state["ended"]) == (7, 7, "budget")


def test_rows_are_found_by_text_cluster_state_and_order(labelled):
    def find(**wanted) -> dict:
        got = labelled.first.get("/api/find", params=wanted)
        assert got.status_code == 200, got.text
        return got.json()

    assert [r["row"] for r in find(text="ROW-17")["rows"]] == [17]
    assert 17 in [r["row"] for r in find(text="17")["rows"]]
    assert find(state="answered")["found"] == 4 and find(state="open")["found"] == 56
    rows = find(order="doubtful", state="open")["rows"]
    assert [r["p"] for r in rows] == sorted(r["p"] for r in rows) and len(rows) == 24
    further = find(order="doubtful", state="open", **{"from": "24"})["rows"]
    assert further[0]["p"] >= rows[-1]["p"] and not {r["row"] for r in rows} & {r["row"] for r in further}
    cluster = json.dumps(labelled.service.page_state.clusters[0])
    found = find(cluster=cluster)
    assert found["found"] == int((labelled.service.page_state.codes == 0).sum())
    assert labelled.first.get("/api/find", params={"state": "lost"}).status_code == 422
    labelled.post("/api/answer", {"row": 50, "signal": "skip", "client_id": "s"})
    labelled.caught_up()
    assert [r["row"] for r in find(state="skipped")["rows"]] == [50]


def test_a_dispute_is_seen_and_decided(make_page):
    page = make_page(options={"annotators": 2, "resolve": "review"})
    bob = page.browser("bob")
    label(page, 3, "cat")
    label(bob, 3, "dog")
    label(page, 4, "cat")
    label(bob, 4, "cat")
    page.caught_up()
    (found,) = page.first.get("/api/find", params={"state": "disputed"}).json()["rows"]
    assert found["row"] == 3 and {v["text"] for v in found["said"]} == {"cat", "dog"}
    bob.post("/api/review", {"row": 3, "cluster": '"dog"', "client_id": "r"})
    page.caught_up()
    assert page.first.get("/api/find", params={"state": "disputed"}).json()["found"] == 0
    assert {a.row: a.cluster for a in page.service.run.anchors()}[3] == "dog"


def test_a_tile_of_a_table_shows_what_tells_its_row_apart(make_page):
    import pandas as pd

    frame = pd.DataFrame({f"n{i}": np.arange(60) % 3 + 0.5 for i in range(8)})
    frame["id"] = [f"id {i}" for i in range(60)]
    frame.loc[7, ["n2", "n5"]] = 99.5
    page = make_page(items=frame)
    label(page, 0, "all")
    page.caught_up()
    brief = dict(page.first.get("/api/rows/7").json()["query"]["item"]["brief"])
    assert brief["n2"] == brief["n5"] == "99.5" and "id" not in brief and len(brief) == 4


@pytest.mark.parametrize("kind", [list, np.array])
def test_a_tile_shows_a_text_however_short_and_no_vector(make_page, kind):
    import pandas as pd

    vectors = np.random.default_rng(0).normal(size=(60, 384)).round(6)
    frame = pd.DataFrame(
        {
            "key": [f"k{i}" for i in range(60)], "embedding": [kind(v) for v in vectors.tolist()],
            "text": [f"note {i} on rain" for i in range(60)], "source": ["mail", "web", "web"] * 20,
        }
    )  # fmt: skip
    page = make_page(items=frame)
    label(page, 0, "all")
    page.caught_up()
    item = page.first.get("/api/rows/7").json()["query"]["item"]
    assert dict(item["brief"]) == {"text": "note 7 on rain", "source": "web"}
    shown = dict(item["columns"])
    assert shown["embedding"].endswith("… 384 numbers]") and len(shown["embedding"]) < 50
    assert shown["key"] == "k7"
