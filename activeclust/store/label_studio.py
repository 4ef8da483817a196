"""Answers as Label Studio tasks and back.

The format is the one of https://labelstud.io/guide/task_format and, for predictions,
https://labelstud.io/guide/predictions. An answer is an annotation of one ``Choices`` result; a skip is a
cancelled annotation, a review is ground truth, *unsure* is a choice of its own under another control.
Suggestions become predictions with their probability as the score.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timezone
from typing import Any
from xml.sax.saxutils import quoteattr

from activeclust.errors import DataFileError
from activeclust.store.answers import Answer
from activeclust.store.base import Cluster, Kind
from activeclust.store.checks import check_cluster

CONTROL, UNSURE_CONTROL, OBJECT = "cluster", "unsure", "item"
Suggestions = Sequence[tuple[Cluster, float]]


def to_tasks(
    answers: Iterable[Answer],
    *,
    suggestions: Mapping[int, Suggestions] | None = None,
    data: Callable[[int], Mapping[str, Any]] | None = None,
    model_version: str = "activeclust",
) -> list[dict[str, Any]]:
    """Label Studio tasks, one a row.

    Parameters
    ----------
    answers : iterable of Answer
    suggestions : mapping of row to [(cluster, probability), ...], optional
        Also for rows nobody has answered: those become tasks with predictions only. For answered rows
        the default is what was suggested when they were answered, where that was kept.
    data : callable, optional
        What Label Studio shows of a row, for instance ``lambda row: {"image": urls[row]}``.
    model_version : str

    Examples
    --------
    >>> (task,) = to_tasks([Answer(3, Kind.LABEL, "cat")])
    >>> task["data"], task["annotations"][0]["result"][0]["value"]
    ({'row': 3}, {'choices': ['cat']})
    """
    by_row: dict[int, list[Answer]] = {}
    for answer in answers:
        by_row.setdefault(answer.row, []).append(answer)
    shown = {row: _kept_suggestions(given) for row, given in by_row.items()}
    shown.update(suggestions or {})
    return [
        {
            "id": row + 1,
            "data": {**(data(row) if data else {}), "row": row},
            "annotations": [_annotation(answer, i) for i, answer in enumerate(by_row.get(row, []))],
            "predictions": [
                {
                    "model_version": model_version,
                    "score": float(score),
                    "result": [_choice(cluster, f"prediction-{row}-{i}")],
                }
                for i, (cluster, score) in enumerate(shown.get(row, []))
            ],
        }
        for row in [*by_row, *sorted(shown.keys() - by_row.keys())]
    ]


def from_tasks(tasks: Any) -> list[Answer]:
    """The answers in exported tasks, Label Studio's own export included.

    A name that was given here keeps its type. One that was given in Label Studio is a text, unless the
    same text stands for an integer elsewhere in the file. Tasks are told apart by ``data["row"]``.
    """
    if not isinstance(tasks, list):
        raise DataFileError("A Label Studio file is a list of tasks.")
    answers = []
    integers = {str(cluster): cluster for cluster in _meant(tasks) if isinstance(cluster, int)}
    for number, task in enumerate(tasks, 1):
        try:
            kept = [[_meaning(item, integers), item["score"]] for item in task.get("predictions", [])]
            details = {"suggestions": kept} if kept else {}
            for annotation in task.get("annotations", []):
                answers.append(_answer(task["data"]["row"], annotation, integers, details))
                details = {}
        except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
            raise DataFileError(f"Task {number} of the file cannot be read: {error!r}.") from error
    return answers


def label_config(clusters: Iterable[Cluster], *, shown: str = '<Text name="item" value="$row"/>') -> str:
    """A labelling configuration that fits the tasks.

    Parameters
    ----------
    clusters : iterable of str or int
    shown : str
        The tag for what is looked at, by the name ``item``: ``'<Image name="item" value="$image"/>'``.
    """
    names = dict.fromkeys(map(str, clusters))
    choices = "".join(f"\n    <Choice value={quoteattr(name)}/>" for name in names)
    return (
        f"<View>\n  {shown}\n"
        f'  <Choices name="{CONTROL}" toName="{OBJECT}" choice="single">{choices}\n  </Choices>\n'
        f'  <Choices name="{UNSURE_CONTROL}" toName="{OBJECT}">\n'
        '    <Choice value="unsure"/>\n  </Choices>\n</View>\n'
    )


def _kept_suggestions(answers: Iterable[Answer]) -> Suggestions:
    for answer in answers:
        if given := answer.details.get("suggestions"):
            return [(check_cluster(cluster), float(score)) for cluster, score in given]
    return []


def _choice(cluster: Cluster, identity: str) -> dict[str, Any]:
    return {
        "id": identity,
        "from_name": CONTROL,
        "to_name": OBJECT,
        "type": "choices",
        "value": {"choices": [str(cluster)]},
        "meta": {"cluster": cluster},  # 1 and "1" are one text
    }


def _annotation(answer: Answer, number: int) -> dict[str, Any]:
    identity = f"{answer.row}-{number}"
    result = []
    if answer.cluster is not None:
        result = [_choice(answer.cluster, identity)]
    elif answer.kind is Kind.UNSURE:
        result = [
            {
                "id": identity,
                "from_name": UNSURE_CONTROL,
                "to_name": OBJECT,
                "type": "choices",
                "value": {"choices": ["unsure"]},
            }
        ]
    annotation: dict[str, Any] = {
        "result": result,
        "was_cancelled": answer.kind is Kind.SKIP,
        "ground_truth": answer.kind is Kind.REVIEW,
        "created_username": answer.annotator,
    }
    if answer.at is not None:
        annotation["created_at"] = answer.at.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    if "seconds" in answer.details:
        annotation["lead_time"] = answer.details["seconds"]
    return annotation


def _answer(
    row: int, annotation: dict[str, Any], integers: dict[str, int], details: dict[str, Any]
) -> Answer:
    controls = {item["from_name"] for item in annotation["result"]}
    cluster = None
    if annotation.get("was_cancelled"):
        kind = Kind.SKIP
    elif CONTROL in controls:
        kind = Kind.REVIEW if annotation.get("ground_truth") else Kind.LABEL
        cluster = _meaning(annotation, integers)
    else:
        kind = Kind.UNSURE
    if annotation.get("lead_time") is not None:
        details = {**details, "seconds": annotation["lead_time"]}
    at = annotation.get("created_at")
    when = None if at is None else datetime.fromisoformat(at.replace("Z", "+00:00"))
    return Answer(int(row), kind, cluster, _person(annotation), when, details=details)


def _person(annotation: Mapping[str, Any]) -> str:
    if "created_username" in annotation:
        return str(annotation["created_username"])
    who = annotation.get("completed_by")
    if isinstance(who, dict):
        return str(who.get("email") or who.get("id") or "")
    return "" if who is None else f"Label Studio user {who}"


def _meaning(holder: Mapping[str, Any], integers: Mapping[str, int]) -> Cluster:
    item = next(item for item in holder["result"] if item["from_name"] == CONTROL)
    text = item["value"]["choices"][0]
    meant = (item.get("meta") or {}).get("cluster")
    # who changes the choice in Label Studio leaves the old meta behind
    return check_cluster(meant if meant is not None and str(meant) == text else integers.get(text, text))


def _meant(tasks: list[Any]) -> Iterable[Any]:
    for task in tasks:
        for holder in [*_items(task, "annotations"), *_items(task, "predictions")]:
            for item in _items(holder, "result"):
                if isinstance(item, dict) and isinstance(item.get("meta"), dict):
                    yield item["meta"].get("cluster")


def _items(holder: Any, name: str) -> list[Any]:
    found = holder.get(name) if isinstance(holder, dict) else None
    return found if isinstance(found, list) else []
