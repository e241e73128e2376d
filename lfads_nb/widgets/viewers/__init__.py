"""Viewers of what runs inferred: each a widget of its own, all sharing one selection."""

from lfads_nb.widgets.viewers.rates import RatesViewer
from lfads_nb.widgets.viewers.selection import Selection

__all__ = ["RatesViewer", "Selection"]
