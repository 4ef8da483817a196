"""A person answers by a function: texts are shown, a line of input is the answer.

Answers are kept in ``activeclust.db`` under the name ``tickets``: run it again to continue.
Type a cluster's name (a new one makes a new cluster), ``u`` to undo, Enter to skip, ``q`` to stop.
"""

from __future__ import annotations

from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.pipeline import make_pipeline

from activeclust import SKIP, STOP, UNDO, ActiveLoop

TEXTS = [
    "I cannot log in with my new password", "The invoice for March is wrong", "Log in fails since the update",
    "Please send the invoice again", "My password was reset without asking", "Refund for a double payment",
    "The app crashes when I open a picture", "I was charged twice", "It crashes on start since the update",
    "Forgot my password, no mail comes", "Where is the invoice of last year?", "Pictures crash the app",
]  # fmt: skip


def ask(query):
    print(f"\n{query.item}")
    for cluster, probability in query.suggestions[:3]:
        print(f"   {cluster}  {probability:.0%}")
    try:
        typed = input("cluster: ").strip()
    except EOFError:  # end of a pipe, or Ctrl-D
        return STOP
    return {"": SKIP, "u": UNDO, "q": STOP}.get(typed, typed)


embed = make_pipeline(TfidfVectorizer(), TruncatedSVD(8, random_state=0))
loop = ActiveLoop(embed.fit_transform(TEXTS), ask, items=TEXTS, name="tickets", resume="auto", random_state=0)
history = loop.run(budget=6)

print(f"\n{len(loop.anchors)} answers, ended by: {history.ended}")
for text, cluster in zip(TEXTS, loop.labels, strict=True):
    print(f"{cluster!s:>12}  {text}")
