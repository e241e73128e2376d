import numpy as np
import pandas as pd
import pytest

from lfads_nb.errors import DataError
from lfads_nb.results.importance import parameter_importance


def sweep(n=80, seed=0):
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"a": rng.random(n), "b": rng.random(n), "c": rng.choice(["x", "y"], n)})
    return frame.assign(cost=3 * frame["a"] + frame["b"])


@pytest.mark.slow
def test_shares_are_those_of_the_variances():
    table = parameter_importance(sweep(200), ["a", "b", "c"], "cost")
    assert table.index.tolist()[:2] == ["a", "b"]
    assert table.loc["a", "share"] == pytest.approx(0.9, abs=0.05)
    assert table.loc["b", "share"] == pytest.approx(0.1, abs=0.05)
    assert table["matters"].to_dict() == {"a": True, "b": True, "c": False}


@pytest.mark.slow
def test_figures_shuffled_among_the_runs_leave_no_parameter_above_noise():
    frame = sweep()
    frame["cost"] = np.random.default_rng(5).permutation(frame["cost"])
    assert not parameter_importance(frame, ["a", "b", "c"], "cost")["matters"].any()


def test_too_few_runs_or_none_that_differ_are_said():
    with pytest.raises(DataError, match=r"19 runs have 'cost'.*fewer than 20"):
        parameter_importance(sweep(19), ["a"], "cost")
    with pytest.raises(DataError, match="no parameter differs"):
        parameter_importance(sweep().assign(a=1), ["a"], "cost")
    with pytest.raises(DataError, match="no column d"):
        parameter_importance(sweep(), ["d"], "cost")
