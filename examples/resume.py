"""A run that fails resumes where it stopped: the annotator fails after a few answers, twice."""

from __future__ import annotations

from activeclust import ActiveLoop
from activeclust.datasets import load
from activeclust.errors import AnnotatorFailed

digits = load("digits")
X, y = digits.X[:300], digits.y[:300]
connection = iter([True] * 7 + [False] + [True] * 6 + [False] + [True] * 100)


def ask(query):
    if not next(connection):
        raise ConnectionError("the labelling service is gone")
    return int(y[query.row])


while True:
    loop = ActiveLoop(X, ask, store="digits.db", name="digits", resume="auto", random_state=0, labels_true=y)
    print(f"starting with {len(loop.anchors)} answers")
    try:
        loop.run(budget=20)
        break
    except AnnotatorFailed as error:
        print(error)

print(f"done: {len(loop.anchors)} answers, accuracy {loop.metrics()['accuracy']:.3f}")
