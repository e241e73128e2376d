"""`Frame`: the style sheet, no shortcuts of JupyterLab's, and a word when the kernel was restarted.

JupyterLab's command mode would take plain keys from buttons and tables that have the focus (Enter
would start editing the cell, d d delete it). Those with Ctrl, such as saving, stay JupyterLab's.

`?` lists the keys of the whole bench; Enter in a text box presses the button of its form.

A click comes to the kernel after everything that was typed before it, however busy the kernel is.

After a restart of the kernel a page still shows the widgets of before, which nobody answers. The
page itself says so, as no kernel can: JupyterLab marks widgets that lost theirs with a class.
"""

from __future__ import annotations

from pathlib import Path

import anywidget

from lfads_nb.widgets.theme import CSS


class Frame(anywidget.AnyWidget):
    """Invisible; put it first into a panel."""

    # anywidget takes one module, so what it is made of is joined.
    _esm = "\n".join(
        Path(__file__).with_name(name).read_text(encoding="utf-8")
        for name in ("control_names.js", "sent_in_order.js", "frame.js")
    )
    _css = CSS
