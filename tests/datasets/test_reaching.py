import h5py
import numpy as np
import pytest

from lfads_nb.datasets import generate_demo_datasets, read_counts
from lfads_nb.datasets.reaching import LAG_MS, ReachingRecipe, make_reaching_session
from lfads_nb.errors import DataError

SMALL = {"trials_per_condition": (8, 9), "channels": (60, 64)}


@pytest.fixture(scope="module")
def session():
    return make_reaching_session(ReachingRecipe(**SMALL))


def test_the_same_seed_gives_the_same_session(session):
    again = make_reaching_session(ReachingRecipe(**SMALL)).counts
    np.testing.assert_array_equal(again.counts, session.counts.counts)
    np.testing.assert_array_equal(
        again.behavior["hand_vel"].values, session.counts.behavior["hand_vel"].values
    )
    other = make_reaching_session(ReachingRecipe(**SMALL, seed=1)).counts
    assert other.counts.shape != again.counts.shape or (other.counts != again.counts).any()


def test_it_has_what_a_reaching_session_has(session):
    counts = session.counts
    assert len(counts.conditions) == 8
    assert (counts.time_ms[0], counts.bin_ms, counts.n_bins) == (-200, 5, 200)
    assert {name: s.unit for name, s in counts.behavior.items()} == {
        "hand_vel": "mm/s", "hand_pos": "mm",
    }  # fmt: skip
    assert counts.metadata["heldout_channels"] == counts.n_channels // 4
    outcome, reaction = counts.trial_columns["outcome"], counts.trial_columns["reaction_ms"]
    assert 1 <= (outcome == "aborted").sum() <= 5
    # aborted trials belong to no condition, so that they are in no average
    np.testing.assert_array_equal(np.isnan(counts.condition_ids), outcome == "aborted")
    np.testing.assert_array_equal(np.isnan(reaction), outcome == "aborted")
    assert np.nanstd(reaction) > 20
    assert np.isnan(counts.behavior["hand_vel"].values).any()  # the tracker lost some


def test_hands_go_to_their_targets_after_their_reaction_time(session):
    counts = session.counts
    moved = counts.trial_columns["outcome"] == "success"
    position = counts.behavior["hand_pos"].values
    last = np.stack([trial[~np.isnan(trial[:, 0])][-1] for trial in position])
    angle = np.degrees(np.arctan2(last[moved, 1], last[moved, 0]))
    off = (angle - counts.trial_columns["target_deg"][moved] + 180) % 360 - 180
    assert np.median(np.abs(off)) < 15
    speed = np.nan_to_num(counts.behavior["hand_vel"].speed)
    assert np.median(speed[moved].max(axis=1)) > 3 * np.median(speed[~moved].max(axis=1))
    peak = counts.time_ms[np.argmax(speed[moved], axis=1)]
    assert np.corrcoef(peak, counts.trial_columns["reaction_ms"][moved])[0, 1] > 0.6


def test_velocity_follows_the_latents_by_100_ms(session):
    velocity = session.counts.behavior["hand_vel"].values
    lags = np.arange(0, 61, 5)
    fits = []
    for lag in lags:
        x, y = session.latents[:, : 200 - lag, 4].ravel(), velocity[:, lag:, 0].ravel()
        known = ~np.isnan(y)
        fits.append(np.corrcoef(x[known], y[known])[0, 1])
    assert lags[np.argmax(fits)] * 5 == LAG_MS
    assert max(fits) > 0.98


def test_spikes_are_as_many_as_expected_and_keep_their_distance():
    session = make_reaching_session(ReachingRecipe(**SMALL, bin_ms=1, mean_rate_hz=30))
    counts = session.counts
    assert counts.counts.max() == 1
    expected, found = counts.truth.sum(axis=(0, 1)), counts.counts.sum(axis=(0, 1))
    # the dead time makes spikes more regular than Poisson's, so this is on the safe side
    assert np.abs((found - expected) / np.sqrt(expected)).max() < 5
    assert abs(found.sum() / expected.sum() - 1) < 0.01
    next_to = (counts.counts[:, :-1] & counts.counts[:, 1:]).sum()
    after_two = (counts.counts[:, :-2] & counts.counts[:, 2:]).sum()
    far = (counts.counts[:, :-40] & counts.counts[:, 40:]).sum()
    assert next_to == after_two == 0 < far
    assert found.max() > 3 * found.min()


def test_files_are_written_once(tmp_path):
    paths = generate_demo_datasets(tmp_path, 2, kind="reaching", **SMALL)
    assert [path.name for path in paths] == ["reaching001.h5", "reaching002.h5"]
    stamps = [path.stat().st_mtime_ns for path in paths]
    assert generate_demo_datasets(tmp_path, 2, kind="reaching", **SMALL) == paths
    assert [path.stat().st_mtime_ns for path in paths] == stamps
    one, two = map(read_counts, paths)
    assert one.counts.shape != two.counts.shape or (one.counts != two.counts).any()
    with h5py.File(paths[0]) as file:
        assert file["extra/latents"].shape == (one.n_trials, one.n_bins, 8)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"kind": "swimming"}, "lorenz, reaching"),
        ({"kind": "reaching", "duration_ms": 500}, "duration_ms.*is not a setting of reaching"),
        ({"kind": "reaching", "channels": (9, 3)}, "lowest, highest"),
        ({"kind": "reaching", "bin_ms": 0.3}, "bins of 1 ms"),
        ({"kind": "reaching", "n_datasets": 0}, "at least one"),
    ],
)
def test_what_makes_no_sense_is_refused(tmp_path, wrong, message):
    with pytest.raises(DataError, match=message):
        generate_demo_datasets(tmp_path, **{**SMALL, **wrong})
    assert not list(tmp_path.iterdir())
