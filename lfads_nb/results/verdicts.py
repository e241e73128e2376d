"""The verdict on a run: one to three sentences, the figures behind them, and what to change."""

from __future__ import annotations

import logging
import math
from dataclasses import replace
from typing import Any

from lfads_nb.results.run_figures import RunFigures
from lfads_nb.results.run_view import RunView
from lfads_nb.results.session_files import KINDS, SessionFiles
from lfads_nb.results.verdict_checks import CHECKS
from lfads_nb.results.verdict_checks.words import bits_text
from lfads_nb.sweep.verdict import Verdict, read_verdict, stamps_of

log = logging.getLogger(__name__)

_ENDED = {"done", "failed", "cancelled", "interrupted", "stopped early"}


def verdict_of(figures: RunFigures, **more: Any) -> Verdict:
    """Return what can be said of figures, wherever they come from.

    Parameters
    ----------
    figures : those that are known.
    **more : further fields of the verdict.
    """
    found = [finding for check in CHECKS if (finding := check(figures)) is not None]
    return Verdict.of(found, praise=_praise(figures), figures=figures.known(), **more)


def _praise(f: RunFigures) -> str:
    bits = bits_text(f)
    if not bits:
        return ""
    spread = (
        f", and rates that differ between trials (spread {f.rate_spread:.3f})"
        if math.isfinite(f.rate_spread)
        else ""
    )
    return f"Sound: {bits}{spread}."


def judge(run: Any, *, save: bool = True) -> Verdict:
    """Return the verdict on a run as far as it has got; made once, and kept in its folder.

    Parameters
    ----------
    run : its folder, or a `Run`.
    save : keep a verdict on outputs in `verdict.json`, if the folder can be written to.

    Raises
    ------
    RunFolderError
        The folder does not say what it is, or holds files that cannot be read.
    """
    view = RunView.of(run)
    known = read_verdict(view.folder)
    outputs = [
        path
        for name in view.datasets
        for kind in KINDS
        for path in SessionFiles(view.folder, name).outputs(kind).values()
    ]
    if known is not None and known.is_final == bool(outputs):
        return known
    stamps = stamps_of(view.folder, [view.folder.fit_log.name, *(path.name for path in outputs)])
    figures = RunFigures.gather(view)
    if not outputs and view.state() not in _ENDED:
        # It is no fault of a training that goes on that its ramps have not ended yet.
        figures = replace(figures, ramps_ended=math.nan)
    verdict = verdict_of(figures, stamps=stamps, is_final=bool(outputs))
    # Folders of the original program are looked at, never written to.
    if save and outputs and view.folder.run_json.is_file():
        try:
            verdict.save(view.folder)
        except OSError as error:
            log.warning("the verdict on %s is not kept: %s", view.name, error)
    return verdict
