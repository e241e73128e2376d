import pytest

from lfads_nb.queue.api import Queue
from lfads_nb.queue.home import QueueHome
from tests.queue.tiny_runs import make_run_folder, write_template


@pytest.fixture
def template(tmp_path):
    return write_template(tmp_path / "template.ipynb")


@pytest.fixture
def folder(tmp_path):
    return make_run_folder(tmp_path / "runs")


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A queue of the test file's own, whose server is gone at its end."""
    home = QueueHome.find({"LFADS_NB_HOME": str(tmp_path_factory.mktemp("home"))})
    yield home
    Queue([], home=home).stop_server()
    assert home.server_process() is None
