"""Query strategies compared with one another on paired seeds."""

from activeclust.compare.comparison import Comparison
from activeclust.compare.execute import compare, execute
from activeclust.compare.plan import Plan, make_plan

__all__ = ["Comparison", "Plan", "compare", "execute", "make_plan"]
