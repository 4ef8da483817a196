"""Converts answers to Label Studio tasks and back.

The format is that of https://labelstud.io/guide/task_format and, for predictions,
https://labelstud.io/guide/predictions. An answer is an annotation of one ``Choices`` result; a skip is a
cancelled annotation, a review is ground truth, *unsure* is a choice of its own under another control.
Suggestions become predictions with their probability as the score.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timezone
from typing import Any, TextIO
from xml.sax.saxutils import quoteattr

from activeclust.errors import DataFileError, InvalidInput
from activeclust.identities import RowIds
from activeclust.store.checks import check_cluster, shown
from activeclust.store.formats import places_of, row_number, row_of
from activeclust.store.records import Answer, Cluster, Kind

CONTROL, UNSURE_CONTROL, OBJECT = "cluster", "unsure", "item"
#: fields that Label Studio adds in JSON_MIN; the other fields are the task's data and the controls
_MINIMAL = frozenset(
    ("id", "row", "annotator", "annotation_id", "created_at", "updated_at", "lead_time", UNSURE_CONTROL)
)
_NOT_IN_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
Suggestions = Sequence[tuple[Cluster, float]]


def to_tasks(
    answers: Iterable[Answer],
    *,
    suggestions: Mapping[int, Suggestions] | None = None,
    data: Callable[[int], Mapping[str, Any]] | None = None,
    model_version: str = "activeclust",
) -> list[dict[str, Any]]:
    """Label Studio tasks, one per row.

    Parameters
    ----------
    answers : iterable of Answer
    suggestions : mapping of row to [(cluster, probability), ...], optional
        Rows without an answer become tasks with predictions only. For answered rows the default are the suggestions at
        the time of the answer, if they were stored.
    data : callable, optional
        The data that Label Studio shows for a row, for instance ``lambda row: {"image": urls[row]}``.
    model_version : str

    Examples
    --------
    >>> (task,) = to_tasks([Answer(3, Kind.LABEL, "cat")])
    >>> task["data"], task["annotations"][0]["result"][0]["value"]
    ({'row': 3}, {'choices': ['cat']})
    """
    return list(tasks(answers, suggestions=suggestions, data=data, model_version=model_version))


def tasks(
    answers: Iterable[Answer],
    *,
    suggestions: Mapping[int, Suggestions] | None = None,
    data: Callable[[int], Mapping[str, Any]] | None = None,
    model_version: str = "activeclust",
) -> Iterator[dict[str, Any]]:
    """The same, as an iterator; the answers of a row must be consecutive."""
    left = dict(suggestions or {})
    for row, given in itertools.groupby(answers, key=lambda answer: answer.row):
        said = list(given)
        shown_there = left.pop(row, None)
        predicted = _kept_suggestions(said) if shown_there is None else shown_there
        yield _task(row, said, predicted, data, model_version)
    for row in sorted(left):
        yield _task(row, [], left[row], data, model_version)


def _task(
    row: int,
    answers: Sequence[Answer],
    suggestions: Suggestions,
    data: Callable[[int], Mapping[str, Any]] | None,
    model_version: str,
) -> dict[str, Any]:
    return {
        "id": row + 1,
        "data": {**(data(row) if data else {}), "row": row},
        "annotations": [_annotation(answer, i) for i, answer in enumerate(answers)],
        "predictions": [
            {
                "model_version": model_version,
                "score": float(score),
                "result": [_choice(cluster, f"prediction-{row}-{i}")],
            }
            for i, (cluster, score) in enumerate(suggestions)
        ],
    }


def write_tasks(tasks: Iterable[Mapping[str, Any]], file: TextIO) -> None:
    """A list of tasks as JSON, one task per line."""
    separator = "["
    for task in tasks:
        file.write(separator + "\n" + json.dumps(task, ensure_ascii=False, allow_nan=False))
        separator = ","
    file.write("[]\n" if separator == "[" else "\n]\n")


def from_tasks(tasks: Any, *, control: str | None = None, ids: RowIds | None = None) -> list[Answer]:
    """The answers in exported tasks, Label Studio's own exports (JSON and JSON_MIN) included.

    A cluster that was named in activeclust keeps its type. A cluster that was named in Label Studio is a text, unless
    the same text is an integer elsewhere in the file. The row of a task is found by ``data["id"]`` if the run's rows
    have ids, else by ``data["row"]``; in JSON_MIN, whose ids are Label Studio's own, by the row.

    Parameters
    ----------
    tasks : list of dict
    control : str, optional
        The name of the ``<Choices>`` in which clusters were chosen; see :func:`find_control`.
    ids : RowIds, optional
        The identities of the run's rows.

    Raises
    ------
    DataFileError
        If a task cannot be read, or if it is not clear in which control clusters were chosen.
    """
    if not isinstance(tasks, list):
        raise DataFileError("A Label Studio file is a list of tasks.")
    minimal = bool(tasks) and all(_is_minimal(task) for task in tasks)
    control = find_control(_controls(tasks, minimal), control)
    answers, places = [], places_of(ids)
    integers = {str(cluster): cluster for cluster in _meant(tasks) if isinstance(cluster, int)}
    for number, task in enumerate(tasks, 1):
        try:
            if minimal:
                if (answer := _minimal_answer(task, control)) is not None:
                    answers.append(answer)
                continue
            row = row_of(task["data"], places)
            kept = [
                [_meaning(item, control, integers), float(item["score"])]
                for item in _items(task, "predictions")
                if _is_suggestion(item, control)
            ]
            details = {"suggestions": kept} if kept else {}
            for annotation in task.get("annotations", []):
                answers.append(_answer(row, annotation, control, integers, details))
                details = {}
        except (KeyError, TypeError, ValueError, IndexError, AttributeError, OverflowError) as error:
            raise DataFileError(f"Task {number} of the file cannot be read: {shown(error)}.") from error
    return answers


def find_control(found: Iterable[str], wanted: str | None = None) -> str:
    """The control in which clusters were chosen: ``wanted``, else the one named "cluster", else the only one.

    Parameters
    ----------
    found : iterable of str
        Names of the controls that were used, except the one for *unsure*.
    wanted : str, optional

    Raises
    ------
    DataFileError
        If ``wanted`` is not among the controls, or if several are possible; the message lists them.

    Examples
    --------
    >>> find_control(["kind"]), find_control(["kind", "cluster"])
    ('kind', 'cluster')
    """
    names = sorted(set(found))
    listed = ", ".join(map(shown, names[:20]))
    if wanted is not None:
        if names and wanted not in names:
            raise DataFileError(f"The file has no control {wanted!r}; there are: {listed}.")
        return wanted
    if not names or CONTROL in names:
        return CONTROL
    if len(names) > 1:
        raise DataFileError(
            f"Which of these are the clusters: {listed}? Name the control (--control NAME); expected <Choices>."
        )
    return names[0]


def _controls(tasks: list[Any], minimal: bool) -> set[str]:
    """Names of controls that were used, but the one for *unsure*."""
    if minimal:  # the task's data are among them, so a single one need not be a control
        used = {name for task in tasks for name in task if name not in _MINIMAL}
        return {CONTROL} if CONTROL in used else {*used, OBJECT}
    results = [
        item
        for task in tasks
        for annotation in _items(task, "annotations")
        for item in _items(annotation, "result")
        if isinstance(item, dict) and isinstance(item.get("from_name"), str)
    ]
    chosen = {item["from_name"] for item in results if item.get("type", "choices") == "choices"}
    others = {item["from_name"] for item in results} - chosen
    if others and not chosen:
        raise DataFileError(
            f"Clusters are chosen in <Choices>, and the file has answers of other controls only: "
            f"{', '.join(map(shown, sorted(others)[:20]))}."
        )
    return chosen - {UNSURE_CONTROL}


def _is_minimal(task: Any) -> bool:
    return isinstance(task, dict) and "row" in task and not task.keys() & {"data", "annotations"}


def _minimal_answer(task: Mapping[str, Any], control: str) -> Answer | None:
    """An answer in JSON_MIN: data and choices are fields of one object; without a choice the field is missing."""
    given = task.get(control)
    if isinstance(given, dict):
        given = given["choices"]
    if given is None:
        return None
    cluster = _single(given if isinstance(given, list) else [given])
    who = task.get("annotator")
    at = task.get("updated_at") or task.get("created_at")
    details = {} if task.get("lead_time") is None else {"seconds": task["lead_time"]}
    person = "" if who is None else who if isinstance(who, str) else f"Label Studio user {who}"
    return Answer(
        row_number(task["row"]), Kind.LABEL, check_cluster(cluster), person, _moment(at), details=details
    )


def label_config(clusters: Iterable[Cluster], *, shown: str = '<Text name="item" value="$row"/>') -> str:
    """A labelling configuration that fits the tasks.

    Parameters
    ----------
    clusters : iterable of str or int
    shown : str
        The tag that shows the row, named ``item``: ``'<Image name="item" value="$image"/>'``.
    """
    names = dict.fromkeys(map(str, clusters))
    for name in names:
        if found := _NOT_IN_XML.search(name):
            raise InvalidInput(
                f"The cluster {name[:60]!a} holds the character {found[0]!a}, which a labelling configuration cannot: "
                "rename it first."
            )
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
            with contextlib.suppress(TypeError, ValueError):  # older versions accepted any value
                return [(cluster, float(score)) for cluster, score in given]
    return []


def _choice(cluster: Cluster, identity: str) -> dict[str, Any]:
    return {
        "id": identity,
        "from_name": CONTROL,
        "to_name": OBJECT,
        "type": "choices",
        "value": {"choices": [str(cluster)]},
        "meta": {"cluster": cluster},  # 1 and "1" are the same text
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
        at = answer.at.astimezone(timezone.utc).replace(tzinfo=None)
        annotation["created_at"] = at.isoformat(timespec="microseconds") + "Z"
    if "seconds" in answer.details:
        annotation["lead_time"] = answer.details["seconds"]
    return annotation


def _answer(
    row: int, annotation: dict[str, Any], control: str, integers: dict[str, int], details: dict[str, Any]
) -> Answer:
    cluster = None
    if annotation.get("was_cancelled"):
        kind = Kind.SKIP
    elif _chosen(annotation, control) is not None:
        kind = Kind.REVIEW if annotation.get("ground_truth") else Kind.LABEL
        cluster = _meaning(annotation, control, integers)
    else:
        kind = Kind.UNSURE
    if annotation.get("lead_time") is not None:
        details = {**details, "seconds": annotation["lead_time"]}
    at = annotation.get("updated_at") or annotation.get("created_at")
    return Answer(row, kind, cluster, _person(annotation), _moment(at), details=details)


def _moment(at: str | None) -> datetime | None:
    return None if at is None else datetime.fromisoformat(at.replace("Z", "+00:00"))


def _person(annotation: Mapping[str, Any]) -> str:
    if "created_username" in annotation:
        return str(annotation["created_username"])
    who = annotation.get("completed_by")
    if isinstance(who, dict):
        return str(who.get("email") or who.get("id") or "")
    return "" if who is None else f"Label Studio user {who}"


def _chosen(holder: Mapping[str, Any], control: str) -> dict[str, Any] | None:
    """The result of the control; None if nothing was chosen there."""
    return next((item for item in holder["result"] if item["from_name"] == control), None)


def _is_suggestion(prediction: Any, control: str) -> bool:
    """Whether it is a prediction with a cluster and a score; Label Studio exports its own predictions as ids."""
    return (
        isinstance(prediction, dict)
        and isinstance(prediction.get("score"), (int, float))
        and _chosen(prediction, control) is not None
    )


def _meaning(holder: Mapping[str, Any], control: str, integers: Mapping[str, int]) -> Cluster:
    item = _chosen(holder, control)
    assert item is not None
    text = _single(item["value"]["choices"])
    meant = (item.get("meta") or {}).get("cluster")
    # a choice that was changed in Label Studio still has the old meta
    return check_cluster(meant if meant is not None and str(meant) == text else integers.get(text, text))


def _single(choices: Any) -> Any:
    if not isinstance(choices, list) or len(choices) != 1:
        raise ValueError(f"a row is in one cluster, and here are chosen {shown(choices)}")
    return choices[0]


def _meant(tasks: list[Any]) -> Iterable[Any]:
    for task in tasks:
        for holder in [*_items(task, "annotations"), *_items(task, "predictions")]:
            for item in _items(holder, "result"):
                if isinstance(item, dict) and isinstance(item.get("meta"), dict):
                    yield item["meta"].get("cluster")


def _items(holder: Any, name: str) -> list[Any]:
    found = holder.get(name) if isinstance(holder, dict) else None
    return found if isinstance(found, list) else []
