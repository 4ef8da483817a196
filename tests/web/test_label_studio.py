"""Label Studio's requests, in the shape of its documentation, to the real application over a real store."""

from __future__ import annotations

import base64
import json
import re
import signal
import urllib.request
from pathlib import Path

import numpy as np
import pytest
from person import wait
from served import Served

pytest.importorskip("starlette", reason="the back end needs activeclust[web]")
from click.testing import CliRunner
from starlette.testclient import TestClient

from activeclust.cli.label_studio import label_studio_command
from activeclust.loop import ActiveLoop
from activeclust.store import open_store
from activeclust.store.records import Event, Kind
from activeclust.web.label_studio.app import make_backend
from activeclust.web.label_studio.backend import AHEAD
from activeclust.web.service import AnnotationService

REQUESTS = json.loads((Path(__file__).parents[1] / "fixtures/label_studio/requests.json").read_text())
HOST = "127.0.0.1:9090"


class Studio:
    """Label Studio's side."""

    def __init__(self, service: AnnotationService, password: str | None = None) -> None:
        self.service, self.run = service, service.run
        self.client = TestClient(make_backend(service, [HOST], password), base_url=f"http://{HOST}")

    def send(self, path: str, name: str, **changes):
        """A recorded request."""
        return self.client.post(path, json=REQUESTS[name] | changes)

    def webhook(self, name: str):
        got = self.send("/webhook", name)
        assert got.status_code == 201, got.text
        self.caught_up()

    def caught_up(self) -> None:
        wait(lambda: self.service.settled, "the posterior")

    def predictions(self) -> dict[int, dict]:
        """Row -> prediction."""
        got = self.send("/predict", "predict").json()["results"]
        rows = [task["data"]["row"] for task in REQUESTS["predict"]["tasks"]]
        return dict(zip(rows, got, strict=True))

    def answers(self) -> dict[int, object]:
        return {anchor.row: anchor.cluster for anchor in self.run.anchors()}


@pytest.fixture
def studio(tmp_path, blobs, nearest_anchor):
    store = open_store(tmp_path / "a.db")
    loop = ActiveLoop(
        blobs[0],
        None,
        clusterer=nearest_anchor,
        store=store,
        name="flowers",
        strategy="margin",
        random_state=0,
    )
    with AnnotationService(loop, ahead=AHEAD) as service:
        yield Studio(service)
    store.close()


def test_it_is_up_and_names_its_version(studio):
    for path in ("/", "/health"):
        assert studio.client.get(path).json()["status"] == "UP"
    version = studio.send("/setup", "setup").json()["model_version"]
    studio.webhook("created")
    assert studio.send("/setup", "setup").json()["model_version"] != version, (
        "predictions are asked for again"
    )
    assert studio.send("/train", "train").status_code == 201


def test_annotations_become_answers_once_and_change_with_them(studio):
    studio.send("/setup", "setup")
    for _ in range(2):
        studio.webhook("created")
    assert studio.answers() == {3: "cat"} and studio.run.last_seq == 1
    event = studio.run.events()[0]
    assert event.annotator == "Label Studio user 1" and event.details["seconds"] == 37.13
    studio.webhook("updated")
    assert studio.answers() == {3: "dog"}
    studio.webhook("deleted")
    assert studio.answers() == {}, "created and updated: both are taken back"
    studio.webhook("deleted")
    assert [e.kind for e in studio.run.events()] == [Kind.LABEL, Kind.LABEL, Kind.UNDO, Kind.UNDO]


def test_skipped_and_empty_annotations_set_a_row_aside(studio):
    studio.send("/setup", "setup")
    for name in ("skipped", "empty", "unsure"):
        studio.webhook(name)
    assert studio.run.withdrawn() == {5: Kind.SKIP, 6: Kind.UNSURE, 7: Kind.UNSURE}
    assert {studio.predictions()[row]["score"] for row in (5, 6, 7)} == {1.0}


def test_many_at_once_and_numbers_stay_numbers(studio):
    studio.run.append(Event(Kind.LABEL, row=20, cluster=7))
    studio.send("/setup", "setup")
    studio.service.worker.wake()
    wait(lambda: 7 in studio.service.clusters(), "the answer of another process")
    studio.webhook("bulk")
    assert studio.answers() == {20: 7, 8: "cat", 9: 7}


def test_a_webhook_without_the_task_is_understood_once_its_prediction_was_asked_for(studio):
    assert studio.send("/webhook", "created_without_task").status_code == 422
    studio.predictions()
    studio.webhook("created_without_task")
    assert studio.answers() == {4: "dog"}


def test_its_queue_asks_in_our_order(studio):
    """Uncertainty sampling, as Label Studio does it: the cluster answered least, then the lowest score."""
    studio.send("/setup", "setup")
    studio.webhook("created")
    order = list(studio.service.page_state.order)
    predictions = studio.predictions()
    asked: list[int] = []
    for _ in range(20):  # without a new prediction in between
        solved = [predictions[row]["cluster"] for row in asked]
        left = [row for row in predictions if row not in asked and row not in studio.answers()]
        asked.append(
            min(left, key=lambda r: (solved.count(predictions[r]["cluster"]), predictions[r]["score"]))
        )
    assert asked == order[:20]
    assert all(0 <= p["score"] <= 1 and isinstance(p["cluster"], int) for p in predictions.values())


def test_a_prediction_fits_the_projects_own_configuration(studio):
    assert studio.predictions()[0]["result"] == [], "nothing is suggested before the first answer"
    studio.webhook("created")
    (shown,) = studio.predictions()[0]["result"]
    assert (shown["from_name"], shown["to_name"]) == ("topic", "passage")
    assert shown["value"] == {"choices": ["cat"]} and 0 <= shown["score"] <= 1
    studio.service.loop.stored.extend([])
    narrow = (
        '<View><Text name="t" value="$x"/><Choices name="c" toName="t"><Choice value="dog"/></Choices></View>'
    )
    got = studio.send("/predict", "predict", label_config=narrow).json()["results"]
    assert all(prediction["result"] == [] for prediction in got), "cat cannot be chosen there"


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/setup", {"schema": "<View></View>"}),
        ("/setup", {"schema": "<View"}),
        ("/setup", {"schema": '<!DOCTYPE x [<!ENTITY a "b">]><View><Choices name="c"/></View>'}),
        ("/predict", {}),
        ("/predict", {"tasks": [{"id": 1, "data": {"text": "whose row?"}}]}),
        ("/predict", {"tasks": [{"id": 1, "data": {"row": 60}}]}),
        ("/webhook", {"action": "ANNOTATION_CREATED"}),
        ("/webhook", {"action": "ANNOTATION_CREATED", "annotation": {"id": "x", "task": 1}}),
        ("/webhook", {"action": "ANNOTATION_CREATED", "annotation": {"id": 1, "task": 999, "result": []}}),
    ],
)
def test_what_it_cannot_use_is_refused_in_words(studio, path, body):
    got = studio.client.post(path, json=body)
    assert got.status_code == 422 and len(got.json()["error"]) > 20
    assert studio.run.last_seq == 0


def test_web_pages_and_other_names_are_refused(studio):
    for headers, status in (
        ({"Origin": "http://evil.example"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Host": "evil.example"}, 421),
        ({"Content-Type": "text/plain"}, 415),
    ):
        given = {"Content-Type": "application/json"} | headers
        body = json.dumps(REQUESTS["created"])
        assert studio.client.post("/webhook", content=body, headers=given).status_code == status
    assert studio.client.post("/webhook", json=["x"]).status_code == 400
    assert studio.run.last_seq == 0


def test_a_password_is_asked_for(studio):
    guarded = Studio(studio.service, "ann:secret").client
    assert guarded.get("/health").status_code == 401
    assert guarded.get("/health", auth=("ann", "wrong")).status_code == 401
    assert guarded.get("/health", auth=("ann", "secret")).status_code == 200


def test_the_command_writes_a_project_and_serves_it(tmp_path, monkeypatch):
    """The tasks it wrote, predictions over them by a server process, an annotation in the database."""
    rng = np.random.default_rng(0)
    np.savez(tmp_path / "d.npz", X=rng.normal(size=(40, 6, 6)) + np.repeat([0, 5], 20)[:, None, None])
    monkeypatch.chdir(tmp_path)
    refused = CliRunner().invoke(label_studio_command, ["d.npz", "--host", "0.0.0.0"])
    assert "--auth USER:PASSWORD" in str(refused.exception)
    written = CliRunner().invoke(
        label_studio_command,
        ["d.npz", "--write", "project", "--clusters", "low,high"],
        catch_exceptions=False,
    )
    assert written.exit_code == 0, written.output
    tasks = json.loads((tmp_path / "project/tasks.json").read_text())
    image = base64.b64decode(tasks[0]["data"]["image"].partition(",")[2])
    assert len(tasks) == 40 and image.startswith(b"\x89PNG")
    config = (tmp_path / "project/config.xml").read_text()
    server = Served(["label-studio", "d.npz", "--port", "9391"], tmp_path)
    try:
        url = re.search(r"http://[\d.:]+", server.url)[0]

        def post(path: str, body: dict) -> dict:
            request = urllib.request.Request(
                url + path, json.dumps(body).encode(), {"Content-Type": "application/json"}
            )
            with urllib.request.urlopen(request, timeout=20) as reply:
                return json.load(reply)

        post("/setup", {"project": "1.1", "schema": config})
        given = [task | {"id": i} for i, task in enumerate(tasks)]
        assert len(post("/predict", {"tasks": given, "label_config": config})["results"]) == 40
        choice = {"from_name": "cluster", "to_name": "item", "type": "choices", "value": {"choices": ["low"]}}
        annotation = {"id": 1, "task": 5, "result": [choice], "was_cancelled": False, "completed_by": 1}
        post("/webhook", {"action": "ANNOTATION_CREATED", "annotation": annotation, "task": given[5]})
    finally:
        server.end(signal.SIGTERM)
    store = open_store(tmp_path / "activeclust.db")
    assert [(a.row, a.cluster) for a in store.open_run("d").anchors()] == [(5, "low")]
    store.close()


def test_webhooks_count_by_their_own_time_and_order(studio):
    """UPDATED before CREATED, and either after DELETED: what a slow network makes of one annotation."""
    studio.send("/setup", "setup")
    studio.webhook("updated")
    studio.webhook("created")
    assert studio.answers() == {3: "dog"} and studio.run.last_seq == 1
    studio.webhook("deleted")
    for late in ("created", "updated"):
        studio.webhook(late)
    assert studio.answers() == {}


def test_a_deletion_that_comes_first_holds(studio):
    studio.send("/setup", "setup")
    studio.webhook("deleted")
    studio.webhook("created")
    assert studio.answers() == {}


def test_after_a_restart_the_first_webhook_tells_of_its_project(studio):
    config = REQUESTS["setup"]["schema"]
    got = studio.send("/webhook", "created", project={"id": 1, "label_config": config})
    assert got.status_code == 201
    studio.caught_up()
    assert studio.answers() == {3: "cat"}
