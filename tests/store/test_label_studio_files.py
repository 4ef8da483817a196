"""Tasks of Label Studio: what is written for it, and what is read of what it exports."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest
from exchange import task

from activeclust.errors import DataFileError, InvalidInput
from activeclust.store.answers import Answer
from activeclust.store.label_studio import from_tasks, label_config, to_tasks
from activeclust.store.records import Kind


def test_suggestions_become_predictions_with_scores():
    details = {"suggestions": [["cat", 0.7], [1, 0.2]], "seconds": 1.5}
    answered, fresh = to_tasks(
        [Answer(3, Kind.LABEL, "cat", details=details)],
        suggestions={4: [("dog", 0.9)]},
        data=lambda row: {"image": f"{row}.png"},
        model_version="v7",
    )
    assert answered["data"] == {"image": "3.png", "row": 3} and answered["annotations"][0]["lead_time"] == 1.5
    scores = [
        (p["score"], p["result"][0]["value"]["choices"], p["model_version"]) for p in answered["predictions"]
    ]
    assert scores == [(0.7, ["cat"], "v7"), (0.2, ["1"], "v7")]
    assert fresh["annotations"] == [] and fresh["predictions"][0]["score"] == 0.9


def test_tasks_labelled_in_label_studio_are_read():
    """As Label Studio exports them: its own ids, the person as an object or a number, no word of ours."""

    def task(row, *annotations):
        return {"id": 70 + row, "data": {"row": row}, "annotations": list(annotations), "project": 3}

    def choice(text, **rest):
        result = {"from_name": "cluster", "to_name": "item", "type": "choices", "value": {"choices": [text]}}
        return {
            "id": 9,
            "result": [{"id": "Dx", "origin": "manual", **result, **rest}],
            "was_cancelled": False,
        }

    skipped = {"id": 10, "result": [], "was_cancelled": True, "completed_by": 4}
    answers = from_tasks(
        [
            task(3, {**choice("cat"), "completed_by": {"id": 1, "email": "eva@x.org"}, "lead_time": 4.288}),
            task(4, {**choice("7", meta={"cluster": 7}), "created_at": "2021-03-09T22:16:08.728353Z"}),
            task(5, choice("7")),
            task(6, choice("cow", meta={"cluster": "cat"})),
            task(7, skipped, {"id": 11, "result": [], "was_cancelled": False, "completed_by": 4}),
        ]
    )
    assert [(a.row, a.kind, a.cluster, a.annotator) for a in answers] == [
        (3, Kind.LABEL, "cat", "eva@x.org"),
        (4, Kind.LABEL, 7, ""),
        (5, Kind.LABEL, 7, ""),
        (6, Kind.LABEL, "cow", ""),
        (7, Kind.SKIP, None, "Label Studio user 4"),
        (7, Kind.UNSURE, None, "Label Studio user 4"),
    ]
    assert answers[0].details == {"seconds": 4.288}
    assert answers[1].at == datetime(2021, 3, 9, 22, 16, 8, 728353, tzinfo=timezone.utc)


def test_label_config_names_every_cluster_once():
    from xml.etree import ElementTree

    config = ElementTree.fromstring(label_config(["a & <b>", 1, "1", '"q"']))
    choices = [choice.get("value") for choice in config.findall("Choices[@name='cluster']/Choice")]
    assert choices == ["a & <b>", "1", '"q"']


def test_the_only_choices_of_a_project_are_the_clusters():
    answers = from_tasks([task(1, "cat"), task(2, "dog"), task("3", "unsure", name="unsure")])
    assert [(a.row, a.kind, a.cluster) for a in answers] == [
        (1, Kind.LABEL, "cat"), (2, Kind.LABEL, "dog"), (3, Kind.UNSURE, None),
    ]  # fmt: skip
    both = [task(1, "cat"), task(1, "good", name="quality")]
    with pytest.raises(DataFileError, match="Which of these are the clusters: 'kind', 'quality'"):
        from_tasks(both)
    assert [a.cluster for a in from_tasks(both, control="kind")] == ["cat", None]
    with pytest.raises(DataFileError, match="no control 'color'; there are: 'kind', 'quality'"):
        from_tasks(both, control="color")
    with pytest.raises(DataFileError, match="a row is in one cluster"):
        from_tasks([task(1, "cat", "dog")])
    boxes = [{"from_name": "box", "type": "rectanglelabels", "value": {}}]
    with pytest.raises(DataFileError, match="other controls only: 'box'"):
        from_tasks([{"data": {"row": 1}, "annotations": [{"result": boxes}]}])


def test_the_short_export_of_label_studio_is_read():
    lines = [
        {"row": 1, "text": "x", "id": 7, "annotation_id": 3, "annotator": 2, "cluster": "cat", "lead_time": 1.5,
         "created_at": "2026-01-01T00:00:00Z", "updated_at": "2026-01-02T00:00:00Z"},
        {"row": 2, "text": "y", "id": 8, "annotation_id": 4, "annotator": "eva@x.org", "cluster": {"choices": ["dog"]}},
        {"row": 3, "text": "z", "id": 9, "annotation_id": 5, "annotator": 2},
    ]  # fmt: skip
    first, second = from_tasks(lines)
    assert (first.row, first.cluster, first.annotator) == (1, "cat", "Label Studio user 2")
    assert (first.at.day, first.details) == (2, {"seconds": 1.5})
    assert (second.row, second.cluster, second.annotator) == (2, "dog", "eva@x.org")
    renamed = [
        {("kind" if key == "cluster" else key): value for key, value in line.items()} for line in lines
    ]
    assert [a.cluster for a in from_tasks(renamed, control="kind")] == ["cat", "dog"]


def test_a_name_that_no_configuration_can_hold_is_named():
    with pytest.raises(InvalidInput, match=r"holds the character '\\x1b'"):
        label_config(["cat", "\x1b[31m"])


def test_predictions_that_say_nothing_hinder_no_answer():
    """Label Studio exports the ids of predictions, and those of other models may have no score."""
    choice = {"from_name": "cluster", "to_name": "item", "type": "choices", "value": {"choices": ["cat"]}}
    without_score = {"result": [choice], "score": None}
    task = {
        "data": {"row": 3},
        "predictions": [
            1,
            85,
            without_score,
            {"result": [], "score": 0.5},
            {"result": [choice], "score": 0.5},
        ],
        "annotations": [{"completed_by": 1, "result": [choice]}],
    }
    (answer,) = from_tasks([task])
    assert (answer.row, answer.cluster) == (3, "cat") and answer.details == {"suggestions": [["cat", 0.5]]}
