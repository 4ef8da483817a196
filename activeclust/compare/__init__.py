"""Comparison of query strategies on paired seeds."""

from activeclust.compare.arms import Arm
from activeclust.compare.comparison import Comparison
from activeclust.compare.comparisons import Comparisons
from activeclust.compare.execute import compare, compare_sets, execute
from activeclust.compare.plan import Plan, make_plan

__all__ = ["Arm", "Comparison", "Comparisons", "Plan", "compare", "compare_sets", "execute", "make_plan"]
