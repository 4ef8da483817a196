"""A person answers about the rows of a table; the clusters go into a new column.

Replace ``wine.csv`` by your file. A row is shown as its columns. Type a cluster's name, or Enter for the
most probable one; ``s`` skips, ``u`` undoes the last answer, ``q`` stops. Run it again to continue.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from sklearn.datasets import load_wine

from activeclust import SKIP, STOP, UNDO, ActiveLoop
from activeclust.datasets import load

if not Path("wine.csv").exists():
    load_wine(as_frame=True).data.to_csv("wine.csv", index=False)

data = load(
    "wine.csv"
)  # numeric columns are standardised, categories one-hot; items are the rows as they were


def ask(query):
    print(f"\nrow {query.row}, {query.budget_left} answers left")
    for column, value in query.item.items():
        print(f"   {column:<32}{value}")
    for cluster, probability in query.suggestions[:3]:
        print(f"   {cluster}  {probability:.0%}")
    try:
        typed = input("cluster: ").strip()
    except EOFError:  # end of a pipe, or Ctrl-D
        return STOP
    if not typed:
        return query.suggestions[0][0] if query.suggestions else SKIP
    return {"s": SKIP, "u": UNDO, "q": STOP}.get(typed, typed)


loop = ActiveLoop(data.X, ask, items=data.items, name="wine", resume="auto", random_state=0)
history = loop.run(budget=20, stop="converged")

table = pd.read_csv("wine.csv").assign(cluster=loop.labels)
table.to_csv("wine-clustered.csv", index=False)
print(f"\n{len(loop.anchors)} answers, ended by: {history.ended}; wine-clustered.csv has a column more")
print(table["cluster"].value_counts(dropna=False).to_string())
