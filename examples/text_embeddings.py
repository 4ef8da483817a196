"""Texts by their embedding: 360 support messages in six topics, 24 answers.

python examples/text_embeddings.py                          TF-IDF and truncated SVD, nothing to download
python examples/text_embeddings.py all-MiniLM-L6-v2         a model of sentence-transformers ([embed])
"""

from __future__ import annotations

import sys

import numpy as np
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import Normalizer

from activeclust import ActiveLoop, LabelOracle

SLOTS = {
    "when": ["today", "since Monday", "this morning", "after the update", "for a week", "again"],
    "who": ["I", "my colleague", "our office", "a customer", "my son"],
    "device": ["phone", "laptop", "tablet", "browser", "desktop"],
}
TOPICS = {
    "login": [
        "{who} cannot log in {when}, the password is refused",
        "password reset mail never came {when}",
        "the {device} asks for the login code {when} and refuses it",
    ],
    "billing": [
        "{who} was charged twice {when}, please refund",
        "the invoice {when} shows a wrong amount",
        "refund of the double payment is missing {when}",
    ],
    "crash": [
        "the app crashes on my {device} {when}",
        "{who} sees a frozen screen on the {device} {when}",
        "it crashes when a picture is opened {when}",
    ],
    "delivery": [
        "the parcel has not arrived {when}",
        "tracking says delivered {when} but {who} got no parcel",
        "the courier left the parcel in the rain {when}",
    ],
    "returns": [
        "{who} wants to send the shoes back, they are too small",
        "return label for the jacket, wrong size",
        "can {who} exchange the shoes for a larger size {when}",
    ],
    "account": [
        "please delete the account of {who} and all data",
        "{who} wants to change the mail address {when}",
        "how to export all data of my account {when}",
    ],
}


def corpus(rng: np.random.Generator) -> tuple[list[str], list[str]]:
    """Messages and their topics, in random order."""
    pairs = []
    for topic, patterns in TOPICS.items():
        for _ in range(60):
            words = {slot: str(rng.choice(values)) for slot, values in SLOTS.items()}
            pairs.append((str(rng.choice(patterns)).format(**words), topic))
    texts, topics = zip(*(pairs[i] for i in rng.permutation(len(pairs))), strict=True)
    return list(texts), list(topics)


def embed(texts: list[str], model: str | None) -> np.ndarray:
    """(n, d) embeddings of unit length."""
    if model is None:
        steps = TfidfVectorizer(sublinear_tf=True), TruncatedSVD(24, random_state=0), Normalizer()
        return make_pipeline(*steps).fit_transform(texts)
    from activeclust.datasets.embedding import embed as embed_by_model

    return embed_by_model(model, texts=texts)[0]


texts, topics = corpus(np.random.default_rng(0))
X = embed(texts, sys.argv[1] if len(sys.argv) > 1 else None)
loop = ActiveLoop(X, LabelOracle(topics), items=texts, batch_size=4, random_state=0, labels_true=topics)
history = loop.run(budget=24)
print(f"{len(loop.anchors)} answers, accuracy {history.last['accuracy']:.3f} over {len(texts)} messages\n")
doubt = np.argsort(loop.posterior.max(axis=1), kind="stable")[:3]
for row in doubt:
    print(f"{loop.posterior[row].max():.0%} {loop.labels[row]:>9}  {texts[row]}")
