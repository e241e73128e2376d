from __future__ import annotations

import numpy as np
import pytest

from lfads_nb.results import FitLog
from lfads_nb.widgets.viewers.fit_curves import curves_of, figures_of, ramp_end


@pytest.fixture
def logs(make_run, tmp_path):
    long = FitLog.read(make_run().folder.fit_log)
    short = tmp_path / "short.csv"
    lines = long.path.read_text().splitlines()
    short.write_text("\n".join(lines[:5]) + "\n")
    return {"long": long, "short": FitLog.read(short)}


def test_every_run_has_a_curve_of_training_and_one_of_validation(logs):
    curves = curves_of(logs, "recon")
    assert curves.run.tolist() == [0, 0, 1, 1]
    assert curves.is_valid.tolist() == [False, True, False, True]
    long = logs["long"]
    np.testing.assert_array_equal(curves.y[0], long.recon_train)
    np.testing.assert_array_equal(curves.y[1], long.recon_valid)
    np.testing.assert_array_equal(curves.y[3, :5], logs["short"].recon_valid)
    assert np.isnan(curves.y[3, 5:]).all()
    np.testing.assert_array_equal(curves_of(logs, "recon", by_step=True).x[0], long.step)


def test_the_best_epoch_lies_after_the_ramps(logs):
    curves = curves_of(logs, "recon")
    best = logs["long"].lve_index
    assert curves.best[0].tolist() == [
        logs["long"].trained_epoch[best], logs["long"].recon_valid[best]
    ]  # fmt: skip
    assert np.isnan(curves.best[1]).all()
    assert curves.best[0, 0] > ramp_end(logs["long"])


def test_limits_leave_the_first_costs_out(logs):
    (x0, x1), (y0, y1) = curves_of(logs, "total").limits()
    assert (x0, x1) == (0, logs["long"].trained_epoch[-1])
    assert y1 < logs["long"].total_train[0]
    assert y0 < logs["long"].total_train.min()


def test_a_single_column_is_a_figure_too(logs):
    assert figures_of(logs)["L2 penalty (nats)"] == "l2"
    np.testing.assert_array_equal(curves_of(logs, "l2").y[0], logs["long"].l2)
