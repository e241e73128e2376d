"""A population's JSON files, changed at random: only our own exceptions are raised."""

import contextlib
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lfads_nb.errors import LfadsError, RunFolderError
from lfads_nb.queue.population_driver import PopulationDriver
from lfads_nb.queue.retraining import read_retraining
from lfads_nb.queue.status import RunState, RunStatus, read_status, write_status
from lfads_nb.results import population_report
from lfads_nb.results.population import PopulationResults
from lfads_nb.sweep.folders import RunFolder
from lfads_nb.sweep.more_epochs import MoreEpochs
from lfads_nb.sweep.population_history import read_history
from lfads_nb.sweep.population_record import PopulationRecord
from lfads_nb.sweep.turns import TurnRequest, TurnResult
from lfads_nb.sweep.verdict import read_verdict
from tests.queue.populations import TurnsHere, make_population
from tests.test_hostile_files import changes, look, written


@pytest.fixture(scope="module")
def population(tmp_path_factory):
    folder = make_population(tmp_path_factory.mktemp("hostile"), generations=2, members=3)
    PopulationDriver(folder, TurnsHere(), sleep=lambda _: None).run()
    write_status(folder, RunStatus(RunState.DONE))
    return folder


def looks(folder):
    yield lambda: PopulationRecord.load(folder).name
    yield lambda: read_history(folder)
    yield lambda: PopulationResults.open(folder).members_table()
    yield lambda: PopulationResults.open(folder).turns_table()
    yield lambda: PopulationResults.open(folder).curves()
    for part in ("population_table", "outcome_table"):
        yield lambda part=part: getattr(population_report, part)(folder)
    yield lambda: PopulationDriver(folder, Refusing(), sleep=lambda _: None).run()
    for member in range(3):
        yield lambda member=member: request_of(folder, member)


def request_of(folder, member):
    request = TurnRequest.load(folder.member(member).path)
    assert request.folder.resolve().is_relative_to(folder.path.resolve())
    TurnResult.of(request)


class Refusing(TurnsHere):
    def start(self, members):
        raise LfadsError("no turn is taken here")


@pytest.mark.filterwarnings("ignore")
@settings(look, max_examples=60)
@given(data=st.data())
def test_a_populations_files_of_any_content_are_used_or_refused_in_words(population, data):
    files = sorted(population.path.rglob("*.json"))
    path = data.draw(st.sampled_from(files))
    before = {p: p.read_bytes() for p in population.path.rglob("*") if p.is_file()}
    with written(path, data.draw(changes(json.loads(path.read_text())))):
        for at in looks(population):
            with contextlib.suppress(LfadsError):
                at()
        read_status(population)
    for p in population.path.rglob("*"):
        if p.is_file() and before.get(p) != p.read_bytes():
            p.write_bytes(before[p]) if p in before else p.unlink()


@look
@given(data=st.data())
def test_what_else_lies_in_a_run_may_be_anything(population, data):
    run = population.member(0)
    run.output.mkdir(exist_ok=True)
    files = {
        run.retraining_json: (
            {"schema": 1, "kind": "afresh", "more_epochs": 3, "begun": False, "before": {}},
            lambda: read_retraining(run),
        ),
        run.output / "more_epochs.json": (
            {"schema": 1, "epochs": 3, "first": 4}, lambda: MoreEpochs.read(run.output)
        ),
        run.verdict_json: ({"schema": 1, "figures": {}, "findings": []}, lambda: read_verdict(run)),
    }  # fmt: skip
    path, (content, read) = data.draw(st.sampled_from(sorted(files.items())))
    with written(path, data.draw(changes(content))), contextlib.suppress(LfadsError):
        read()


@pytest.mark.parametrize("where", ["../../elsewhere", "/etc", "..", "../link", "../../pbt_x/../.."])
def test_a_turn_copies_from_nowhere_outside_of_its_population(tmp_path, where):
    member = RunFolder(tmp_path / "pbt_x" / "000")
    member.path.mkdir(parents=True)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "pbt_x" / "link").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "pbt_x" / "001").mkdir()
    TurnRequest(member.path, 1, {}, 2, 2, tmp_path / "pbt_x" / "001", 1).save()
    assert TurnRequest.load(member.path).copy_from == tmp_path / "pbt_x" / "001"
    content = json.loads(member.turn_json.read_text())
    member.turn_json.write_text(json.dumps({**content, "copy_from": where}))
    with pytest.raises(RunFolderError, match="outside of its population's folder"):
        TurnRequest.load(member.path)
