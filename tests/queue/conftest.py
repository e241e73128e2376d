import pytest

from tests.queue.tiny_runs import make_run_folder, write_template


@pytest.fixture
def template(tmp_path):
    return write_template(tmp_path / "template.ipynb")


@pytest.fixture
def folder(tmp_path):
    return make_run_folder(tmp_path / "runs")
