import json
import logging
from dataclasses import replace

import pytest

from lfads_nb.errors import CollectionError, ParamsError, RunFolderError
from lfads_nb.sweep import Population, PopulationFolder, RunCollection, RunParams, autolfads_space
from lfads_nb.sweep.population import ramp_epochs
from lfads_nb.sweep.population_history import (
    Generation,
    MemberTurn,
    ancestry,
    end_reason,
    next_generation,
    read_history,
    turn_request,
    write_tables,
)
from lfads_nb.sweep.population_record import PopulationRecord

BASE = RunParams(spike_bin_ms=4, batch_size=3, co_dim=0, kl_increase_steps=20, l2_increase_steps=5)
SMALL = Population(BASE, members=3, epochs=2, generations=4)


def record(population=SMALL, **changes):
    fields = {"n_bins": 10, "n_channels": 5, "ramp_epochs": 4, **changes}
    return PopulationRecord("c", "one", ("ds",), population, **fields)


def ended(generation, *scores):
    turns = [
        replace(turn, score=score, valid=(score, score), diverged=score != score, seconds=1.0)
        for turn, score in zip(generation.turns, scores, strict=True)
    ]
    return replace(generation, turns=tuple(turns))


def test_a_population_is_named_by_what_it_is():
    assert Population(BASE, name="a label").hash == Population(BASE).hash
    others = [
        Population(BASE.copy(gen_dim=7)), Population(BASE, seed=1), Population(BASE, members=21),
        Population(BASE, rule="pairs"), Population(BASE, autolfads_space().copy(keep_prob=None)),
        Population(BASE, autolfads_space().change("kl_ic_weight", high=1e-2)),
    ]  # fmt: skip
    assert len({p.hash for p in [Population(BASE), *others]}) == 7
    for population in others:
        assert Population.from_json(json.loads(json.dumps(population.to_json()))) == population


def test_published_names_stand():
    """Folders of earlier versions are found by this name."""
    assert Population(RunParams()).population_name == "pbt_4FsUo-"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"members": 1}, "members.*at least 2"),
        ({"epochs": 0}, "epochs"),
        ({"rule": "best"}, "one_way, pairs"),
        ({"score": "r2"}, "recon, co_bps"),
        ({"score": "co_bps"}, "heldout_channels"),
    ],
)
def test_wrong_populations_are_refused(changes, words):
    with pytest.raises(ParamsError, match=words):
        Population(BASE, **changes)


@pytest.mark.parametrize(
    "changes",
    [{"members": 2}, {"seed": 0}, {"epochs": 1}, {"generations": 1}, {"patience": 2},
     {"least_improvement": 0.0}],
)  # fmt: skip
def test_the_smallest_populations_are_allowed(changes):
    ((name, value),) = changes.items()
    assert getattr(Population(BASE, **changes), name) == value


def test_what_is_not_said_is_as_autolfads_does_it():
    plain = Population(BASE)
    assert (plain.members, plain.epochs, plain.generations) == (20, 25, 50)
    assert (plain.patience, plain.least_improvement) == (4, 5e-4)
    assert (plain.rule, plain.score, plain.seed, plain.name) == ("one_way", "recon", 0, "")
    assert plain.space == autolfads_space()


def test_a_population_says_in_a_line_what_it_will_do_and_for_how_long():
    assert SMALL.describe().startswith(
        "3 members x up to 4 generations of 2 epochs, searching learning_rate_init, "
    )
    assert SMALL.describe().endswith(f"; base: {BASE.differences_text()}")
    assert SMALL.first_epochs(5) == 2 + 5
    assert SMALL.epochs_at_most(5) == 5 + 4 * 2


def test_populations_can_be_swept():
    assert [p.base.factors_dim for p in SMALL.sweep(factors_dim=[4, 8])] == [4, 8]


def test_the_first_generation_lasts_the_ramps_in_addition():
    assert ramp_epochs(BASE, [16]) == 4  # 20 steps, 6 an epoch
    assert ramp_epochs(BASE, [16, 16]) == 4  # twice the steps, twice as many an epoch
    assert ramp_epochs(BASE, [3]) == 20  # one an epoch
    late = BASE.copy(l2_start_step=10, l2_increase_steps=30)
    assert ramp_epochs(late, [16]) == 7  # 40 steps until the last ramp has ended
    first = next_generation(record(), [])
    assert (first.first_epoch, first.epochs, first.number) == (0, 6, 0)
    second = next_generation(record(), [ended(first, 3.0, 1.0, 2.0)])
    assert (second.first_epoch, second.epochs, second.number) == (6, 2, 1)
    assert all(turn.source is None for turn in first.turns)


def test_generations_are_kept_and_tabled(tmp_path):
    folder = PopulationFolder(tmp_path / "pbt")
    history = [ended(next_generation(record(), []), 3.0, float("nan"), 2.0)]
    history.append(ended(next_generation(record(), history), 2.5, 1.5, 1.75))
    history.append(next_generation(record(), history))
    for generation in history:
        generation.save(folder)
    again = read_history(folder)
    assert again[1:] == history[1:]
    assert [g.is_whole for g in again] == [True, True, False]
    write_tables(folder, record(), again)
    states = folder.pbt_state.read_text().splitlines()
    assert states[0] == "generation,best_score,percent_improvement,duration_sec,epoch"
    assert states[1:] == ["0,2.0,,3.0,6", "1,1.5,,3.0,8"]
    exploits = folder.exploits.read_text().splitlines()
    assert exploits[0] == "generation,old_trial,new_trial,old_score,new_score"
    assert exploits[1].split(",")[1] in "01"
    names = folder.gen_config.read_text().splitlines()[0].split(",")
    assert names[:3] == ["generation", "trial_id", "learning_rate_init"]
    assert len(folder.gen_config.read_text().splitlines()) == 1 + 3 * 3

    folder.generation(1).write_text('{"schema": 1}')
    with pytest.raises(RunFolderError, match="cannot be used"):
        read_history(folder)


def test_turns_copy_from_the_source_after_the_same_epochs(tmp_path):
    folder = PopulationFolder(tmp_path / "pbt")
    first = ended(next_generation(record(), []), float("nan"), 1.0, float("nan"))
    second = next_generation(record(), [first])
    request = turn_request(folder, record(), second, 0)
    assert request.copy_from == folder.member(1).path
    assert (request.first_epoch, request.epochs, request.generation) == (6, 2, 1)
    assert turn_request(folder, record(), second, 1).copy_from is None
    seeds = {turn_request(folder, record(), second, m).seed for m in range(3)}
    assert len(seeds) == 3


def test_the_search_ends_in_words():
    history = []
    for _ in range(4):
        assert end_reason(SMALL, history) == ""
        history.append(ended(next_generation(record(), history), 3.0 - len(history), 9.0, 9.0))
    assert end_reason(SMALL, history) == "4 generations are trained"
    still = [ended(g, 3.0, 9.0, 9.0) for g in history]
    assert "rose by at most 0.05%" in end_reason(replace(SMALL, generations=9), still)


def test_ancestry_is_followed_through_the_copies():
    def generation(number, *sources):
        turns = tuple(MemberTurn({}, source, score=1.0) for source in sources)
        return Generation(number, number, 1, turns)

    history = [
        generation(0, None, None, None), generation(1, 1, None, None), generation(2, None, 0, 0)
    ]  # fmt: skip
    assert ancestry(history, 2) == [1, 0, 2]
    assert ancestry(history, 0) == [1, 0, 0]


def test_a_collection_prepares_populations_for_every_spec_and_opens_them_again(collection, caplog):
    collection.clear_params()
    collection.add_population(SMALL)
    collection.prepare()
    one, stitched = collection.population_runs
    assert one.name == f"single_dataset001__{SMALL.population_name}"
    assert one.record.n_bins == 10
    assert one.record.n_channels == 5
    assert stitched.record.n_channels == 6
    assert one.record.space["kl_ic_weight"].high == pytest.approx(1e-3 * 10 * 5)
    assert stitched.record.ramp_epochs == one.record.ramp_epochs == 4
    for member in one.members:
        assert member.is_prepared
        assert member.folder.input_file("dataset001").resolve().parent == one.data_folder
    assert one.winner is None
    assert collection.runs == []
    again = RunCollection.load(collection.path)
    assert again.populations == [SMALL]
    assert again.find_population_run("all", SMALL.hash).name == stitched.name
    with pytest.raises(CollectionError, match="it has pbt_"):
        again.find_population_run("all", "pbt_nope")
    with caplog.at_level(logging.WARNING):
        again.add_population(replace(SMALL, name="again"))
    assert "replaces" in caplog.text
    assert again.populations[0].name == "again"


def test_an_old_collection_without_populations_opens(collection):
    collection.prepare()
    content = json.loads(collection.folder.json.read_text())
    del content["populations"]
    collection.folder.json.write_text(json.dumps(content))
    assert RunCollection.load(collection.path).populations == []
