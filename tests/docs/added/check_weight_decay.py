"""The test that goes with the hyperparameter `weight_decay`."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from lfads_nb.errors import ParamsError
from lfads_nb.sweep import RunParams
from lfads_nb.sweep.same_program import program_of

HASH = "{published}"
"""Of the default setting, as it was before."""


def test_published_hashes_stand_and_a_changed_value_has_its_own():
    assert RunParams().param_hash == HASH
    changed = RunParams(weight_decay=0.001)
    assert changed.param_hash != HASH
    assert changed.data_hash == RunParams().data_hash
    assert changed.differences_text() == "weight_decay=0.001"


def test_it_is_checked_and_swept_like_all_others():
    with pytest.raises(ParamsError, match="weight_decay must be a number, at least 0"):
        RunParams(weight_decay=-1)
    assert [p.weight_decay for p in RunParams().sweep(weight_decay=[0.0, 0.01])] == [0.0, 0.01]


def test_two_that_cannot_go_together_are_refused():
    with pytest.raises(ParamsError, match="weight_decay times learning_rate_init"):
        RunParams(weight_decay=200)


@pytest.mark.parametrize("decay", [0.0, 0.1])
def test_the_model_reads_it(decay):
    import keras

    from lfads_nb.model.optimizer import ClippedAdam

    weights = keras.Variable(np.ones(3, np.float32))
    optimizer = ClippedAdam(RunParams(weight_decay=decay, learning_rate_init=0.5))
    optimizer.build([weights])
    optimizer.apply([keras.ops.zeros(3)], [weights])
    np.testing.assert_allclose(keras.ops.convert_to_numpy(weights), 1 - 0.5 * decay)


def test_runs_with_other_values_are_not_packed_into_one_program():
    assert program_of(RunParams()) != program_of(RunParams(weight_decay=0.001))


def test_it_is_in_the_form_with_its_words():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        from lfads_nb.widgets.panels.params_form import describe_fields
    field = next(f for f in describe_fields(RunParams) if f["name"] == "weight_decay")
    assert "shrink in each step" in str(field)
