"""Links out of a panel: to notebooks in this JupyterLab, and to pages elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anywidget
import traitlets as t

from lfads_nb.widgets.jupyter_place import path_in_server, server_root
from lfads_nb.widgets.theme import CSS

_ESM = """
function base() {
  const config = document.getElementById("jupyter-config-data");
  try { return JSON.parse(config.textContent).baseUrl ?? "/"; } catch { return "/"; }
}
function render({ model, el }) {
  el.classList.add("lfads", "lf-links");
  const draw = () => {
    el.replaceChildren();
    for (const link of model.get("links")) {
      const a = document.createElement(link.path || link.url ? "a" : "span");
      a.textContent = link.text;
      a.title = link.title ?? "";
      if (link.path) {
        // JupyterLab opens it in a tab of its own; elsewhere the address does.
        a.dataset.commandlinkerCommand = "docmanager:open";
        a.dataset.commandlinkerArgs = JSON.stringify({ path: link.path });
        a.href = base() + "lab/tree/" + link.path.split("/").map(encodeURIComponent).join("/");
        a.target = "_blank";
      } else if (link.url) {
        a.href = link.url;
        a.target = "_blank";
        a.rel = "noopener";
      }
      el.append(a);
    }
  };
  draw();
  model.on("change:links", draw);
  return () => model.off("change:links", draw);
}
export default { render };
"""


class Links(anywidget.AnyWidget):
    """A row of links; where one leads nowhere from here, it says where the file is instead."""

    _esm = _ESM
    _css = CSS
    links = t.List(t.Dict()).tag(sync=True)


def file_link(text: str, path: Path) -> dict[str, Any]:
    """Describe a link to a file that Jupyter can open."""
    inside = path_in_server(path, server_root())
    if inside is None:
        return {"text": f"{text}: {path}", "title": "Outside the folder that this server shows"}
    return {"text": text, "path": inside, "title": str(path)}


def page_link(text: str, url: str) -> dict[str, Any]:
    """Describe a link to a page; only `http(s)`, or a path on this server, leads anywhere."""
    leads = url.startswith(("http://", "https://")) or (url[:1] == "/" and url[1:2] not in "/\\")
    return {"text": text, "url": url if leads else None}
