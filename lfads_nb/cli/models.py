"""Commands that use trained models."""

from __future__ import annotations

import os
from enum import Enum
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from lfads_nb.atomic_files import write_text
from lfads_nb.cli.choosing import run_of_folder
from lfads_nb.cli.terminal import console, escape


class Kind(str, Enum):
    """Kinds of posterior means, as the original names them."""

    posterior_sample_and_average = "posterior_sample_and_average"
    posterior_push_mean = "posterior_push_mean"


def sample(
    run_dir: Annotated[Path, typer.Argument(help="A trained run's folder, ours or TF1's.")],
    kind: Annotated[Kind, typer.Option(help="How.")] = Kind.posterior_sample_and_average,
    samples: Annotated[
        int | None, typer.Option(min=1, help="Samples per trial; by default the run's.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option(help="Another folder for the model_runs_* files.")
    ] = None,
) -> None:
    """Make posterior means from a trained model's weights."""
    _prepare_tensorflow()
    from lfads_nb.model.stages import sample_folder

    for path in sample_folder(run_dir, kind=kind.value, n_samples=samples, output=output):
        console.print(escape(str(path)), highlight=False, soft_wrap=True)


def prior(
    run_dir: Annotated[Path, typer.Argument(help="A trained run's folder.")],
    samples: Annotated[
        int | None, typer.Option(min=1, help="How many; by default as many as for posteriors.")
    ] = None,
) -> None:
    """Draw samples from a trained run's prior: what the model makes up without data."""
    _prepare_tensorflow()
    run = run_of_folder(run_dir)
    drawn = run.prior_samples(samples)
    for name, array in drawn.items():
        console.print(f"{name} {array.shape}", highlight=False, soft_wrap=True)
    console.print(escape(str(run.folder.prior_samples)), highlight=False, soft_wrap=True)


def infer(
    run_dir: Annotated[Path, typer.Argument(help="A trained run's folder.")],
    data: Annotated[
        str,
        typer.Argument(
            help="A file of trials or a recording of the same channels, or the name of one of the "
            "collection's datasets."
        ),
    ],
    out: Annotated[
        Path | None, typer.Option(help="Where to write; by default applied/ in the run's folder.")
    ] = None,
    session: Annotated[
        str | None, typer.Option(help="Whose read-in and read-out to use, of a stitched run.")
    ] = None,
    kind: Annotated[Kind | None, typer.Option(help="How; by default the run's own way.")] = None,
    samples: Annotated[
        int | None, typer.Option(min=1, help="Samples per trial; by default the run's.")
    ] = None,
) -> None:
    """Apply a trained run to other data; viewers open what it writes like a run."""
    from lfads_nb.datasets import Dataset

    _prepare_tensorflow()
    run = run_of_folder(run_dir)
    named = {dataset.name: dataset for dataset in run.spec.dataset_collection}
    chosen = named[data] if data in named and not Path(data).exists() else Dataset(None, data)
    applied = run.apply(
        chosen, session=session, folder=out, kind=None if kind is None else kind.value,
        n_samples=samples,
    )  # fmt: skip
    console.print(escape(str(applied.folder.path)), highlight=False, soft_wrap=True)


def decode(
    run_dir: Annotated[Path, typer.Argument(help="A trained run's folder.")],
    target: Annotated[
        str, typer.Argument(help="A behavioural signal, condition, or a trial column.")
    ],
    dataset: Annotated[str | None, typer.Option(help="Which session of a stitched run.")] = None,
    source: Annotated[
        list[str] | None,
        typer.Option(help="What from, such as rates or factors; all by default. Repeatable."),
    ] = None,
    lag: Annotated[
        float | None, typer.Option(help="By how many ms the signal comes later; else searched.")
    ] = None,
    judge_by: Annotated[
        str, typer.Option(help="valid or test trials, or folds of all trials.")
    ] = "valid",
    leave_out: Annotated[
        str | None, typer.Option(help="Leave out each group of a trial column in turn.")
    ] = None,
    permutations: Annotated[int, typer.Option(help="How often chance is drawn.", min=0)] = 20,
    csv: Annotated[Path | None, typer.Option(help="Write the table here, too.")] = None,
) -> None:
    """Decode behaviour or conditions from a run's rates, factors, inputs, and its spikes."""
    from lfads_nb.results.decoding import describe_result
    from lfads_nb.results.decoding.record import decode_folder

    result = decode_folder(
        run_dir, target, dataset=dataset, sources=source, lag_ms="search" if lag is None else lag,
        evaluate=judge_by, groups=leave_out, n_permutations=permutations,
    )  # fmt: skip
    frame = result.table()
    table = Table("from", *map(str, frame.columns))
    for name, row in zip(frame.index, frame.itertuples(index=False), strict=True):
        table.add_row(str(name), *(f"{v:.3f}" if isinstance(v, float) else str(v) for v in row))
    console.print(table)
    for note in (describe_result(result), *getattr(result, "notes", ())):
        console.print(escape(note), highlight=False, soft_wrap=True)
    if csv is not None:
        write_text(csv, frame.to_csv())
        console.print(escape(str(csv)), highlight=False, soft_wrap=True)


def nlb(
    run_dir: Annotated[Path, typer.Argument(help="A trained run's folder.")],
    dataset: Annotated[
        str | None, typer.Option(help="Such as mc_maze; by default what its session says.")
    ] = None,
    file: Annotated[
        Path | None, typer.Option(help="The benchmark's NWB file; by default the dataset's.")
    ] = None,
    test_file: Annotated[
        Path | None, typer.Option(help="The file with the test trials, for the server alone.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option(help="Where to write; by default nlb/ in the run's folder.")
    ] = None,
) -> None:
    """Write a run's submission to the Neural Latents Benchmark, and score it."""
    from lfads_nb.nlb import score_run
    from lfads_nb.nlb.run_scores import describe_scores

    result = score_run(
        run_of_folder(run_dir), dataset=dataset, path=file, test_path=test_file, folder=output
    )
    if result.scores:
        table = Table("split", "score", "")
        for split, name, value in describe_scores(result.scores):
            table.add_row(split, name, f"{value:.4f}")
        console.print(table)
    else:
        console.print("The benchmark keeps the truth of its test trials: nothing to score here.")
    console.print(escape(str(result.submission)), highlight=False, soft_wrap=True)


def _prepare_tensorflow() -> None:
    """Give TensorFlow the threads and the quiet that a run has, before it is imported."""
    from lfads_nb.cores import usable_cores
    from lfads_nb.queue.devices import run_environment

    # Level 3: TensorFlow takes a machine without a GPU for an error. What the user set stands.
    ours = {**run_environment(None, threads=usable_cores()), "TF_CPP_MIN_LOG_LEVEL": "3"}
    os.environ.update({**ours, **os.environ})
