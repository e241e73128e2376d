"""The import rules of the house: which room may know which, and who may load tensorflow."""

import ast
import graphlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "lfads_nb"
FILES = sorted(PACKAGE.rglob("*.py"))

# What a module of a room may import while it is itself imported. Upward needs, such as
# `RunCollection.launch`, import inside the function.
MAY_IMPORT = {
    "datasets": {"datasets"},
    "sweep": {"datasets", "sweep"},
    "model": {"datasets", "sweep", "model"},
    "queue": {"datasets", "sweep", "queue"},
    "results": {"datasets", "sweep", "results"},
    "nlb": {"datasets", "sweep", "results", "nlb"},
    "widgets": {"datasets", "sweep", "queue", "results", "widgets"},
}
HEAVY = {"tensorflow", "keras"}
# Their methods call what acts on them (`rc.launch`): each side may name the other as a type.
ACTED_ON = {"Run", "RunCollection"}
THEIR_MODULES = {"lfads_nb.sweep.run", "lfads_nb.sweep.run_collection"}


def imports_of(tree: ast.AST, *, at_import_time: bool) -> set[str]:
    found = set()
    stack = [tree]
    while stack:
        node = stack.pop()
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
        is_function = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        is_typing = isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        if not (at_import_time and (is_function or is_typing)):
            stack += list(ast.iter_child_nodes(node))
    return found


def room_of(path: Path) -> str:
    inside = path.relative_to(PACKAGE).parts
    return inside[0] if len(inside) > 1 else ""


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_arrows_between_rooms_run_one_way(path):
    room = room_of(path)
    if room not in MAY_IMPORT:
        pytest.skip("not in a room")
    names = imports_of(ast.parse(path.read_text()), at_import_time=True)
    rooms = {n.split(".")[1] for n in names if n.startswith("lfads_nb.")} & set(MAY_IMPORT)
    assert rooms <= MAY_IMPORT[room]


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_only_the_model_knows_tensorflow(path):
    names = {n.split(".")[0] for n in imports_of(ast.parse(path.read_text()), at_import_time=False)}
    assert room_of(path) == "model" or not names & HEAVY


def test_no_files_import_each_other_not_even_for_their_types():
    modules = {module_name(path): path for path in FILES}
    known = {
        name: imported_at_top(name, ast.parse(path.read_text()), modules) - {name}
        for name, path in modules.items()
    }
    graphlib.TopologicalSorter(known).prepare()  # raises CycleError, which names the circle


def module_name(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported_at_top(name: str, tree: ast.AST, modules: dict[str, Path]) -> set[str]:
    """Modules that are imported outside of functions, be it for type checkers alone."""
    found, stack = set(), [(tree, False)]
    while stack:
        node, is_typing = stack.pop()
        if isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                if not (is_typing and (alias.name in ACTED_ON or name in THEIR_MODULES)):
                    found.add(inner if inner in modules else node.module)
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            is_typing |= isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
            stack += [(child, is_typing) for child in ast.iter_child_nodes(node)]
    return found & set(modules)


def test_nothing_that_a_user_clicks_in_loads_tensorflow():
    code = (
        "import sys, lfads_nb\n"
        "for name in lfads_nb.__all__: getattr(lfads_nb, name)\n"
        "assert not {'tensorflow', 'keras'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)


@pytest.mark.parametrize("module", ["runner", "turn_runner", "population_runner", "server", "api"])
def test_a_run_starts_without_the_second_that_checks_of_addresses_take_to_import(module):
    code = (
        f"import sys, lfads_nb.queue.{module}\n"
        "assert not {'nbformat', 'jsonschema', 'pandas', 'sklearn'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)


def test_files_of_tests_stay_together_where_they_run_side_by_side(request):
    """Newer versions of pytest and pytest-xdist may lose the groups that `conftest.py` gives."""
    if "PYTEST_XDIST_WORKER" not in os.environ:
        pytest.skip("only where tests run side by side")
    assert request.node.nodeid.endswith("@tests/test_rooms.py")
