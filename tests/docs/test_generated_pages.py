"""Pages that are written from the code say all of it."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest

from lfads_nb.sweep import RunParams
from lfads_nb.vocabulary import FIGURES

SOURCE = Path(__file__).parents[2] / "docs" / "generated_pages.py"
_spec = importlib.util.spec_from_file_location("generated_pages", SOURCE)
pages = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(pages)


def test_every_hyperparameter_is_in_the_reference_with_its_default_and_range():
    text = pages.hyperparameter_page()
    for name, info in RunParams.param_info().items():
        section = text.split(f"### `{name}`\n", 1)[1].split("\n### ", 1)[0]
        assert info.description in section
        assert info.legal_range in section
        assert "default `" in section
        assert "hash: " in section


def test_what_is_said_beyond_the_declarations_is_of_parameters_that_exist():
    infos = RunParams.param_info()
    assert set(pages.notes()) <= set(infos)
    for name, note in pages.notes().items():
        assert set(note) <= {"formula", "advice"}, name
    common = {name for name, info in infos.items() if info.tier == "common"}
    assert {name for name, note in pages.notes().items() if note} >= common


def test_every_figure_is_explained():
    text = pages.figures_page()
    assert all(f"`{figure.key}`" in text for figure in FIGURES.values())


def test_every_name_of_the_run_manager_is_in_the_table():
    rows = re.findall(r"^\| `(\w+)` \|", pages.matlab_names(), flags=re.MULTILINE)
    assert rows == [info.legacy for info in RunParams.param_info().values() if info.legacy]


@pytest.mark.parametrize("room", pages.ROOMS)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_everything_public_is_in_the_reference_and_has_words(room):
    text, names = pages.api_page(room), pages.public_names(room)
    assert names
    for name in names:
        assert name in text
        value = getattr(importlib.import_module(room), name)
        assert not callable(value) or (value.__doc__ or "").strip(), f"{room}.{name}"


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_what_pages_and_notebooks_import_is_in_the_reference():
    text, found = pages.further_in_page(), pages.further_in()
    assert "jpca" in found["lfads_nb.results.jpca"]
    for module, names in found.items():
        for name in names:
            assert f":: {module}.{name}\n" in text
            assert (getattr(importlib.import_module(module), name).__doc__ or "").strip()
