"""Code to read and to copy."""

from __future__ import annotations

import anywidget
import traitlets as t

from lfads_nb.widgets.theme import CSS

_ESM = """
function render({ model, el }) {
  el.classList.add("lfads", "lf-code-view");
  const pre = document.createElement("pre"), button = document.createElement("button");
  pre.tabIndex = 0;
  pre.setAttribute("aria-label", "The script");
  button.className = "lf-button";
  button.type = "button";
  button.textContent = "Copy";
  button.onclick = async () => {
    try {
      await navigator.clipboard.writeText(model.get("code"));
      button.textContent = "Copied";
    } catch {
      getSelection().selectAllChildren(pre);
      button.textContent = "Press Ctrl+C";
    }
    setTimeout(() => (button.textContent = "Copy"), 2000);
  };
  el.append(pre, button);
  const draw = () => { pre.textContent = model.get("code"); };
  draw();
  model.on("change:code", draw);
  return () => model.off("change:code", draw);
}
export default { render };
"""


class CodeView(anywidget.AnyWidget):
    """Shows `code` with a button that copies it."""

    _esm = _ESM
    _css = CSS
    code = t.Unicode("").tag(sync=True)
