"""`Frame`: the style sheet, no shortcuts of JupyterLab's, and a word when the kernel was restarted.

JupyterLab's command mode would take plain keys from buttons and tables that have the focus (Enter
would start editing the cell, d d delete it). Those with Ctrl, such as saving, stay JupyterLab's.

After a restart of the kernel a page still shows the widgets of before, which nobody answers. The
page itself says so, as no kernel can: JupyterLab marks widgets that lost theirs with a class.
"""

from __future__ import annotations

import anywidget

from lfads_nb.widgets.theme import CSS

_ESM = """
const ROOTS = ".lfads-root, .lfads-panel";
const LOST = "jupyter-widgets-disconnected";

function sayLost(root) {
  if (root.querySelector(":scope > .lfads-lost")) return;
  const said = document.createElement("div");
  said.className = "lfads-notice lfads-warning lfads-lost";
  said.setAttribute("role", "alert");
  const sign = document.createElement("span");
  sign.textContent = "!";
  sign.setAttribute("aria-hidden", "true");
  const text = document.createElement("div");
  text.textContent = "The kernel was restarted: run this cell again. "
    + "Everything that was set up is saved, and runs go on meanwhile.";
  said.append(sign, text);
  // what is left answers nobody: neither mouse nor keyboard gets at it
  for (const child of root.children) child.inert = true;
  root.prepend(said);
}

function render({ model, el }) {
  el.style.display = "none";
  // JupyterLab looks at the attribute while it handles the same event, after this.
  const guard = (event) => {
    const root = el.closest(ROOTS);
    if (!root || !root.contains(event.target)) return;
    const typed = !(event.ctrlKey || event.metaKey || event.altKey) || event.key === "Enter";
    event.target.toggleAttribute("data-lm-suppress-shortcuts", typed);
  };
  window.addEventListener("keydown", guard, true);
  // Enter in a text box does what the button of its form does; what was typed is sent first.
  const submit = (event) => {
    const box = event.target;
    if (event.key !== "Enter" || event.isComposing || event.lfadsDone) return;
    if (!(box instanceof HTMLInputElement) || box.type !== "text") return;
    const act = box.closest(".lfads-form")?.querySelector("button.mod-primary:enabled");
    if (!act) return;
    event.lfadsDone = true;  // a page has many frames
    box.blur();
    act.click();
  };
  window.addEventListener("keydown", submit);
  // The outermost says it, once: a panel inside the whole bench leaves it to the bench.
  const watch = new MutationObserver(() => look());
  const look = () => {
    let root = el.closest(ROOTS);
    for (let up = root; up; up = up.parentElement?.closest(ROOTS)) root = up;
    if (!root) return;
    if (root.classList.contains(LOST)) sayLost(root);
    else watch.observe(root, { attributes: true, attributeFilter: ["class"] });
  };
  // Told of this widget when the kernel leaves; the others lose theirs in the same moment.
  model.on("comm_live_update", look);
  return () => {
    window.removeEventListener("keydown", guard, true);
    window.removeEventListener("keydown", submit);
    model.off("comm_live_update", look);
    watch.disconnect();
  };
}
export default { render };
"""


class Frame(anywidget.AnyWidget):
    """Invisible; put it first into a panel."""

    _esm = _ESM
    _css = CSS
