"""`Frame`: brings the style sheet, and keeps JupyterLab's shortcuts away from the bench.

JupyterLab's command mode would take Enter, arrows and letters from buttons and tables that have
the focus (Enter on a button would start editing the cell).
"""

from __future__ import annotations

import anywidget

from lfads_nb.widgets.theme import CSS

_ESM = """
function render({ el }) {
  el.style.display = "none";
  const mark = () => {
    const root = el.closest(".lfads-root, .lfads-panel");
    if (root) root.setAttribute("data-lm-suppress-shortcuts", "true");
  };
  requestAnimationFrame(mark);
  setTimeout(mark, 300);
}
export default { render };
"""


class Frame(anywidget.AnyWidget):
    """Invisible; put it first into a panel."""

    _esm = _ESM
    _css = CSS
