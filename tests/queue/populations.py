"""Prepared populations of no data, for tests with the toy of `toy_turns`."""

from __future__ import annotations

from pathlib import Path

from lfads_nb.queue.status import RunState, RunStatus
from lfads_nb.sweep import Population, PopulationFolder, RunFolder, RunParams, Searched, SearchSpace
from lfads_nb.sweep.population_record import PopulationRecord
from lfads_nb.sweep.run_record import RunRecord
from lfads_nb.sweep.turns import TurnRequest
from tests.queue.toy_turns import toy_turn

TOY_SPACE = SearchSpace({"learning_rate_init": Searched(1e-5, 1e-1, step=0.8)})


def make_population(root, *, spec="one", **fields) -> PopulationFolder:
    base = RunParams(co_dim=0, learning_rate_init=1e-3)
    fields = {"members": 4, "epochs": 2, "generations": 3, "least_improvement": 0.0, **fields}
    population = Population(base, TOY_SPACE, **fields)
    folder = PopulationFolder(Path(root).resolve() / population.population_name / spec)
    for member in range(population.members):
        run = folder.member(member)
        run.input.mkdir(parents=True)
        RunRecord("toy", spec, base, ("ds",)).save(run)
    PopulationRecord("toy", spec, ("ds",), population, 10, 5, 1).save(folder)
    return folder


class TurnsHere:
    """Takes toy turns at once, in this very process."""

    def __init__(self):
        self.taken = []

    def start(self, members):
        for member in members:
            request = TurnRequest.load(member.path)
            self.taken.append((request.generation, member.path.name))
            toy_turn(request)

    def state(self, member: RunFolder) -> RunStatus:
        return RunStatus(RunState.DONE)


def tables_of(folder: PopulationFolder) -> dict[str, str]:
    paths = (folder.pbt_state, folder.gen_config, folder.exploits)
    return {path.name: path.read_text() for path in paths}
