"""What a query strategy is: the state it sees, scores of rows, and ways to select rows by them."""

from activeclust.strategy.selections import (
    PoolState,
    Strategy,
    closeness,
    cover,
    diverse_rows,
    entropy_of,
    heavy_rows,
    kernel_between,
    kmeans,
    margin_of,
    one_by_one,
    open_regions,
    sample_rows,
    take,
    top_rows,
    uncertainty_of,
)

__all__ = [
    "PoolState",
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
