import numpy as np
import pytest

from lfads_nb.errors import DataError
from lfads_nb.results import PosteriorMeans, session_agreement


@pytest.fixture
def sessions(make_run):
    run = make_run(datasets={"a": {"n_trials": 24}, "b": {"n_trials": 16}}, spec="both")
    return PosteriorMeans.open(run.folder, run.params, run.datasets).sessions


def test_it_is_the_share_of_variance_about_each_factor(sessions):
    table = session_agreement(sessions)
    a, b = (pm.condition_averages("factors").mean for pm in sessions)
    about = a - a.mean(axis=(0, 1))
    assert table.loc["a", "b"] == pytest.approx(1 - ((a - b) ** 2).sum() / (about**2).sum())
    assert np.diag(table).tolist() == [1, 1]
    assert table.loc["a", "b"] != table.loc["b", "a"]


def test_a_session_agrees_with_itself(sessions):
    same = session_agreement([sessions[0], sessions[0]])
    assert same.to_numpy() == pytest.approx(np.ones((2, 2)))


def test_what_cannot_be_compared_is_said(sessions):
    with pytest.raises(DataError, match="two sessions"):
        session_agreement(sessions[:1])
