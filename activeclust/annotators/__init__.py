"""Annotators, which answer queries: any callable, oracles, language models, and the terminal."""

from activeclust.annotators.language_model import Usage, llm
from activeclust.annotators.oracles import LabelOracle, NoisyOracle
from activeclust.annotators.query import SKIP, STOP, UNDO, UNSURE, Answer, Query, Signal, batch, check_answer

__all__ = [
    "SKIP",
    "STOP",
    "UNDO",
    "UNSURE",
    "Answer",
    "LabelOracle",
    "NoisyOracle",
    "Query",
    "Signal",
    "Usage",
    "batch",
    "check_answer",
    "llm",
]
