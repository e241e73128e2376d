"""What runs are called, and which of them comes first."""

from __future__ import annotations

import pytest

from lfads_nb.results.run_view import RunView
from lfads_nb.results.verdicts import judge
from lfads_nb.widgets.viewers import Viewers
from lfads_nb.widgets.viewers.viewed_runs import ViewedRuns
from tests.widgets.viewers.conftest import PARAMS


@pytest.fixture
def runs(open_run, fit_log_text):
    made = [open_run(PARAMS.copy(factors_dim=d, seed=s))[0] for d, s in ((2, 1), (3, 1), (2, 2))]
    return [run.folder for run in made]


def test_runs_are_called_by_what_sets_them_apart(runs):
    viewed = ViewedRuns(runs)
    assert list(viewed.short_names.values()) == [
        "factors_dim = 2, seed = 1", "factors_dim = 3, seed = 1", "factors_dim = 2, seed = 2",
    ]  # fmt: skip
    assert list(ViewedRuns(runs[:2]).short_names.values()) == ["factors_dim = 2", "factors_dim = 3"]
    assert list(ViewedRuns(runs[0]).short_names.values()) == [runs[0].path.name]


def test_the_best_run_is_starred_and_shown_first(runs, fit_log_text):
    for folder, epochs in zip(runs, (12, 20, 16), strict=True):
        folder.fit_log.write_text(fit_log_text(epochs))
        folder.verdict_json.unlink(missing_ok=True)
    judge(runs[0])  # those without a verdict yet are not worse for it
    costs = {name: view.fit_log().recon_valid_lve for name, view in ViewedRuns(runs).views.items()}
    expected = sorted(costs, key=lambda name: costs[name])
    assert len(set(costs.values())) == 3
    viewers = Viewers(runs)
    assert [name for _, name in viewers.run.options] == expected
    assert viewers.selection.run == expected[0]
    stars = [text.startswith("★ factors_dim = ") for text, _ in viewers.run.options]
    assert stars == [True, False, False]
    shown = RunView.of(runs[0])
    (text,) = (text for text, name in viewers.run.options if name == shown.name)
    assert text.endswith(shown.params.param_hash)
