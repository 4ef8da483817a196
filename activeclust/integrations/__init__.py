"""Adapters to other active-learning libraries; each needs the library it is named after."""
