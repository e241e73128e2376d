from __future__ import annotations

import numpy as np
import pytest

from lfads_nb import palette
from lfads_nb.results.figure_style import condition_colors
from lfads_nb.widgets.viewers.conditions import group_trials

# Machado, Oliveira and Fernandes (2009), full deuteranopia and protanopia, on linear RGB.
_BLIND = {
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413],
                     [-0.011820, 0.042940, 0.968881]],
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216],
                   [-0.003882, -0.048116, 1.051998]],
}  # fmt: skip


def seen(colours: list[str], matrix: object) -> np.ndarray:
    """How far apart colours look to an eye: their places in OKLab, (colours, 3)."""
    rgb = palette.rgb_table(colours) / 255
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    linear = np.clip(linear @ np.array(matrix).T, 0, 1)
    to_lms = np.array([[0.4122214708, 0.5363325363, 0.0514459929],
                       [0.2119034982, 0.6806995451, 0.1073969566],
                       [0.0883024619, 0.2817188376, 0.6299787005]])  # fmt: skip
    to_lab = np.array([[0.2104542553, 0.7936177850, -0.0040720468],
                       [1.9779984951, -2.4285922050, 0.4505937099],
                       [0.0259040371, 0.7827717662, -0.8086757660]])  # fmt: skip
    return np.cbrt(linear @ to_lms.T) @ to_lab.T


def smallest_difference(places: np.ndarray) -> float:
    apart = np.linalg.norm(places[:, None] - places[None], axis=-1)
    return apart[np.triu_indices(len(places), 1)].min()


@pytest.mark.parametrize("kind", _BLIND)
def test_eight_categories_are_told_apart_by_colour_blind_eyes(kind):
    assert smallest_difference(seen(palette.categorical(8), _BLIND[kind])) > 0.04


@pytest.mark.parametrize("kind", _BLIND)
def test_eight_directions_are_told_apart_by_colour_blind_eyes(kind):
    assert smallest_difference(seen(palette.cyclic(np.arange(8) / 8), _BLIND[kind])) > 0.04


def test_the_circle_closes():
    assert palette.cyclic(np.array([0.0])) == palette.cyclic(np.array([1.0]))


def test_numbers_get_lighter_as_they_grow():
    lightness = seen(palette.sequential(np.linspace(0, 1, 20)), np.eye(3))[:, 0]
    assert (np.diff(lightness) > 0).all()


@pytest.mark.parametrize("colours", [palette.categorical(40), palette.cyclic(np.arange(12) / 12)])
def test_colours_show_on_white_and_on_black(colours):
    lightness = seen(colours, np.eye(3))[:, 0]
    assert lightness.min() > 0.35
    assert lightness.max() < 0.92


def test_many_categories_are_all_different():
    assert len(set(palette.categorical(65))) == 65
    assert palette.categorical(65)[:10] == palette.categorical(10)


def test_the_middle_of_a_diverging_scale_is_grey():
    ((red, green, blue),) = palette.rgb_table(palette.diverging(np.array([0.5])))
    assert max(red, green, blue) - min(red, green, blue) < 12


SETS = {"runs": palette.of_runs, "sessions": palette.of_sessions,
        "dimensions": palette.of_dimensions}  # fmt: skip


@pytest.mark.parametrize("kind", _BLIND)
@pytest.mark.parametrize("name", SETS)
def test_runs_sessions_and_dimensions_are_told_apart_by_colour_blind_eyes(name, kind):
    assert smallest_difference(seen(SETS[name](6), _BLIND[kind])) > 0.04


@pytest.mark.parametrize("name", SETS)
def test_their_colours_show_on_white_and_on_black(name):
    lightness = seen(SETS[name](20), np.eye(3))[:, 0]
    assert lightness.min() > 0.35
    assert lightness.max() < 0.92
    assert len(set(SETS[name](20))) == 20


@pytest.mark.parametrize("kind", _BLIND)
def test_training_and_validation_are_told_apart(kind):
    assert smallest_difference(seen([palette.TRAIN, palette.VALID], _BLIND[kind])) > 0.1


def test_runs_are_not_taken_for_conditions():
    assert not set(palette.of_runs(6)) & set(palette.categorical(10))


@pytest.mark.parametrize(
    "ids",
    [
        np.arange(12),
        np.array([f"reach {i}" for i in range(9)]),
        np.arange(0, 360, 45),
        np.linspace(-np.pi, np.pi, 16, endpoint=False),
        np.array([0.5, 1.5, 4.0]),
    ],
    ids=["numbers", "text", "degrees", "radians", "fractions"],
)
def test_a_condition_has_the_same_colour_in_a_report_as_in_a_viewer(ids):
    conditions = np.sort(ids)
    trials = np.tile(conditions, 3)
    viewer = group_trials(trials, column="condition", n_trials=len(trials))
    assert list(condition_colors(trials).values()) == list(viewer.colours)
    is_circle = ids.dtype.kind != "U" and len(ids) in (8, 16)
    assert (viewer.scheme == "angles") == is_circle


def test_a_count_of_conditions_is_no_circle():
    assert palette.guess_scheme(np.arange(36)) == "categories"
    assert palette.guess_scheme(np.arange(1, 361)) == "categories"
    assert palette.guess_scheme(np.array([0, 90, 180])) == "categories"
