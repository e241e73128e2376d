"""What of a notebook may become a page: text, tables and pictures, and nothing that runs.

A run's notebook may have come from anybody, and its page opens in a browser with all that a file of
this machine, or of the server that shows it, may do. Cells and outputs are copied field by field,
and all HTML goes through bleach with what reports need: tables, folded parts, styles of text,
pictures that are in the page itself.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import bleach
import nbformat
from bleach.css_sanitizer import CSSSanitizer
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

_TEXTS = ("text/html", "text/markdown", "text/latex", "text/plain")
_PICTURES = ("image/png", "image/jpeg", "image/svg+xml")
_BASE64 = re.compile(r"[A-Za-z0-9+/=\s]*")
_PICTURE_IN_PAGE = re.compile(r"data:image/(png|jpeg|gif|svg\+xml);base64,[A-Za-z0-9+/=\s]*")
_LINK = re.compile(r"(https?://|mailto:|#)", re.IGNORECASE)
# bleach keeps the text within what it takes away; of these it is no text.
_NO_TEXT = re.compile(r"<(script|style)\b.*?</\1\s*>", re.IGNORECASE | re.DOTALL)

_TAGS = {
    "a", "abbr", "b", "blockquote", "br", "caption", "code", "dd", "details", "div", "dl", "dt",
    "em", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "i", "img", "li", "ol", "p", "pre", "progress",
    "s", "small", "span", "strong", "sub", "summary", "sup", "table", "tbody", "td", "tfoot", "th",
    "thead", "tr", "u", "ul",
}  # fmt: skip
_ATTRIBUTES = {
    "alt", "aria-label", "border", "class", "colspan", "height", "id", "max", "open", "role",
    "rowspan", "scope", "style", "title", "value", "width",
}  # fmt: skip


def clean_html(text: Any) -> str:
    """Return HTML without anything that runs, loads or leads a browser elsewhere by itself."""
    return bleach.clean(
        _NO_TEXT.sub("", str(text)),
        tags=_TAGS,
        attributes=_is_allowed,
        protocols={"http", "https", "mailto", "data"},
        css_sanitizer=CSSSanitizer(),
        strip=True,
    )


def _is_allowed(tag: str, name: str, value: str) -> bool:
    if name == "href":
        return tag == "a" and _LINK.match(value) is not None
    if name == "src":
        return tag == "img" and _PICTURE_IN_PAGE.fullmatch(value) is not None
    return name in _ATTRIBUTES


def safe_notebook(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """Copy a notebook with only those fields that a page is made of, each of its right type."""
    cells = []
    for cell in notebook.cells:
        source = str(cell.get("source", ""))
        if cell.get("cell_type") == "markdown":
            cells.append(new_markdown_cell(source))
        elif cell.get("cell_type") == "code":
            outputs = [copy for output in cell.get("outputs", ()) if (copy := _safe_output(output))]
            cells.append(new_code_cell(source, outputs=outputs))
    return new_notebook(cells=cells)


def _safe_output(output: Mapping[str, Any]) -> nbformat.NotebookNode | None:
    kind = output.get("output_type")
    if kind == "stream":
        return new_output("stream", name="stdout", text=str(output.get("text", "")))
    if kind == "error":
        return new_output(
            "error",
            ename=str(output.get("ename", "")),
            evalue=str(output.get("evalue", "")),
            traceback=[str(line) for line in output.get("traceback", ())],
        )
    data, metadata = output.get("data", {}), output.get("metadata", {})
    kept = {name: str(data[name]) for name in _TEXTS if name in data}
    for name in _PICTURES:
        if name == "image/svg+xml" and name in data:
            kept[name] = str(data[name])  # becomes the source of an <img>, where no script runs
        elif _BASE64.fullmatch(str(data.get(name, "-"))):
            kept[name] = str(data[name])
    sizes = {name: _size(metadata.get(name)) for name in kept if name in _PICTURES}
    return new_output("display_data", data=kept, metadata=sizes) if kept else None


def _size(found: Any) -> dict[str, int]:
    # They stand in the page without quotes: anything but a number could go on as an attribute.
    size = found if isinstance(found, Mapping) else {}
    return {k: size[k] for k in ("width", "height") if type(size.get(k)) is int}
