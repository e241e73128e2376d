"""The versions that we say we still work with can be had together."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
OLDEST = ROOT / "tests/oldest_versions.txt"
# What an installer says when it cannot reach the registry, not when versions exclude each other.
OFFLINE = re.compile(
    r"connection|connect error|network|timed? ?out|temporary failure|name resolution|dns error|"
    r"proxy|certificate|\b50[234]\b|error sending request",
    re.IGNORECASE,
)


def test_they_are_those_of_the_project():
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    for name, version in re.findall(r"(?m)^(\w+)==([\d.]+)$", OLDEST.read_text(encoding="utf-8")):
        (least,) = re.findall(rf'"{name}>=([\d.]+)"', project)
        assert f"{version}.".startswith(f"{least}."), name


@pytest.mark.slow
def test_they_resolve_together_with_all_that_the_project_needs(tmp_path):
    if shutil.which("uv"):
        command = ["uv", "pip", "compile", "-q", "-c", str(OLDEST), "pyproject.toml"]
        command += ["--extra", "test", "-o", str(tmp_path / "found.txt")]
        command += ["--python", sys.executable]
    else:
        command = [sys.executable, "-m", "pip", "install", "-q", "--dry-run", "--ignore-installed"]
        command += ["-c", str(OLDEST), "-e", ".[test]"]
    if sys.version_info >= (3, 13):
        pytest.skip("TensorFlow 2.17 is for Python up to 3.12")
    try:
        ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=240)
    except subprocess.TimeoutExpired:
        pytest.skip("the package registry does not answer in time")
    if ran.returncode and OFFLINE.search(ran.stderr):
        pytest.skip("the package registry cannot be reached")
    assert ran.returncode == 0, ran.stderr
