"""Cluster handwritten digits with 40 answers of an oracle, and see how accuracy grows with them."""

from __future__ import annotations

from activeclust import ActiveLoop, LabelOracle
from activeclust.datasets import load

digits = load("digits")
loop = ActiveLoop(
    digits.X,
    LabelOracle(digits.y),  # answers with the true label; a person's function goes here
    batch_size=5,
    random_state=0,
    labels_true=digits.y,  # for the accuracy in the history; leave it out where nothing is known
)
history = loop.run(budget=40)

print(history.to_frame()[["budget", "accuracy", "v_measure", "clusters"]].to_string(index=False))
print(
    "row 7 belongs to",
    loop.labels[7],
    "and was asked about" if 7 in loop.anchors else "and was not asked about",
)
history.plot("quickstart.png")
