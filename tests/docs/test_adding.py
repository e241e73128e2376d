"""What CONTRIBUTING.md says of adding a parameter, a reader, a viewer or a likelihood is so."""

from __future__ import annotations

import re
import typing
from pathlib import Path

import numpy as np
import pytest

from lfads_nb.datasets import Counts, DatasetCollection
from lfads_nb.datasets.readers import FORMATS
from lfads_nb.results.output_fields import OUTPUT_DISTRIBUTIONS
from lfads_nb.sweep import RunParams, param

ROOT = Path(__file__).parents[2]


class WithOneMore(RunParams):
    momentum: float = param(0.0, "A made-up one.", group="training", unit="per step", ge=0, lt=1)


def test_a_parameter_that_is_off_changes_no_hash_and_one_that_is_on_does():
    assert WithOneMore().param_hash == RunParams().param_hash
    changed = WithOneMore(momentum=0.5)
    assert changed.param_hash != RunParams().param_hash
    assert changed.data_hash == RunParams().data_hash
    assert "momentum" in changed.differences_text()
    with pytest.raises(ValueError, match="momentum"):
        WithOneMore(momentum=2)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_new_parameter_is_in_the_form_by_its_declaration_alone():
    from lfads_nb.widgets.panels.params_form import describe_fields

    field = next(f for f in describe_fields(WithOneMore) if f["name"] == "momentum")
    assert "A made-up one." in str(field)
    assert "per step" in str(field)


def test_a_format_of_a_lab_s_own_is_one_function(tmp_path):
    (tmp_path / "day1.txt").write_text("1 0 2\n0 1 1\n")

    def load(path):
        return Counts.from_bins(np.loadtxt(path, dtype=int)[..., None], bin_ms=5)

    dataset = DatasetCollection(tmp_path).add("day1.txt", loader=load)
    assert dataset.load_counts().counts.shape == (2, 3, 1)


def test_every_format_that_opens_by_itself_has_its_row_in_the_docs():
    rows = (ROOT / "docs/data_files.md").read_text(encoding="utf-8").lower()
    for form in FORMATS.values():
        words = re.findall(r"\w[\w.]+", form.title.lower())
        assert all(word.strip(".") in rows for word in words), form.title


def test_every_likelihood_can_be_chosen_and_its_results_read():
    from lfads_nb.model.likelihoods import LIKELIHOODS

    choices = typing.get_args(RunParams.model_fields["output_dist"].annotation)
    assert set(choices) == set(LIKELIHOODS) == set(OUTPUT_DISTRIBUTIONS)
