import stat

import pytest

from lfads_nb.errors import QueueError
from lfads_nb.queue.home import QueueHome, put_json, read_json_file
from lfads_nb.queue.pool import make_credentials
from lfads_nb.queue.processes import ProcessId


@pytest.fixture
def home(tmp_path):
    return QueueHome.find({"LFADS_NB_HOME": str(tmp_path / "home")})


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_only_the_owner_can_look_inside(home):
    make_credentials(home.credentials)
    put_json(home.server_json, {"a": 1})
    for folder in (home.path, home.batches, home.inbox, home.credentials):
        assert mode(folder) == 0o700
    assert [mode(path) for path in home.credentials.iterdir()] == [0o600] * 3
    assert mode(home.server_json) == 0o600


def test_a_folder_that_was_opened_to_others_is_closed_again(home, tmp_path):
    home.path.chmod(0o755)
    QueueHome.find({"LFADS_NB_HOME": str(tmp_path / "home")})
    assert mode(home.path) == 0o700


def test_a_home_that_cannot_be_made_is_told(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(QueueError, match="LFADS_NB_HOME"):
        QueueHome.find({"LFADS_NB_HOME": str(tmp_path / "file")})


def test_a_server_that_is_gone_is_no_server(home):
    assert home.server_process() is None
    put_json(home.server_json, vars(ProcessId.own()))
    assert home.server_process() == ProcessId.own()
    put_json(home.server_json, {**vars(ProcessId.own()), "started": 0.0})
    assert home.server_process() is None


def test_damaged_files_read_as_empty(home):
    home.news_json.write_text("[1")
    assert read_json_file(home.news_json) == {}
    home.news_json.write_text("[1]")
    assert read_json_file(home.news_json) == {}


def test_a_lock_of_the_home_excludes_others(home):
    with home.exclusive("server") as mine:
        assert mine
        with home.exclusive("server", wait=False) as again:
            assert not again
    with home.exclusive("server", wait=False) as later:
        assert later
