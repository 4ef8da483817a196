"""Parts of query strategies: the state they see, scores of rows, and selections by score."""

from activeclust.strategy.scores import (
    WIDTH,
    closeness,
    entropy_of,
    kernel_between,
    margin_of,
    uncertainty_of,
)
from activeclust.strategy.selections import (
    MAX_CANDIDATES,
    MAX_REFERENCES,
    cover,
    diverse_rows,
    heavy_rows,
    kmeans,
    open_regions,
    sample_rows,
    take,
    top_rows,
)
from activeclust.strategy.state import (
    Hypothetical,
    PoolState,
    Refit,
    Resample,
    Strategy,
    one_by_one,
)

__all__ = [
    "MAX_CANDIDATES",
    "MAX_REFERENCES",
    "WIDTH",
    "Hypothetical",
    "PoolState",
    "Refit",
    "Resample",
    "Strategy",
    "closeness",
    "cover",
    "diverse_rows",
    "entropy_of",
    "heavy_rows",
    "kernel_between",
    "kmeans",
    "margin_of",
    "one_by_one",
    "open_regions",
    "sample_rows",
    "take",
    "top_rows",
    "uncertainty_of",
]
