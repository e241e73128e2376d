"""The documentation keeps its word: its code runs, and nothing that it must name is missing."""

from __future__ import annotations

import ast
import importlib
import itertools
import pkgutil
import re
from pathlib import Path

import numpy as np
import pytest
import typer

import lfads_nb
from lfads_nb.cli import program
from lfads_nb.errors import LfadsError
from lfads_nb.results import verdict_checks

DOCS = Path(__file__).parents[2] / "docs"


def code_blocks(page: str) -> list[str]:
    text = (DOCS / page).read_text(encoding="utf-8")
    return re.findall(r"^```python\n(.*?)^```", text, flags=re.DOTALL | re.MULTILINE)


@pytest.mark.filterwarnings("ignore:.*:UserWarning:(hdmf|pynwb)")
def test_every_line_of_your_own_data_runs(tmp_path, monkeypatch):
    from tests.docs.session_files import write_all

    write_all(tmp_path / "data")
    monkeypatch.chdir(tmp_path)
    names: dict = {}
    for block in code_blocks("your_data.md"):
        exec(compile(block, "docs/your_data.md", "exec"), names)
    datasets = names["dc"]
    assert len(datasets) == 14
    for dataset in datasets:
        counts = dataset.load_counts()
        assert counts.n_trials > 0, dataset.name
        assert np.nansum(counts.counts) > 0, dataset.name


PAGES = sorted(path.name for path in DOCS.glob("*.md"))


@pytest.mark.parametrize("page", PAGES)
def test_code_on_every_page_is_python_that_names_what_there_is(page):
    for block in code_blocks(page):
        tree = ast.parse(block)
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("lfads_nb"):
                module = importlib.import_module(node.module)
                missing = [a.name for a in node.names if not hasattr(module, a.name)]
                assert not missing, f"{page}: {node.module} has no {missing}"


@pytest.mark.parametrize("page", [*PAGES, "../README.md"])
def test_commands_on_every_page_exist(page):
    commands = typer.main.get_command(program).commands
    text = (DOCS / page).read_text(encoding="utf-8")
    named = re.findall(
        r"(?:^    |`)(?:\.venv/bin/)?lfads-nb ([a-z][a-z-]*)", text, flags=re.MULTILINE
    )
    assert set(named) <= set(commands)


@pytest.mark.parametrize("page", [*PAGES, "../README.md", "../CONTRIBUTING.md"])
def test_paths_on_every_page_exist(page):
    text = (DOCS / page).read_text(encoding="utf-8")
    for path in re.findall(r"`((?:lfads_nb|tests|docs)/[\w/.]+)`", text):
        assert (DOCS.parent / path).exists(), f"{page} names {path}"


def table_of(page: str, heading: str) -> dict[str, list[str]]:
    """Rows of the first table below a heading by their first cell."""
    text = (DOCS / page).read_text(encoding="utf-8").split(f"## {heading}\n", 1)[1]
    lines = itertools.takewhile(lambda line: not line.startswith("## "), text.splitlines())
    rows = [line.strip("|").split("|") for line in lines if line.startswith("| ")]
    return {row[0].strip(" `"): [cell.strip() for cell in row[1:]] for row in rows}


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_troubleshooting_knows_every_error_with_cause_and_remedy():
    for module in pkgutil.walk_packages(lfads_nb.__path__, "lfads_nb."):
        if not module.name.startswith(("lfads_nb.model", "lfads_nb.__main__")):
            importlib.import_module(module.name)
    known = {"LfadsError", "DataWarning"}
    left = [LfadsError]
    while left:
        left += left.pop().__subclasses__()
        known |= {error.__name__ for error in left if error.__module__.startswith("lfads_nb.")}
    rows = table_of("troubleshooting.md", "Errors")
    assert set(rows) - {"error"} == known
    assert all(all(cells) for cells in rows.values())


def test_troubleshooting_knows_every_verdict_with_cause_and_remedy():
    files = Path(verdict_checks.__file__).parent.glob("*.py")
    trees = [ast.parse(file.read_text(encoding="utf-8")) for file in files]
    calls = [n for tree in trees for n in ast.walk(tree) if isinstance(n, ast.Call)]
    findings = [n for n in calls if isinstance(n.func, ast.Name) and n.func.id == "Finding"]
    assert len(findings) == len(verdict_checks.CHECKS)
    titles = {ast.literal_eval(f.args[2]) for f in findings if isinstance(f.args[2], ast.Constant)}
    rows = table_of("troubleshooting.md", "Verdicts")
    assert titles | {"silent neurons"} == set(rows) - {"verdict"}
    assert all(all(cells) for cells in rows.values())


def test_install_says_what_each_extra_is_for():
    project = (DOCS.parent / "pyproject.toml").read_text(encoding="utf-8")
    section = project.split("[project.optional-dependencies]\n", 1)[1].split("\n[", 1)[0]
    extras = set(re.findall(r"^(\w+) = \[", section, flags=re.MULTILINE))
    rows = re.findall(r"^\| (`.*?) \| (.*?) \|$", (DOCS / "install.md").read_text(), re.MULTILINE)
    told = {extra for names, _ in rows for extra in re.findall(r"`(\w+)`", names)}
    assert told == extras


def test_every_page_is_one_click_from_the_first_or_one_more():
    def linked(page: str) -> set[str]:
        text = (DOCS / page).read_text(encoding="utf-8")
        return {Path(link).name for link in re.findall(r"\]\(([\w/.]+\.md)", text)}

    near = linked("index.md")
    pages = near.union(*(linked(page) for page in near if (DOCS / page).exists()))
    sections = {"begin.md", "data.md", "settings.md", "results.md", "run.md", "reference.md"}
    assert set(PAGES) - {"index.md"} - sections <= pages


def test_twenty_questions_lead_to_pages_and_places_that_exist():
    text = (DOCS / "questions.md").read_text(encoding="utf-8")
    questions = re.findall(r"^\d+\. \*\*(.+?)\*\*.*?\[.+?\]\((.+?)\)", text, flags=re.MULTILINE)
    assert len(questions) >= 20
    for question, link in questions:
        page, _, place = link.partition("#")
        if page.startswith("generated/"):
            continue
        target = (DOCS / page).read_text(encoding="utf-8")
        headings = re.findall(r"^#+ (.+)$", target, flags=re.MULTILINE)
        slugs = {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
        assert not place or place in slugs, question
