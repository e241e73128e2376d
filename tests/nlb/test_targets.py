from __future__ import annotations

import numpy as np
import pytest
from made_up import fingerprint

from lfads_nb.errors import DataError
from lfads_nb.nlb.benchmark import NLB_DATASETS, group_name, nlb_dataset
from lfads_nb.nlb.recording import NlbRecording
from lfads_nb.nlb.targets import make_targets


@pytest.mark.parametrize("bin_ms", [5, 20])
@pytest.mark.parametrize("kind", ["mc_maze", "mc_rtt", "area2_bump", "dmfc_rsg"])
def test_targets_are_those_that_the_benchmarks_own_program_cuts(kind, bin_ms, nlb_file, judged):
    targets = make_targets(NlbRecording(nlb_file(kind)), nlb_dataset(kind), bin_ms)
    theirs = judged["targets"][f"{kind} {bin_ms}"]
    assert set(targets) == set(theirs)
    for key, expected in theirs.items():
        if key.endswith("_cond_idx"):
            assert [list(trials) for trials in targets[key]] == expected
        else:
            shape, missing, *sums = fingerprint(targets[key])
            assert [shape, missing] == expected[:2], key
            assert sums == pytest.approx(expected[2:], abs=1e-8), key


def test_the_file_without_held_out_units_says_that_it_cannot_be_scored(nlb_file):
    recording = NlbRecording(nlb_file("mc_maze", with_heldout=False))
    with pytest.raises(DataError, match="no held-out units"):
        make_targets(recording, nlb_dataset("mc_maze"), 5)


def test_a_split_that_is_not_there_names_those_that_are(nlb_file):
    recording = NlbRecording(nlb_file("mc_maze"))
    with pytest.raises(DataError, match=r"no evaluation trials \(split test\); its splits are"):
        make_targets(recording, nlb_dataset("mc_maze"), 5, evaluation=("test",))


def test_another_datasets_file_is_told_by_its_columns(nlb_file):
    with pytest.raises(DataError, match="has no move_onset_time in intervals/trials"):
        make_targets(NlbRecording(nlb_file("mc_rtt")), nlb_dataset("mc_maze"), 5)


def test_what_is_no_file_of_the_benchmark_is_one_sentence(tmp_path):
    with pytest.raises(DataError, match="there is no file"):
        NlbRecording(tmp_path / "missing.nwb")
    (tmp_path / "text.nwb").write_text("hello")
    with pytest.raises(DataError, match="cannot be read as NWB"):
        NlbRecording(tmp_path / "text.nwb")


def test_every_declared_dataset_has_a_name_for_5_and_20_ms():
    for key in NLB_DATASETS:
        assert group_name(key, 5) == key
        assert group_name(key, 20) == f"{key}_20"
        with pytest.raises(DataError, match="5 or 20 ms"):
            group_name(key, 10)
    with pytest.raises(DataError, match="no dataset 'maze'; it has mc_maze"):
        nlb_dataset("maze")


def test_behaviour_is_taken_later_by_the_datasets_lag(nlb_file):
    recording = NlbRecording(nlb_file("mc_maze"))
    velocity = make_targets(recording, nlb_dataset("mc_maze"), 5)["eval_behavior"]
    speed = np.linalg.norm(velocity, axis=2).mean(axis=0)
    # made-up hands are fastest 150 ms after movement onset, 400 ms into the window
    assert np.argmax(speed) * 5 == pytest.approx(400 - 100, abs=15)
