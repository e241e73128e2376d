"""Whatever members can be judged by, a small population is trained and judged by it."""

import math

import numpy as np
import pytest

from lfads_nb.datasets import Counts, DatasetCollection, write_counts
from lfads_nb.datasets.behavior import Signal
from lfads_nb.errors import ParamsError
from lfads_nb.model import stages
from lfads_nb.model.compiled_models import CompiledModels
from lfads_nb.model.turns import take_turn
from lfads_nb.queue.population_driver import PopulationDriver, make_best
from lfads_nb.queue.status import RunState, RunStatus
from lfads_nb.results.fit_log import FitLog
from lfads_nb.results.population import PopulationResults
from lfads_nb.sweep import Population, RunCollection, RunParams, RunSpec
from lfads_nb.sweep.population_scores import SCORES
from lfads_nb.sweep.turns import TurnRequest

MEMBERS, GENERATIONS, EPOCHS = 3, 2, 3
BASE = RunParams(
    spike_bin_ms=1, batch_size=12, co_dim=0, factors_dim=2, gen_dim=4, ic_enc_dim=4, ic_dim=4,
    kl_increase_steps=3, l2_increase_steps=3, heldout_channels=2, forward_prediction_bins=2,
    sample_validation_rate=0.2, device="/cpu:0",
)  # fmt: skip


def counts_of(*, behavior=True):
    rng = np.random.default_rng(0)
    spikes = rng.poisson(2, (45, 10, 7))
    hand = np.cumsum(spikes[..., :2] - 2.0, axis=1)
    signals = {"hand": Signal(hand, unit="mm/s")} if behavior else {}
    return Counts.from_bins(spikes, 1.0, behavior=signals)


@pytest.fixture
def collection(tmp_path):
    for name, has in (("with.h5", True), ("without.h5", False)):
        write_counts(tmp_path / "data" / name, counts_of(behavior=has))
    datasets = DatasetCollection(tmp_path / "data")
    datasets.add("with.h5")
    datasets.add("without.h5")
    return RunCollection(tmp_path / "runs", "judged", datasets)


class TurnsHere:
    """Takes turns at once, in this process."""

    models = CompiledModels()

    def start(self, members):
        for member in members:
            take_turn(TurnRequest.load(member.path), models=self.models)

    def state(self, member):
        return RunStatus(RunState.DONE)


def population(score, **changes):
    return Population(
        BASE, members=MEMBERS, epochs=EPOCHS, generations=GENERATIONS, least_improvement=0.0,
        score=score, **changes,
    )  # fmt: skip


@pytest.mark.training
@pytest.mark.parametrize("score", list(SCORES))
def test_a_population_is_judged_by_what_was_asked_for(collection, score):
    collection.add_run_spec(RunSpec("one", collection.dataset_collection, [0]))
    collection.add_population(population(score))
    collection.prepare()
    (run,) = collection.population_runs
    PopulationDriver(run.folder, TurnsHere(), sleep=lambda _: None).run()
    history, measure = run.history(), SCORES[score]
    assert len(history) == GENERATIONS
    first = history[0]
    for member, turn in enumerate(first.turns):
        log = FitLog.read(run.folder.member(member).fit_log)
        values = log[measure.column or "recon_valid"][: first.epochs]
        np.testing.assert_allclose(turn.valid, values, rtol=1e-3)  # the log has four digits
        known = [v for v in values if math.isfinite(v)]
        assert len(known) == first.epochs // (EPOCHS if measure.every else 1)
        assert turn.score == pytest.approx(measure.smooth(None, turn.valid))
    assert len({turn.score for turn in first.turns}) == MEMBERS
    ranks = [measure.rank(turn.score) for turn in first.turns]
    best = int(np.argmax(ranks))
    assert first.best(run.population) == best
    sources = [turn.source for turn in history[1].turns]
    assert sources[best] is None
    assert all(s is None or ranks[s] > ranks[m] for m, s in enumerate(sources))
    found = PopulationResults.open(run)
    epochs, values = found.lineage_curve()
    assert np.isfinite(values).all()
    assert len(epochs) >= GENERATIONS


def test_decoding_needs_behaviour_and_says_so_before_anything_is_written(collection):
    collection.add_run_spec(RunSpec("bare", collection.dataset_collection, [1]))
    collection.add_population(population("r2_decoding"))
    with pytest.raises(ParamsError, match="needs behaviour with the data, and there is none"):
        collection.prepare()
    (run,) = collection.population_runs
    assert not run.folder.path.exists()


def test_epochs_without_a_figure_do_not_change_a_score():
    measure, nan = SCORES["r2_decoding"], math.nan
    assert measure.smooth(None, [nan, 0.2, nan, nan, 0.4]) == pytest.approx(0.3 * 0.2 + 0.7 * 0.4)
    assert measure.smooth(0.5, [nan]) == 0.5
    assert math.isnan(measure.smooth(None, [nan]))
    assert math.isnan(SCORES["co_bps"].smooth(0.5, [nan]))  # there it is a member that diverged


def test_a_turn_without_figures_is_called_as_before(tmp_path):
    asked = {
        "folder": tmp_path, "generation": 1, "settings": {"keep_prob": 0.5}, "first_epoch": 3,
        "epochs": 2, "copy_from": None, "seed": 7,
    }  # fmt: skip
    plain, often = TurnRequest(**asked), TurnRequest(**asked, metrics_every=5)
    assert plain.key == "b9b2a01a697a4380"
    assert often.key != plain.key
    often.save()
    assert TurnRequest.load(tmp_path) == often
    assert often.params(BASE).metrics_due_every == 5
    assert plain.params(BASE.copy(metrics_every=3)).metrics_due_every == 0


@pytest.mark.training
def test_stitched_sessions_are_one_population_and_its_winner_has_outputs_of_each(collection):
    datasets = collection.dataset_collection
    collection.add_run_spec(RunSpec("both", datasets, [0, 1]))
    collection.add_population(population("r2_decoding"))  # only one of the two has behaviour
    collection.prepare()
    (run,) = collection.population_runs
    PopulationDriver(run.folder, TurnsHere(), sleep=lambda _: None).run()
    best = make_best(run.folder, run.record)
    stages.export_weights(best, run.winner.params, run.spec.dataset_names)
    stages.sample_posterior(
        best, run.winner.params, run.spec.dataset_names, kind="posterior_push_mean"
    )
    for name in run.spec.dataset_names:
        found = run.winner.posterior_means(name, kind="posterior_push_mean")
        assert found.rates.shape == (45, 10, 7)
