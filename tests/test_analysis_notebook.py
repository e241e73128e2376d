"""`notebooks/analysis.ipynb` runs from top to bottom, on runs whose outputs need no training."""

from __future__ import annotations

import h5py
import nbformat
import numpy as np
import pytest
from nbclient import NotebookClient

from lfads_nb import DatasetCollection, RunCollection, RunParams, RunSpec, generate_demo_datasets
from lfads_nb.shipped_files import shipped_folder
from tests.results.conftest import fit_log_text  # noqa: F401

pytestmark = [pytest.mark.processes, pytest.mark.timeout(600)]

PARAMS = RunParams(
    spike_bin_ms=10, co_dim=1, batch_size=4, gen_dim=6, ic_enc_dim=5, ci_enc_dim=5, con_dim=5,
    ic_dim=4, num_samples_posterior=2, max_epochs=1,
)  # fmt: skip
NOTEBOOK = shipped_folder("notebooks") / "analysis.ipynb"


def write_outputs(run, rng):
    """Write what LFADS would have inferred, had it found nearly the truth."""
    params = run.params
    for dataset in run.spec.dataset_names:
        with h5py.File(run.folder.input_file(dataset)) as inputs:
            truths = {split: inputs[f"{split}_truth"][()] for split in ("train", "valid")}
        for split, truth in truths.items():
            n_trials, n_bins, _ = truth.shape
            per_bin = {"factors": params.factors_dim, "gen_states": params.gen_dim,
                       "controller_outputs": params.co_dim}  # fmt: skip
            arrays = {k: rng.normal(size=(n_trials, n_bins, n)) for k, n in per_bin.items()}
            arrays["output_dist_params"] = truth * np.exp(rng.normal(0, 0.2, truth.shape))
            for key in ("post_g0_mean", "post_g0_logvar", "prior_g0_mean", "prior_g0_logvar"):
                arrays[key] = rng.normal(size=(n_trials, params.ic_dim))
            with h5py.File(run.folder.posterior_means(dataset, split), "w") as file:
                for key, values in arrays.items():
                    file[key] = values


def write_weights(run):
    """Write the weights of an untrained model."""
    from lfads_nb.model.hyperparameters import write_hyperparameters
    from lfads_nb.model.inputs import describe, read_sessions
    from lfads_nb.model.lfads import Lfads
    from lfads_nb.model.weights import write_model_params

    sessions = read_sessions(run.folder, run.params, run.spec.dataset_names)
    model = Lfads(describe(run.params, sessions))
    write_model_params(run.folder.model_params, model.network, step=0, learning_rate=0.01)
    write_hyperparameters(
        run.folder, model.architecture, step=0, kind=run.params.posterior_mean_kind
    )


@pytest.fixture
def collection(tmp_path, fit_log_text):  # noqa: F811
    generate_demo_datasets(
        tmp_path / "datasets", n_datasets=2, n_conditions=4, trials_per_condition=(10, 10),
        channels=(6, 8), duration_ms=200,
    )  # fmt: skip
    dc = DatasetCollection(tmp_path / "datasets")
    dc.add_all("*.h5")
    rc = RunCollection(tmp_path / "runs", "quick", dc)
    rc.add_params(PARAMS.sweep(factors_dim=[2, 3]))
    rc.add_run_spec([RunSpec(dc[0].single_run_name, dc, [dc[0]]), RunSpec("both", dc, list(dc))])
    rc.prepare()
    rng = np.random.default_rng(0)
    for run in rc:
        run.folder.output.mkdir(exist_ok=True)
        write_outputs(run, rng)
        write_weights(run)
        run.folder.fit_log.write_text(fit_log_text())
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("# The run")])
        nbformat.write(notebook, run.folder.notebook)
        run.folder.done.touch()
    return rc


def text_of(notebook):
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    return "\n".join(o.get("text", "") or o.get("data", {}).get("text/plain", "") for o in outputs)


def test_the_analysis_runs_from_top_to_bottom(collection, monkeypatch):
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "2")
    folder = collection.root.parent
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    NotebookClient(notebook, timeout=500, resources={"metadata": {"path": str(folder)}}).execute()
    text = text_of(notebook)
    assert "R² against the true rates: LFADS 0.9" in text
    assert "rates of all neurons in all trials: (80, 20," in text
    pictures = sum("image/png" in output.get("data", {}) for c in notebook.cells
                   for output in c.get("outputs", []))  # fmt: skip
    assert pictures == 7
    endings = {path.suffix for path in (folder / "exports").rglob("*") if path.is_file()}
    assert {".h5", ".png", ".svg", ".html"} <= endings
