"""modAL and activeclust in each other's loops, on scikit-learn's digits.

Run it:  python examples/modal_interop.py
"""

from __future__ import annotations

import numpy as np
from modAL.uncertainty import margin_sampling
from sklearn.linear_model import LogisticRegression

from activeclust import ActiveLoop, LabelOracle
from activeclust.datasets import load
from activeclust.integrations.modal import Learner, as_modal

BUDGET, BATCH = 20, 5


def main() -> None:
    """Print the accuracy of three loops after 20 answers."""
    digits = load("digits")
    X, y = digits.X[:400], digits.y[:400]

    # 1. a modAL query strategy in our loop: pass the function, or name it "modal:margin_sampling"
    loop = ActiveLoop(
        X, LabelOracle(y), strategy=margin_sampling, batch_size=BATCH, random_state=0, labels_true=y
    )
    print(f"our loop, modAL's margin_sampling:   {loop.run(BUDGET).last['accuracy']:.3f}")

    # 2. our default in our loop
    loop = ActiveLoop(X, LabelOracle(y), strategy="auto", batch_size=BATCH, random_state=0, labels_true=y)
    print(f"our loop, auto:                      {loop.run(BUDGET).last['accuracy']:.3f}")

    # 3. one of our strategies in modAL's learner, with a classifier of your own
    learner = Learner(LogisticRegression(max_iter=1000), query_strategy=as_modal("uncertainty_herding", 0))
    pool = np.arange(len(X))
    for _ in range(BUDGET // BATCH):
        picked, rows = learner.query(X[pool], n_instances=BATCH)
        learner.teach(rows, y[pool[picked]])
        pool = np.delete(pool, picked)
    print(f"modAL's learner, uncertainty herding: {learner.score(X, y):.3f}")


if __name__ == "__main__":
    main()
