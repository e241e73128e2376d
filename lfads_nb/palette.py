"""The colours of everything that is drawn, told apart by colour-blind eyes too.

One language in viewers, reports and exports: conditions have one set of colours (`of_conditions`;
a circle where they are angles), runs another, sessions and dimensions (factors, inputs) others,
and training and validation trials always the same two. All lie at a middle lightness, so that they
show on JupyterLab's light and dark themes alike. Figures take text, grid and background from the
theme's CSS variables (`TEXT`, `PAPER`).
"""

from __future__ import annotations

from typing import Literal

import numpy as np

Scheme = Literal["categories", "numbers", "angles"]

TEXT = "var(--jp-content-font-color1, #222)"
NEUTRAL = "#888888"
PAPER = "var(--jp-layout-color0, #fff)"

# Petroff (2021), "Accessible Color Sequences for Data Visualization", ten colours.
_CATEGORIES = (
    "#3f90da", "#ffa90e", "#bd1f01", "#94a4a2", "#832db6", "#a96b59", "#e76300", "#b9ac70",
    "#717581", "#92dadd",
)  # fmt: skip

# Every tenth of viridis (Smith and van der Walt, 2015), without its darkest and lightest ends.
_SEQUENTIAL = (
    "#46327e", "#3f4889", "#365c8d", "#2e6e8e", "#277f8e", "#1fa187", "#4ac16d", "#86d549",
    "#c2df23",
)  # fmt: skip

# Tol (2021), "Colour Schemes": bright and vibrant. Okabe and Ito (2008), without black and yellow.
_RUNS = ("#4477aa", "#ee6677", "#228833", "#ccbb44", "#66ccee", "#aa3377", "#999999")
_DIMENSIONS = ("#0077bb", "#ee7733", "#009988", "#ee3377", "#33bbee", "#cc3311", "#999999")
_SESSIONS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00")

TRAIN, VALID = "#0072b2", "#d55e00"
"""Of curves and points of training and of validation trials."""

_TURNS = (360.0, 2 * np.pi)
_MOST_DIRECTIONS = 36

_GOLDEN_ANGLE = np.pi * (3 - np.sqrt(5))


def colours(scheme: Scheme, n: int) -> list[str]:
    """Return n colours as `#rrggbb`: unordered, in order, or closing to a circle."""
    if scheme == "numbers":
        return sequential(np.linspace(0, 1, n) if n > 1 else np.array([0.5]))
    if scheme == "angles":
        return cyclic(np.arange(n) / max(n, 1))
    return categorical(n)


def categorical(n: int) -> list[str]:
    """Return n colours without order, those of conditions.

    Ten are told apart with any colour vision. Beyond them hue, lightness and strength vary
    together, and neighbours stay apart, but no eye tells dozens of lines by their colour.
    """
    return _sequence(_CATEGORIES, n)


def of_runs(n: int) -> list[str]:
    """Return the colours of n runs."""
    return _sequence(_RUNS, n)


def of_sessions(n: int) -> list[str]:
    """Return the colours of n sessions, or of other data sets beside each other."""
    return _sequence(_SESSIONS, n)


def of_dimensions(n: int) -> list[str]:
    """Return the colours of n dimensions: factors, inferred inputs, behaviour."""
    return _sequence(_DIMENSIONS, n)


def of_conditions(ids: np.ndarray) -> list[str]:
    """Return a colour for each condition.

    Parameters
    ----------
    ids : (conditions,) distinct ids in order: text, or numbers. Fractions are coloured in order,
        directions around a circle, everything else without order.
    """
    if guess_scheme(ids) == "angles":
        return cyclic(ids.astype(float) / turn_of(ids))
    if guess_scheme(ids) == "numbers":
        span = float(np.ptp(ids))
        return sequential((ids - ids.min()) / span if span else np.full(len(ids), 0.5))
    return categorical(len(ids))


def guess_scheme(ids: np.ndarray) -> Scheme:
    """Say how the values of a column are best coloured; see `of_conditions`."""
    ids = np.asarray(ids)
    if ids.dtype.kind not in "fiu":
        return "categories"
    known = np.unique(ids[np.isfinite(ids)])
    if is_circle(known):
        return "angles"
    return "numbers" if (known != known.round()).any() else "categories"


def is_circle(numbers: np.ndarray) -> bool:
    """Whether numbers are directions: evenly spaced all around, in degrees or radians.

    Parameters
    ----------
    numbers : distinct, in order.
    """
    if not 4 <= len(numbers) <= _MOST_DIRECTIONS:
        return False
    steps = np.diff(numbers.astype(float))
    is_even = np.allclose(steps, steps[0], rtol=0.02)
    return bool(is_even and any(np.isclose(len(numbers) * steps[0], t, rtol=0.01) for t in _TURNS))


def turn_of(angles: np.ndarray) -> float:
    """Return what a whole turn is: degrees go beyond two turns in radians, which hardly ever do."""
    known = angles[np.isfinite(angles)].astype(float)
    return _TURNS[0] if len(known) and np.abs(known).max() > 4 * np.pi else _TURNS[1]


def _sequence(first: tuple[str, ...], n: int) -> list[str]:
    later = np.arange(max(n - len(first), 0))
    lightness = np.array([0.70, 0.52, 0.61])[later % 3]
    chroma = np.array([0.12, 0.14, 0.09])[later // 3 % 3]
    hue = later * _GOLDEN_ANGLE
    more = _hex_of_oklab(lightness, chroma * np.cos(hue), chroma * np.sin(hue))
    return [*first[:n], *more]


def sequential(fractions: np.ndarray) -> list[str]:
    """Return the colours of positions in 0..1 from low (dark blue) to high (yellow green)."""
    stops = np.array([_rgb(c) for c in _SEQUENTIAL], dtype=float)
    at = np.clip(fractions, 0, 1) * (len(stops) - 1)
    channels = [np.interp(at, np.arange(len(stops)), stops[:, i]) for i in range(3)]
    return [f"#{r:02x}{g:02x}{b:02x}" for r, g, b in np.rint(np.stack(channels, -1)).astype(int)]


def graded(fractions: np.ndarray) -> list[str]:
    """Return colours of the same kind for thin lines and dots, seen on white and on near black."""
    return sequential(0.25 + 0.53 * np.clip(fractions, 0, 1))


def diverging(fractions: np.ndarray) -> list[str]:
    """Return the colours of positions in 0..1 from blue (low) over grey to orange (high)."""
    signed = 2 * np.clip(np.asarray(fractions, dtype=float), 0, 1) - 1
    strength = np.abs(signed)
    # Away from the middle both arms get darker and stronger, on axes that every eye tells apart.
    lightness = 0.90 - 0.40 * strength
    a = np.where(signed < 0, -0.02, 0.08) * strength
    b = np.where(signed < 0, -0.16, 0.11) * strength
    return _hex_of_oklab(lightness, a, b)


def cyclic(turns: np.ndarray) -> list[str]:
    """Return the colours of angles, given in turns (0 and 1 are the same).

    The circle runs through lightness and the blue-yellow axis, the two dimensions that red-green
    blind eyes keep; the red-green axis only adds to it.
    """
    angle = 2 * np.pi * np.asarray(turns)
    lightness = 0.62 + 0.15 * np.cos(angle)
    return _hex_of_oklab(lightness, -0.07 * np.cos(angle), 0.12 * np.sin(angle))


def _rgb(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def rgb_table(names: list[str]) -> np.ndarray:
    """Return `#rrggbb` colours as (colours, 3) uint8."""
    return np.array([_rgb(name) for name in names], dtype=np.uint8).reshape(-1, 3)


def _hex_of_oklab(lightness: np.ndarray, a: np.ndarray, b: np.ndarray) -> list[str]:
    """Convert OKLab (Ottosson, 2020) to sRGB, clipped to what a screen shows."""
    lms = np.stack(
        [
            lightness + 0.3963377774 * a + 0.2158037573 * b,
            lightness - 0.1055613458 * a - 0.0638541728 * b,
            lightness - 0.0894841775 * a - 1.2914855480 * b,
        ],
        axis=-1,
    )
    to_rgb = np.array(
        [
            [4.0767416621, -3.3077115913, 0.2309699292],
            [-1.2684380046, 2.6097574011, -0.3413193965],
            [-0.0041960863, -0.7034186147, 1.7076147010],
        ]
    )
    linear = np.clip(lms**3 @ to_rgb.T, 0, 1)
    encoded = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return [f"#{r:02x}{g:02x}{b:02x}" for r, g, b in np.rint(encoded * 255).astype(int)]
