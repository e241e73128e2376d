"""A run that is seen while it trains."""

from __future__ import annotations

import dataclasses

import numpy as np

from lfads_nb.sweep.folders import RunFolder
from lfads_nb.sweep.live_preview import LivePreview, write_preview
from lfads_nb.widgets.live_preview import LivePreviewBox, mosaic


def preview(**changes):
    rng = np.random.default_rng(0)
    counts, rates, truth = (rng.poisson(1, (3, 12, 5)).astype(float) for _ in range(3))
    made = LivePreview(7, 5.0, "<b>one", np.array([0, 4, 9]), counts, rates, truth, rates[..., :3])
    return dataclasses.replace(made, **changes)


def test_trials_lie_beside_each_other_and_kinds_below(tmp_path):
    shown = preview()
    picture, middles = mosaic([shown.counts, shown.rates])
    assert picture.shape == (2 * 6, 3 * 13)
    np.testing.assert_array_equal(picture[:5, 13:25], shown.counts[1].T)
    np.testing.assert_array_equal(picture[6:11, 26:38], shown.rates[2].T)
    assert np.isnan(picture[5]).all()
    assert middles == [2.5, 8.5]


def test_a_preview_is_drawn_anew_when_it_is_written_anew(tmp_path):
    folder, box = RunFolder(tmp_path), LivePreviewBox()
    box.show(folder)
    assert box.layout.display == "none"
    assert box._plots is None
    write_preview(folder, preview())
    box.show(folder)
    assert box.layout.display == ""
    assert "after 7 epochs" in box._words.value
    assert "&lt;b&gt;one" in box._words.value
    trials, plane = box.plots
    assert trials.layer.drawn_image().shape == (3 * 6, 3 * 13)
    assert list(trials.y_axis.tick_labels.values()) == ["counts", "rates now", "true rates"]
    assert plane.layer.n_lines == 3
    write_preview(folder, preview(epoch=19, truth=None))
    box.show(folder)
    assert "after 19 epochs" in box._words.value
    assert trials.layer.drawn_image().shape == (2 * 6, 3 * 13)
    box.show(None)
    assert box.layout.display == "none"


def test_a_single_factor_and_nothing_known_are_drawn_too(tmp_path):
    folder, box = RunFolder(tmp_path), LivePreviewBox()
    one = preview()
    write_preview(folder, preview(factors=one.factors[..., :1], counts=np.full((3, 12, 5), np.nan)))
    box.show(folder)
    assert box.plots[1].layer.n_lines == 3
