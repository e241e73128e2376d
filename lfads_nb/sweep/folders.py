"""Where every file of a collection and of a run lies; no other module spells these names.

The names and places are those of the run manager and of the original LFADS (files_on_disk.md 5.1),
so that their folders open here and ours open there.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from lfads_nb.errors import RunFolderError

Split = Literal["train", "valid", "test"]
PosteriorKind = Literal["posterior_sample_and_average", "posterior_push_mean"]


@dataclass(frozen=True)
class CollectionFolder:
    """The folder of a run collection."""

    path: Path

    @property
    def json(self) -> Path:
        """The whole collection, enough to open it again without any script."""
        return self.path / "collection.json"

    @property
    def summary(self) -> Path:
        """Everything in words."""
        return self.path / "summary.txt"

    @property
    def jobs(self) -> Path:
        """What was submitted to a cluster's scheduler, and what its jobs printed."""
        return self.path / "jobs"

    @property
    def tensorboard_script(self) -> Path:
        return self.path / "launch_tensorboard.sh"

    def data(self, data_name: str, spec_name: str) -> Path:
        """Folder of the prepared inputs that all runs with the same data hash share."""
        return self.path / data_name / spec_name

    def run(self, param_name: str, spec_name: str) -> RunFolder:
        return RunFolder(self.path / param_name / spec_name)

    def population(self, population_name: str, spec_name: str) -> PopulationFolder:
        return PopulationFolder(self.path / population_name / spec_name)


@dataclass(frozen=True)
class RunFolder:
    """The folder of one run. Its files are the only thing that processes share."""

    path: Path

    @property
    def run_json(self) -> Path:
        """What the run is: its parameters, datasets and hashes."""
        return self.path / "run.json"

    @property
    def notebook(self) -> Path:
        """The rendered, then executed notebook: the report."""
        return self.path / "run.ipynb"

    @property
    def status_json(self) -> Path:
        return self.path / "status.json"

    @property
    def log(self) -> Path:
        return self.path / "lfads.out"

    @property
    def decoding_json(self) -> Path:
        """What was decoded of it, and how well."""
        return self.path / "decoding.json"

    @property
    def verdict_json(self) -> Path:
        """What the run's figures say of it, in words."""
        return self.path / "verdict.json"

    @property
    def provenance_json(self) -> Path:
        """With what it was trained: versions, machine, commit, checksums of its inputs."""
        return self.path / "provenance.json"

    @property
    def done(self) -> Path:
        """There only when every stage has ended well."""
        return self.path / "lfads.done"

    @property
    def halving_json(self) -> Path:
        """By what rule a run of a sweep may be stopped early, and beside which others."""
        return self.path / "halving.json"

    @property
    def rungs_json(self) -> Path:
        """What was decided of it by that rule; beside its checkpoints, and goes where they go."""
        return self.output / "rungs.json"

    @property
    def turn_json(self) -> Path:
        """What a population's member is to do next."""
        return self.path / "turn.json"

    @property
    def turn_result_json(self) -> Path:
        """What came of it, once it is whole."""
        return self.path / "turn_result.json"

    @property
    def train_script(self) -> Path:
        return self.path / "lfads_train.sh"

    @property
    def input(self) -> Path:
        return self.path / "lfadsInput"

    @property
    def output(self) -> Path:
        return self.path / "lfadsOutput"

    def check_output(self) -> None:
        """See that what is written into `lfadsOutput` is not another run's.

        It may be a link to another disk; a folder that was received may have any link.

        Raises
        ------
        RunFolderError
            It leads to the outputs of another run.
        """
        other = os.path.dirname(os.path.realpath(self.output))
        if other != os.path.realpath(self.path) and os.path.exists(f"{other}/run.json"):
            raise RunFolderError(
                f"{self.output} is a link to the outputs of another run ({other}), which would be "
                "overwritten: remove the link, or make it one to a folder of its own"
            )

    @property
    def retraining_json(self) -> Path:
        """What was asked of a run that was done: to train afresh, or with more epochs."""
        return self.path / "retraining.json"

    @property
    def earlier_output(self) -> Path:
        """What the training before left, while a run that was done is trained again."""
        return self.path / "lfadsOutput_before"

    @property
    def earlier_notebook(self) -> Path:
        """The report on that."""
        return self.path / "run_before.ipynb"

    def input_file(self, dataset: str) -> Path:
        return self.input / input_file_name(dataset)

    def input_info(self, dataset: str) -> Path:
        return self.input / input_info_name(dataset)

    @property
    def fit_log(self) -> Path:
        return self.output / "fitlog.csv"

    @property
    def preview(self) -> Path:
        """A few validation trials as the model sees them, while it trains."""
        return self.output / "preview.h5"

    def hyperparameters(self, step: int = 0) -> Path:
        return self.output / f"hyperparameters-{step}.txt"

    @property
    def model_params(self) -> Path:
        """The trained weights, by the original's variable names."""
        return self.output / "model_params"

    @property
    def tensorboard(self) -> Path:
        return self.output / "lfads_log"

    def posterior_means(
        self, dataset: str, split: Split, kind: PosteriorKind = "posterior_sample_and_average"
    ) -> Path:
        return self.output / f"model_runs_{dataset}.h5_{split}_{kind}"

    @property
    def lacks_outputs(self) -> bool:
        """Whether a run of ours that is done has no file of rates, or none of weights.

        By one look at its folder of outputs; False if nobody can tell.
        """
        if not self.run_json.exists():
            return False
        try:
            names = os.listdir(self.output)
        except FileNotFoundError:
            return True
        except OSError:
            return False
        has_rates = any(name.startswith("model_runs_") and ".h5_" in name for name in names)
        return not (has_rates and self.model_params.name in names)

    @property
    def prior_samples(self) -> Path:
        return self.output / "model_runs_prior_sample"

    @property
    def export(self) -> Path:
        return self.path / "export"


@dataclass(frozen=True)
class PopulationFolder(RunFolder):
    """The folder of a population: status and log as a run's, its members and its winner within."""

    @property
    def population_json(self) -> Path:
        """What the population is: base setting, search space, seed and rule."""
        return self.path / "population.json"

    @property
    def notebook(self) -> Path:
        """Its report."""
        return self.path / "population.ipynb"

    @property
    def generations(self) -> Path:
        """What was decided for each generation and what came of it, one file for each."""
        return self.path / "generations"

    def generation(self, number: int) -> Path:
        return self.generations / f"{number:04d}.json"

    @property
    def pbt_state(self) -> Path:
        """A line for each generation: best score, improvement, cost (AutoLFADS' table)."""
        return self.path / "pbt_state.csv"

    @property
    def gen_config(self) -> Path:
        """Every member's values in every generation (AutoLFADS' table)."""
        return self.path / "gen_config.csv"

    @property
    def exploits(self) -> Path:
        """Who was overwritten by whom (AutoLFADS' table)."""
        return self.path / "exploits.csv"

    def member(self, number: int) -> RunFolder:
        return RunFolder(self.path / f"member_{number:02d}")

    @property
    def best(self) -> RunFolder:
        """The winner, an ordinary run."""
        return RunFolder(self.path / "best")


def is_member(run: RunFolder) -> bool:
    """Whether a run is a member of a population; its winner is a run of its own."""
    return _is_of_population(run) and not is_winner(run)


def is_winner(run: RunFolder) -> bool:
    """Whether a run is the winner of a population."""
    best = PopulationFolder(run.path.absolute().parent).best
    return _is_of_population(run) and run.path.name == best.path.name


def _is_of_population(run: RunFolder) -> bool:
    return PopulationFolder(run.path.absolute().parent).population_json.exists()


def input_file_name(dataset: str) -> str:
    """Name of the spikes that LFADS reads."""
    return f"lfads_{dataset}.h5"


def input_info_name(dataset: str) -> str:
    """Name of what is known about those spikes beside them."""
    return f"inputInfo_{dataset}.mat"
