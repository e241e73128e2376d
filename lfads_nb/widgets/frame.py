"""`Frame`: brings the style sheet, and keeps JupyterLab's shortcuts away from the bench.

JupyterLab's command mode would take plain keys from buttons and tables that have the focus (Enter
would start editing the cell, d d delete it). Those with Ctrl, such as saving, stay JupyterLab's.
"""

from __future__ import annotations

import anywidget

from lfads_nb.widgets.theme import CSS

_ESM = """
function render({ el }) {
  el.style.display = "none";
  // JupyterLab looks at the attribute while it handles the same event, after this.
  const guard = (event) => {
    const root = el.closest(".lfads-root, .lfads-panel");
    if (!root || !root.contains(event.target)) return;
    const typed = !(event.ctrlKey || event.metaKey || event.altKey) || event.key === "Enter";
    event.target.toggleAttribute("data-lm-suppress-shortcuts", typed);
  };
  window.addEventListener("keydown", guard, true);
  return () => window.removeEventListener("keydown", guard, true);
}
export default { render };
"""


class Frame(anywidget.AnyWidget):
    """Invisible; put it first into a panel."""

    _esm = _ESM
    _css = CSS
