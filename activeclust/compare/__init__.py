"""Query strategies compared with one another on paired seeds."""

from activeclust.compare.comparison import Comparison
from activeclust.compare.execute import Plan, compare, execute, make_plan

__all__ = ["Comparison", "Plan", "compare", "execute", "make_plan"]
