"""CONTRIBUTING.md's checklists, followed step by step in a copy of the tree.

Each test makes the changes that its checklist names, and no others, and then runs the tests that
whoever adds something would run. What is added lies in `added/`.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from lfads_nb.sweep import RunParams

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
ADDED = Path(__file__).parent / "added"
CARRIED = (
    "lfads_nb", "tests", "docs", "notebooks", "templates", "pyproject.toml", "CONTRIBUTING.md",
    "README.md",
)  # fmt: skip
LEFT = shutil.ignore_patterns("__pycache__", "build", "generated", "images", ".*")


class Tree:
    """A copy of the tree, and which of its files were touched."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.touched: set[str] = set()
        for name in CARRIED:
            source = ROOT / name
            if source.is_dir():
                shutil.copytree(source, folder / name, ignore=LEFT)
            else:
                shutil.copyfile(source, folder / name)

    def add(self, source: str, target: str, **values: str) -> None:
        text = (ADDED / source).read_text(encoding="utf-8")
        for name, value in values.items():
            text = text.replace("{" + name + "}", value)
        path = self.folder / target
        assert not path.exists()
        path.write_text(text, encoding="utf-8")
        self.touched.add(target)

    def put_before(self, target: str, place: str, text: str) -> None:
        """Put text before a place that is there once."""
        self.replace(target, place, text + place)

    def replace(self, target: str, old: str, new: str) -> None:
        path = self.folder / target
        before = path.read_text(encoding="utf-8")
        assert before.count(old) == 1, f"{target} has {old!r} {before.count(old)} times"
        path.write_text(before.replace(old, new), encoding="utf-8")
        self.touched.add(target)

    def run_tests(self, *names: str) -> None:
        """Run tests of the copy; those that try many examples try a few."""
        command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *names]
        env = {**os.environ, "PYTHONPATH": str(self.folder), "MUTATED_FILES": "20"}
        done = subprocess.run(
            command, cwd=self.folder, env=env, capture_output=True, text=True, timeout=280
        )
        assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]

    def is_covered_by(self, title: str) -> None:
        """Hold that the checklist names every file that was touched (or its folder)."""
        text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
        section = text.split(f"## {title}\n", 1)[1].split("\n## ", 1)[0]
        named = re.findall(r"`([\w/.]+(?:/|\.\w+))`", section)
        for path in self.touched:
            assert any(
                path == name or (name.endswith("/") and path.startswith(name)) for name in named
            ), f"{title}: the checklist does not name {path}, but {named}"


@pytest.fixture
def tree(tmp_path):
    return Tree(tmp_path / "tree")


def test_a_new_hyperparameter(tree):
    tree.put_before(
        "lfads_nb/sweep/declared/training.py",
        "    max_epochs: int = param(",
        "    weight_decay: float = param(\n"
        "        0.0,\n"
        '        "Share by which weights shrink in each step, times the learning rate.",\n'
        '        group="training",\n'
        "        ge=0,\n"
        "    )\n",
    )
    tree.replace(
        "lfads_nb/model/optimizer.py",
        "epsilon=EPSILON,",
        "epsilon=EPSILON, weight_decay=params.weight_decay or None,",
    )
    tree.put_before(
        "lfads_nb/sweep/params.py",
        "    if p.do_train_io_only and p.do_train_encoder_only:",
        "    if p.weight_decay * p.learning_rate_init >= 1:\n"
        "        problems.append(\n"
        '            "weight_decay times learning_rate_init must be below 1, or nothing is left"\n'
        "        )\n",
    )
    tree.put_before(
        "docs/hyperparameter_notes.yml", "gen_dim:\n", 'weight_decay:\n  advice: "Leave it."\n'
    )
    tree.add(
        "check_weight_decay.py", "tests/sweep/test_weight_decay.py",
        published=RunParams().param_hash,
    )  # fmt: skip
    tree.is_covered_by("A new hyperparameter")
    tree.run_tests(
        "tests/sweep/test_weight_decay.py",
        "tests/sweep/test_params.py::"
        "test_parameters_the_run_manager_never_had_are_off_and_leave_old_hashes_alone",
        "tests/docs/test_generated_pages.py",
    )


def test_a_new_reader(tree):
    tree.add("rasterfiles.py", "lfads_nb/datasets/rasterfiles.py")
    readers = "lfads_nb/datasets/readers.py"
    tree.put_before(
        readers,
        "from lfads_nb.datasets.reading import reading\n",
        "from lfads_nb.datasets.rasterfiles import MARK, peek_raster, read_raster\n",
    )
    tree.put_before(
        readers,
        '    "mat": FileFormat(',
        '    "raster": FileFormat("Raster as text", read_raster, peek_raster),\n',
    )
    tree.put_before(
        readers,
        '    if start.startswith(b"PK") and zipfile.is_zipfile(path):\n        with',
        '    if start.startswith(MARK):\n        return "raster"\n',
    )
    tree.put_before(
        "docs/data_files.md",
        "| MATLAB v5/v7 |",
        "| Raster as text | `#raster BIN_MS BINS CHANNELS`, then `trial bin channel` | |\n",
    )
    tree.put_before(
        "docs/your_data.md",
        "## MATLAB v7.3\n",
        "## Rasters as text\n\nOpen by themselves:\n\n```python\nread_counts = dc.add\n```\n\n",
    )
    tree.put_before(
        "tests/datasets/test_mutated_files.py",
        '    "v7.mat": lambda',
        '    "raster.txt": lambda path: path.write_text("#raster 5 4 3\\n0 1 2\\n2 3 0\\n"),\n',
    )
    tree.add("check_rasterfiles.py", "tests/datasets/test_rasterfiles.py")
    tree.is_covered_by("A new reader")
    tree.run_tests(
        "tests/datasets/test_rasterfiles.py",
        "tests/datasets/test_mutated_files.py::test_damaged_files_give_data_or_a_data_error",
        "tests/docs/test_adding.py",
        "tests/docs/test_pages.py::test_every_line_of_your_own_data_runs",
    )


def test_a_new_viewer(tree):
    tree.add("spike_totals.py", "lfads_nb/widgets/viewers/spike_totals.py")
    tabs, package = "lfads_nb/widgets/viewers/tabs.py", "lfads_nb/widgets/viewers/__init__.py"
    line = "from lfads_nb.widgets.viewers.spike_totals import SpikeTotalsViewer\n"
    for path in (tabs, package):
        tree.put_before(path, "from lfads_nb.widgets.viewers.state_space import", line)
    tree.replace(
        tabs, "DecodingViewer, TrialsTable,", "DecodingViewer, SpikeTotalsViewer, TrialsTable,"
    )
    tree.put_before(package, '    "StateSpaceViewer", "SweepViewer",', '    "SpikeTotalsViewer",\n')
    tree.add("check_spike_totals.py", "tests/widgets/viewers/test_spike_totals.py")
    tree.is_covered_by("A new viewer")
    tree.run_tests("tests/widgets/viewers/test_spike_totals.py")


@pytest.mark.training
def test_a_new_likelihood(tree):
    likelihoods = "lfads_nb/model/likelihoods.py"
    tree.put_before(
        likelihoods, "def _gamma_log_prob(", (ADDED / "negative_binomial.txt").read_text()
    )
    tree.put_before(
        likelihoods, '    "gaussian": Gaussian,', '    "negative_binomial": NegativeBinomial,\n'
    )
    tree.replace(
        "lfads_nb/sweep/declared/output.py", '"poisson", "gaussian",',
        '"poisson", "negative_binomial", "gaussian",',
    )  # fmt: skip
    tree.put_before(
        "lfads_nb/results/output_fields.py",
        '    "gaussian": OutputDistribution(',
        '    "negative_binomial": OutputDistribution(\n'
        '        2, "spikes/s", per_second=True, variance=lambda mean, shape: '
        "mean + mean**2 / shape\n    ),\n",
    )
    tree.add("check_negative_binomial.py", "tests/model/test_negative_binomial.py")
    tree.is_covered_by("A new likelihood")
    tree.run_tests("tests/model/test_negative_binomial.py", "tests/docs/test_adding.py")
