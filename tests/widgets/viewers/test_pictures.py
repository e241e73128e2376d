"""What becomes of numbers before they are sent to the browser."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter1d

from lfads_nb.palette import rgb_table
from lfads_nb.widgets.viewers.heat_map import colour_bar, heat_image
from lfads_nb.widgets.viewers.input_use import input_kl, share_of_prior
from lfads_nb.widgets.viewers.line_keys import key_html
from lfads_nb.widgets.viewers.neuron_order import ORDERS, order_neurons
from lfads_nb.widgets.viewers.raster import raster_image
from lfads_nb.widgets.viewers.smoothing import smooth_over_bins


def test_spikes_are_opaque_in_the_colour_of_their_condition():
    counts = np.array([[0, 1, 9], [2, np.nan, 0]])
    values, table = raster_image(counts, np.array([1, 0]), ["#ff0000", "#0000ff"])
    colours = table[values]
    assert colours[0, 1, :3].tolist() == [0, 0, 255]
    assert colours[1, 0, :3].tolist() == [255, 0, 0]
    assert colours[..., 3].tolist() == [[0, 150, 255], [185, 0, 0]]


def test_smoothing_keeps_what_a_gaussian_filter_keeps():
    counts = np.random.default_rng(0).poisson(0.3, (5, 200)).astype(float)
    rates = smooth_over_bins(counts, bin_ms=5, sd_ms=20, to_rates=200)
    filtered = gaussian_filter1d(counts, 4, axis=-1, truncate=4) * 200
    np.testing.assert_allclose(rates[:, 20:-20], filtered[:, 20:-20], rtol=1e-6)


def test_smoothing_passes_over_missing_bins_and_ends():
    counts = np.ones((1, 60))
    counts[0, 20:25] = np.nan
    np.testing.assert_allclose(smooth_over_bins(counts, bin_ms=10, sd_ms=30, to_rates=100), 100)
    assert np.isnan(
        smooth_over_bins(np.full((1, 60), np.nan), bin_ms=10, sd_ms=30, to_rates=100)
    ).all()


def test_a_heat_map_runs_from_the_first_to_the_last_colour():
    values, table = heat_image(np.array([[0.0, 5.0, 10.0, np.nan, 99.0]]), (0.0, 10.0))
    assert values.tolist() == [[1, 129, 256, 0, 256]]
    assert table[0].tolist() == [0, 0, 0, 0]
    assert table[1, :3].tolist() == rgb_table(["#46327e"])[0].tolist()


def test_neurons_are_ordered_by_what_is_asked():
    averages = np.zeros((2, 6, 3))
    averages[:, 4, 0], averages[:, 1, 1], averages[:, 2, 2] = 1, 5, 3
    averages[0, 3, 1] = np.nan
    assert order_neurons(averages, "number").tolist() == [0, 1, 2]
    assert order_neurons(averages, "time of peak").tolist() == [1, 2, 0]
    assert order_neurons(np.nan_to_num(averages), "mean rate").tolist() == [1, 2, 0]
    assert sorted(order_neurons(np.nan_to_num(averages), "likeness")) == [0, 1, 2]
    assert set(ORDERS) == {"number", "time of peak", "mean rate", "likeness"}


def test_an_input_that_follows_its_prior_costs_nothing():
    # White noise as the prior: the posterior equals it, bin by bin.
    mean, sd = np.zeros((3, 50, 1)), np.full((3, 50, 1), 0.5)
    kl = input_kl(mean, sd, variance=np.array([0.25]), tau_bins=np.array([1e-3]))
    np.testing.assert_allclose(kl, 0, atol=1e-9)


def test_the_kl_of_an_input_is_that_of_its_gaussians():
    rng = np.random.default_rng(1)
    mean, sd = rng.normal(size=(1, 4, 1)), rng.uniform(0.2, 1, (1, 4, 1))
    tau, variance = 3.0, 0.8
    keep = np.exp(-1 / tau)
    lags = np.abs(np.subtract.outer(np.arange(4), np.arange(4)))
    prior = variance * keep**lags
    posterior = np.diag(sd[0, :, 0] ** 2)
    m = mean[0, :, 0]
    precision = np.linalg.inv(prior)
    expected = 0.5 * (
        np.trace(precision @ posterior) + m @ precision @ m - 4
        + np.linalg.slogdet(prior)[1] - np.linalg.slogdet(posterior)[1]
    )  # fmt: skip
    kl = input_kl(mean, sd, variance=np.array([variance]), tau_bins=np.array([tau]))
    assert kl[0, 0] == pytest.approx(expected)


def test_the_use_of_an_input_is_in_units_of_its_prior():
    mean = np.full((2, 10, 1), 3.0)
    np.testing.assert_allclose(share_of_prior(mean, np.array([4.0])), 1.5)


def test_names_from_files_cannot_become_html():
    assert "<img" not in key_html("<img src=x>", ["average"])
    assert "<b>" not in colour_bar((0, 1), "<b>")
