from __future__ import annotations

import pytest

from lfads_nb.errors import ParamsError
from tests.model.small_runs import small_architecture

TWO = {"sessions": ("a", "b"), "channels": (4, 6)}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({**TWO, "feedback_factors_or_rates": "rates", "co_dim": 1}, "one session only"),
        ({"heldout_channels": 6}, "leaves nothing to see"),
        ({"forward_prediction_bins": 7}, "leaves nothing to see"),
        ({"inject_ext_input_to_gen": True}, "set ext_input_dim"),
    ],
)
def test_what_cannot_work_is_refused(changes, message):
    with pytest.raises(ParamsError, match=message):
        small_architecture(**changes)


def test_widths_follow_the_switches():
    inside = small_architecture(ext_input_dim=2)
    injected = small_architecture(ext_input_dim=2, inject_ext_input_to_gen=True, co_dim=1)
    assert (inside.encoder_inputs, inside.generator_inputs) == (8, 0)
    assert (injected.encoder_inputs, injected.generator_inputs) == (6, 3)
    assert small_architecture(**TWO).encoder_inputs == 3


def test_bins_that_are_to_be_predicted_are_hidden_from_both_encoders():
    architecture = small_architecture(forward_prediction_bins=2)
    assert (architecture.n_encoded_bins, architecture.n_ic_bins) == (5, 5)
    assert small_architecture(num_steps_for_gen_ic=3).n_ic_bins == 3


def test_identity_readout_needs_one_poisson_session_with_as_many_factors():
    assert not small_architecture(channels=(3,)).has_readout
    assert small_architecture(channels=(3,), output_dist="gaussian").has_readout
    assert small_architecture(sessions=("a", "b"), channels=(3, 3)).has_readout


def test_unknown_sessions_are_named():
    assert small_architecture(**TWO).session_index("b") == 1
    with pytest.raises(ParamsError, match="no session 'c' in this run; it has a, b"):
        small_architecture(**TWO).session_index("c")
