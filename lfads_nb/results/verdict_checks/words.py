"""Figures in words that several checks say."""

from __future__ import annotations

import math

from lfads_nb.results.run_figures import RunFigures


def bits_text(f: RunFigures) -> str:
    """Say bits per spike with its null and, where it is known, the truth's own."""
    if not math.isfinite(f.bits_per_spike):
        return ""
    beside = "mean rates: 0"
    if math.isfinite(f.bits_truth):
        beside += f", the true rates: {f.bits_truth:.3f}"
    return f"{f.bits_per_spike:.3f} bits/spike on validation trials ({beside})"


def kl_text(f: RunFigures) -> str:
    both = (("of g0", f.kl_g0), ("of the inputs", f.kl_inputs))
    parts = [f"{name} {value:.1f}" for name, value in both if math.isfinite(value)]
    return f"KL {' and '.join(parts)} nats" if parts else ""
