"""Benchmarks are run by people now and then: what they import is still there."""

import ast
import importlib
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[1] / "benchmarks"
WITHIN_US = ("lfads_nb", "benchmarks")


def names_imported(path):
    """Yield (module, name) of what a file imports from this project, wherever in it."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in WITHIN_US:
            for alias in node.names:
                yield node.module, alias.name


@pytest.mark.slow
@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.py")), ids=lambda path: path.stem)
def test_what_a_benchmark_imports_is_there(path):
    for module, name in names_imported(path):
        found = importlib.import_module(module)
        if not hasattr(found, name):
            importlib.import_module(f"{module}.{name}")
