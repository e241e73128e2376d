"""How many small faults in a module its tests find: `python benchmarks/mutants.py MODULE TESTS...`

Each mutant is the module with one change (a comparison, an operator, a number, a word, a condition,
a return value), in a copy of the tree. A mutant that no test fails for survives, and is printed.
Docstrings, types (annotations, `Literal`, what only type checkers import) and texts of messages are
left alone: words are the tests' and readers' own. A mutant that hangs is found, and counted apart.

What a mutant's process would import again and again is imported once, and the process forked:
`--preload keras` for the model's room.
"""

from __future__ import annotations

import argparse
import ast
import copy
import importlib
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
CARRIED = ("lfads_nb", "tests", "docs", "notebooks", "templates", "pyproject.toml", "README.md")
COMPARED = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq, ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In,
}  # fmt: skip
OPERATED = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult, ast.Mod: ast.Mult, ast.Pow: ast.Mult, ast.MatMult: ast.Mult,
    ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd,
}  # fmt: skip


def changes(node: ast.AST) -> Iterator[ast.AST]:
    """Yield what may stand in a node's place."""
    if isinstance(node, ast.Compare):
        for i, operator in enumerate(node.ops):
            other = copy.deepcopy(node)
            other.ops[i] = COMPARED[type(operator)]()
            yield other
    elif isinstance(node, ast.BinOp) and type(node.op) in OPERATED:
        yield ast.BinOp(node.left, OPERATED[type(node.op)](), node.right)
    elif isinstance(node, ast.BoolOp):
        yield ast.BoolOp(ast.And() if isinstance(node.op, ast.Or) else ast.Or(), node.values)
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not | ast.USub):
        yield node.operand
    elif isinstance(node, ast.IfExp):
        yield ast.IfExp(node.test, node.orelse, node.body)
    elif isinstance(node, ast.Constant):
        if isinstance(node.value, bool):
            yield ast.Constant(not node.value)
        elif isinstance(node.value, int | float):
            yield ast.Constant(node.value + 1)
        elif isinstance(node.value, str) and " " not in node.value:
            yield ast.Constant(node.value + "XX")
        elif node.value is None:
            yield ast.Constant(0)
    elif isinstance(node, ast.Return) and not isinstance(node.value, ast.Constant | None):
        yield ast.Return(ast.Constant(None))
    elif isinstance(node, ast.If | ast.While):
        other = copy.copy(node)
        other.test = ast.UnaryOp(ast.Not(), node.test)
        yield other
    elif isinstance(node, ast.Continue):
        yield ast.Break()
    elif isinstance(node, ast.Break):
        yield ast.Continue()


def places(tree: ast.AST) -> Iterator[tuple[ast.AST, str, int | None]]:
    """Yield every place of a node that runs: parent, field, position in a list."""
    for parent in ast.walk(tree):
        for field, value in ast.iter_fields(parent):
            if field in ("annotation", "returns") or isinstance(parent, ast.JoinedStr | ast.Assert):
                continue
            if isinstance(parent, ast.Raise | ast.ImportFrom | ast.alias):
                continue
            for i, child in enumerate(value) if isinstance(value, list) else [(None, value)]:
                is_text = isinstance(child, ast.Expr) and isinstance(child.value, ast.Constant)
                if isinstance(child, ast.AST) and not is_text and not _is_bare(parent):
                    yield parent, field, i


def _is_bare(parent: ast.AST) -> bool:
    return isinstance(parent, ast.Expr) and isinstance(parent.value, ast.Constant)


def mutants(source: str) -> Iterator[tuple[int, str, str, str]]:
    """Yield line, what stood there, what stands there now, and the whole source."""
    tree = ast.parse(source)
    left_alone = {id(n) for r in _texts_and_types(tree) for n in ast.walk(r)}
    for parent, field, i in list(places(tree)):
        held = getattr(parent, field)
        child = held if i is None else held[i]
        if {id(parent), id(child)} & left_alone:
            continue
        for other in changes(child):
            _put(parent, field, i, other)
            written = ast.unparse(ast.fix_missing_locations(tree))
            _put(parent, field, i, child)
            was, now = ast.unparse(child).split("\n")[0], ast.unparse(other).split("\n")[0]
            yield getattr(child, "lineno", getattr(parent, "lineno", 0)), was, now, written


def _texts_and_types(tree: ast.AST) -> Iterator[ast.AST]:
    """Yield the texts of errors, and what concerns type checkers alone."""
    for node in ast.walk(tree):
        for field in ("annotation", "returns"):
            if isinstance(getattr(node, field, None), ast.AST):
                yield getattr(node, field)
        is_literal = isinstance(node, ast.Subscript) and ast.unparse(node.value) == "Literal"
        is_typing = isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        if isinstance(node, ast.Raise) or is_literal or is_typing:
            yield node


def _put(parent: ast.AST, field: str, i: int | None, node: ast.AST) -> None:
    if i is None:
        setattr(parent, field, node)
    else:
        getattr(parent, field)[i] = node


def found_by(tests: list[str], limit_s: float) -> str:
    """Run the tests in a process of their own: "failure", "hang", or "" if they pass."""
    pid = os.fork()
    if pid == 0:
        os.setsid()
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 1)
        os.dup2(null, 2)
        import pytest

        os._exit(int(pytest.main(["-q", "-x", "-p", "no:cacheprovider", *tests]) != 0))
    until = time.monotonic() + limit_s
    while time.monotonic() < until:
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            return "failure" if status else ""
        time.sleep(0.02)
    os.killpg(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    return "hang"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("module")
    parser.add_argument("tests", nargs="+")
    parser.add_argument("--preload", action="append", default=["numpy", "pytest", "pandas"])
    parser.add_argument("--limit", type=float, default=60, help="seconds for a mutant's tests")
    asked = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="mutants-"))
    try:
        for name in CARRIED:
            copier = shutil.copytree if (ROOT / name).is_dir() else shutil.copyfile
            copier(ROOT / name, folder / name)
        os.chdir(folder)
        sys.path[0] = str(folder)  # in place of this folder, whose queue.py is not Python's
        sys.dont_write_bytecode = True
        for name in asked.preload:
            importlib.import_module(name)
        loaded = [name for name in sys.modules if name.partition(".")[0] == "lfads_nb"]
        assert not loaded, f"mutants of {loaded} would not be seen"
        path = folder / asked.module
        source = path.read_text(encoding="utf-8")
        if found_by(asked.tests, 10 * asked.limit):
            sys.exit("the tests fail without any change")
        n = survived = hung = 0
        for line, was, now, written in mutants(source):
            path.write_text(written, encoding="utf-8")
            n += 1
            found = found_by(asked.tests, asked.limit)
            hung += found == "hang"
            if not found:
                survived += 1
                print(f"{asked.module}:{line}: {was}  ->  {now}", flush=True)
        share = 100 * (n - survived) / n
        print(f"{asked.module}: {n - survived} of {n} found, {share:.0f} % ({hung} by hanging)")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
