"""A trained run on trials that it was not trained on."""

from __future__ import annotations

import logging

import h5py
import numpy as np
import pytest

from lfads_nb.errors import DataError, ParamsError, RunFolderError
from lfads_nb.model import stages
from lfads_nb.model.inference import Inference
from lfads_nb.sweep.folders import RunFolder
from tests.model.small_runs import small_params, write_inputs

pytestmark = [pytest.mark.training, pytest.mark.usefixtures("op_by_op")]


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> RunFolder:
    run = write_inputs(tmp_path_factory.mktemp("run"), n_test=5)
    params = small_params(max_epochs=2, co_dim=1)
    stages.train(run, params, ("one",))
    stages.export_weights(run, params, ("one",))
    stages.sample_posterior(run, params, ("one",), kind="posterior_push_mean")
    return run


@pytest.fixture(scope="module")
def inference(trained) -> Inference:
    return Inference(trained)


def training_counts(run, split="valid"):
    with h5py.File(run.input_file("one")) as file:
        return file[f"{split}_data"][:]


def test_the_training_files_own_trials_give_its_stored_outputs(trained, inference):
    for split in ("train", "valid", "test"):
        arrays = inference.infer(training_counts(trained, split), kind="posterior_push_mean")
        path = trained.posterior_means("one", split, "posterior_push_mean")
        with h5py.File(path) as file:
            for key in ("factors", "output_dist_params", "controller_outputs", "post_g0_mean"):
                np.testing.assert_allclose(arrays[key], file[key][:], atol=1e-6, err_msg=key)


def test_trials_of_other_lengths_are_inferred_and_begin_alike_where_nothing_looks_ahead(inference):
    counts = np.random.default_rng(0).poisson(0.8, (3, 11, 6))
    arrays = inference.infer(counts, kind="posterior_push_mean")
    assert arrays["output_dist_params"].shape == (3, 11, 6)
    assert inference.infer(counts[:, :4])["factors"].shape == (3, 4, 3)
    # the encoders read whole trials, so only the shapes are fixed; rates stay positive and finite
    assert np.isfinite(arrays["output_dist_params"]).all()
    assert (arrays["output_dist_params"] > 0).all()


def test_far_beyond_the_trained_length_there_is_a_warning(inference, caplog):
    with caplog.at_level(logging.WARNING, logger="lfads_nb"):
        inference.infer(np.zeros((1, 14, 6), int), kind="posterior_push_mean")
        assert not [record for record in caplog.records if record.name.startswith("lfads_nb")]
        inference.infer(np.zeros((1, 15, 6), int), kind="posterior_push_mean")
    assert "extrapolation" in caplog.text


def test_of_trials_far_shorter_than_the_trained_there_is_a_warning(inference, caplog):
    with caplog.at_level(logging.WARNING, logger="lfads_nb"):
        inference.infer(np.zeros((1, 4, 6), int), kind="posterior_push_mean")
        assert not [record for record in caplog.records if record.name.startswith("lfads_nb")]
        inference.infer(np.zeros((1, 3, 6), int), kind="posterior_push_mean")
    assert "have 3 bins, those of training had 7" in caplog.text


def test_a_length_is_compiled_once(inference):
    inference.infer(np.zeros((3, 9, 6), int), kind="posterior_push_mean")
    made = dict(inference._samplers)
    inference.infer(np.ones((4, 9, 6), int), kind="posterior_push_mean")
    assert dict(inference._samplers) == made


def test_new_trials_that_do_not_fit_are_refused(inference):
    with pytest.raises(ParamsError, match=r"have 5 channels.*trained on 6 \(one\)"):
        inference.infer(np.zeros((4, 7, 5), int))
    with pytest.raises(DataError, match="whole, non-negative"):
        inference.infer(np.full((2, 7, 6), 0.5))
    with pytest.raises(ParamsError, match="no session 'two'"):
        inference.infer(np.zeros((2, 7, 6), int), dataset="two")
    with pytest.raises(DataError, match="1 external inputs, but ext_input_dim is 0"):
        inference.infer(np.zeros((2, 7, 6), int), external_inputs=np.zeros((2, 7, 1)))


def test_an_untrained_folder_is_refused(tmp_path):
    with pytest.raises(RunFolderError):
        Inference(write_inputs(tmp_path))
