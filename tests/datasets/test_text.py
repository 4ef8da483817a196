"""Texts by the sentence model of the extra [text] where it is installed, else by their words, and what that loses."""

from __future__ import annotations

import numpy as np
import pytest

from activeclust.datasets import load
from activeclust.datasets.embedding import TEXT_MODEL, bundled_model

MEANINGS = {
    "animals": ["The puppy slept beside the fire.", "A kitten chased the ball of wool.", "Our hamster runs at night.",
                "Two horses galloped over the field.", "The old dog barked at the postman."],
    "money": ["Interest rates rose again this month.", "The company reported higher profits.", "Shares fell in Tokyo.",
              "Inflation eats up people's savings.", "The bank refused our loan."],
}  # fmt: skip


@pytest.fixture
def texts(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    lines = [(name, text) for name, some in MEANINGS.items() for text in some]
    (tmp_path / "t.csv").write_text("label,text\n" + "".join(f'{name},"{text}"\n' for name, text in lines))
    return tmp_path / "t.csv"


def sides(X):
    """Mean cosine within the two meanings less that between them."""
    cosine = X @ X.T
    same = np.repeat([0, 1], 5)[:, None] == np.repeat([0, 1], 5)
    return cosine[same & ~np.eye(10, dtype=bool)].mean() - cosine[~same].mean()


def test_without_the_model_it_is_said_what_is_lost(texts, monkeypatch):
    monkeypatch.setattr("activeclust.datasets.embedding.find_spec", lambda name: None)
    data = load(texts)
    assert "TF-IDF" in data.notes[0]
    assert "pip install 'activeclust[text]'" in data.notes[-1] and "0.29 0.56 0.74 0.86" in data.notes[-1]


def test_words_can_be_asked_for(texts):
    data = load(texts, embed="tf-idf")
    assert len(data.notes) == 1 and "TF-IDF" in data.notes[0]


def test_the_sentence_model_knows_meanings_and_needs_no_network(texts):
    if bundled_model() is None:
        pytest.skip("needs activeclust[text]")
    data, words = load(texts), load(texts, embed="tf-idf")
    assert data.X.shape == (10, 384) and f"sentence model {TEXT_MODEL}" in data.notes[0]
    assert sides(data.X) > 0.1 > sides(words.X)
    np.testing.assert_allclose(load(texts, embed=TEXT_MODEL).X, data.X, atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(data.X, axis=1), 1, atol=1e-5)
