"""`lfads-nb`: the same bench in a terminal.

Every command is a few lines around the public API; errors that the package raises on purpose are
shown as one message, without a traceback.
"""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from collections.abc import Callable
from enum import Enum
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.logging import RichHandler
from rich.markup import escape as escape_markup
from rich.table import Table

from lfads_nb.atomic_files import write_text
from lfads_nb.errors import LfadsError, QueueError, RunFolderError
from lfads_nb.plain_text import PlainFormatter, plain_text
from lfads_nb.python_commands import module_command
from lfads_nb.state_home import state_home

if TYPE_CHECKING:
    from lfads_nb.queue import Queue
    from lfads_nb.sweep import Run, RunCollection, RunSpec
    from lfads_nb.sweep.population import Population


def escape(text: str) -> str:
    """Return text as it is to be shown: neither markup nor anything that a terminal obeys."""
    return escape_markup(plain_text(text))


program = typer.Typer(
    help="LFADS sweeps from the terminal; `lfads-nb demo` shows all of it in minutes.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
console = Console()


RunNames = Annotated[
    list[str] | None,
    typer.Argument(help="Runs by name, run spec or setting (param_XXXXXX); by default all."),
]


class Kind(str, Enum):
    """Kinds of posterior means, as the original names them."""

    posterior_sample_and_average = "posterior_sample_and_average"
    posterior_push_mean = "posterior_push_mean"


def command(function: Callable[..., Any]) -> Callable[..., Any]:
    """Register a command; what the package raises on purpose becomes one line and exit code 1."""

    @wraps(function)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except LfadsError as error:
            _complain(error)
            raise typer.Exit(1) from None

    return program.command()(guarded)


def _complain(error: LfadsError) -> None:
    message = f"[bold red]Error:[/] {escape(str(error))}"
    Console(stderr=True).print(message, highlight=False, soft_wrap=True)


@program.callback()
def main(
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Say more.")] = False,
) -> None:
    handler = RichHandler(console=Console(stderr=True), show_path=False, markup=False)
    handler.setFormatter(PlainFormatter("%(message)s"))
    logging.basicConfig(level=logging.INFO if verbose else logging.WARNING, handlers=[handler])


@command
def demo(
    folder: Annotated[Path, typer.Argument(help="Where to put it.")] = Path("lfads_demo"),
    full: Annotated[
        bool,
        typer.Option("--full", help="The published settings: 2 ms bins, no epoch cap (hours)."),
    ] = False,
) -> None:
    """Run the quick example: demo spikes, four settings, four trained models, rates loaded."""
    from lfads_nb.demo import make_demo

    with console.status("Making the Lorenz datasets and preparing the runs"):
        collection = make_demo(folder, full=full)
    console.print(escape(repr(collection)), highlight=False)
    collection.launch().wait()
    show_results(collection)
    console.print(
        f"\nLook at the rates:  [bold]{escape(_own_name())} lab {escape(str(folder))}[/]",
        highlight=False, soft_wrap=True,
    )  # fmt: skip
    if not all(run.is_done for run in collection):
        raise typer.Exit(1)


@command
def run(
    run_dir: Annotated[Path, typer.Argument(help="A prepared run's folder.")],
    device: Annotated[
        str, typer.Option(help="'cpu', or a GPU by number or UUID; by default what is free.")
    ] = "",
) -> None:
    """Execute one run here and now, and wait for its end (for schedulers of your own)."""
    from lfads_nb.queue import run_here
    from lfads_nb.queue.run_lock import RunIsTakenError
    from lfads_nb.queue.runner import EXIT_TAKEN

    try:
        raise typer.Exit(run_here(run_dir, device=device or None))
    except RunIsTakenError as error:
        _complain(error)
        raise typer.Exit(EXIT_TAKEN) from None


@command
def queue(
    collection_dir: Annotated[Path, typer.Argument(help="A collection's folder.")],
    rerun: Annotated[bool, typer.Option(help="Train runs that are done afresh.")] = False,
    more_epochs: Annotated[
        int, typer.Option(min=0, help="Go on with runs that are done, for so many epochs.")
    ] = 0,
    detach: Annotated[bool, typer.Option(help="Do not wait for the end.")] = False,
    max_simultaneous: Annotated[
        int | None, typer.Option(min=1, help="Runs at once at most, over all devices.")
    ] = None,
    gpu: Annotated[
        list[int] | None, typer.Option(help="Use this GPU (by number); can be given repeatedly.")
    ] = None,
    share_gpus: Annotated[
        bool, typer.Option("--share-gpus", help="Several runs on a GPU, as many as fit.")
    ] = False,
    memory: Annotated[
        float | None, typer.Option(help="MiB that must be free for a run; by default estimated.")
    ] = None,
    sample_only: Annotated[
        bool, typer.Option("--sample-only", help="Make posterior means anew, without training.")
    ] = False,
    pack: Annotated[
        str,
        typer.Option(
            help="Runs of equal shapes train as one program on JAX: auto (on a GPU), no, or how "
            "many at most."
        ),
    ] = "auto",
    priority: Annotated[int, typer.Option(help="Higher ones start first.")] = 0,
    retries: Annotated[int, typer.Option(min=0, help="How often to try a failed run again.")] = 0,
    cluster: Annotated[
        str | None, typer.Option(help="Address of another dask scheduler to run on.")
    ] = None,
    insecure: Annotated[
        bool,
        typer.Option("--insecure", help="Use a cluster without TLS: who reaches it can be you."),
    ] = False,
) -> None:
    """Queue every run of a collection that is not done, and show their progress.

    Ctrl-C ends the showing and not the runs.
    """
    from lfads_nb.sweep import RunCollection

    _ask_for_trust(collection_dir)
    collection = RunCollection.load(collection_dir)
    collection.prepare()
    _print_advice(collection)
    launched = collection.launch(
        rerun=rerun,
        more_epochs=more_epochs,
        max_tasks_simultaneously=max_simultaneous,
        gpu_list=gpu or None,
        one_task_per_gpu=not share_gpus,
        gpu_memory_required=memory,
        mode="posterior_mean_only" if sample_only else "all",
        pack={"no": False}.get(pack, int(pack) if pack.isdecimal() else pack),
        priority=priority,
        retries=retries,
        cluster=cluster,
        insecure=insecure,
    )
    if detach:
        return
    try:
        launched.wait()
    except KeyboardInterrupt:
        console.print("The runs go on; see how far with the command status.")
        raise typer.Exit(130) from None
    show_results(collection)
    if not all(run.is_done for run in collection):
        raise typer.Exit(1)


@command
def slurm(
    collection_dir: Annotated[Path, typer.Argument(help="A collection's folder.")],
    runs: RunNames = None,
    partition: Annotated[str, typer.Option(help="Where to run.")] = "",
    account: Annotated[str, typer.Option(help="Who is charged.")] = "",
    qos: Annotated[str, typer.Option(help="Quality of service.")] = "",
    constraint: Annotated[str, typer.Option(help="Features that a node must have.")] = "",
    time: Annotated[
        str, typer.Option(help="Of a job, such as 4:00:00; a run goes on in the next.")
    ] = "",
    gres: Annotated[str, typer.Option(help="Such as gpu:1.")] = "",
    cpus: Annotated[int | None, typer.Option(min=1, help="Cores of a run.")] = None,
    mem: Annotated[str, typer.Option(help="Memory of a run, such as 16G.")] = "",
    array_limit: Annotated[int | None, typer.Option(min=1, help="Jobs at once at most.")] = None,
    requeue: Annotated[
        bool, typer.Option(help="Queue a job again that is preempted or out of time.")
    ] = True,
    rerun: Annotated[bool, typer.Option(help="Train runs that are done afresh.")] = False,
    sample_only: Annotated[
        bool, typer.Option("--sample-only", help="Make posterior means anew, without training.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the script, and do nothing.")
    ] = False,
) -> None:
    """Submit what is neither done nor queued to SLURM, as one job array.

    Nothing goes on running here; see how far with the command status.
    """
    from lfads_nb.queue.slurm.settings import Slurm

    asked = Slurm(partition, account, qos, constraint, time, gres, cpus, mem, array_limit, requeue)
    if not dry_run:
        from lfads_nb.sweep import RunCollection

        _ask_for_trust(collection_dir)
        RunCollection.load(collection_dir).prepare()
    found = _queue_of(collection_dir, runs).submit(
        asked, dry_run=dry_run, rerun=rerun, mode="posterior_mean_only" if sample_only else "all"
    )
    if dry_run:
        sys.stdout.write("\n".join(found.scripts))
    for path, why in found.left_alone.items():
        # a script that is printed must be nothing but a script
        Console(stderr=True).print(escape(f"{path} {why}"), highlight=False, soft_wrap=True)
    if dry_run:
        return
    if not found.runs:
        console.print("Nothing to submit: every run is done or queued.")
    for job in found.jobs:
        console.print(f"Submitted batch job {job}.", highlight=False)
    if found.jobs:
        folder = escape(str(collection_dir))
        console.print(
            f"{len(found.runs)} runs; see `{escape(_own_name())} status {folder}`, and jobs/ there",
            highlight=False, soft_wrap=True,
        )  # fmt: skip


def _print_advice(collection: RunCollection) -> None:
    """Say what experience says about the settings that are launched, each piece once."""
    told = {a.sentence: None for advice in collection.advice().values() for a in advice}
    for sentence in told:
        console.print(escape(f"Advice: {sentence}."))


@command
def autolfads(
    collection_dir: Annotated[
        Path, typer.Argument(help="A collection's folder; each of its run specs gets a population.")
    ],
    bin_ms: Annotated[
        float | None, typer.Option(help="Bin width; by default the data's, but at least 5 ms.")
    ] = None,
    controller: Annotated[
        bool, typer.Option(help="With inferred inputs (a controller) or without.")
    ] = True,
    members: Annotated[int, typer.Option(min=2, help="Models side by side.")] = 20,
    epochs: Annotated[int, typer.Option(min=1, help="Epochs of a generation.")] = 25,
    generations: Annotated[int, typer.Option(min=1, help="At most.")] = 50,
    patience: Annotated[
        int, typer.Option(min=2, help="Generations without progress that end the search.")
    ] = 4,
    seed: Annotated[int, typer.Option(min=0, help="Of all draws.")] = 0,
    score: Annotated[
        str, typer.Option(help="What members are judged by: recon, co_bps, fp_bps, ...")
    ] = "recon",
    rule: Annotated[str, typer.Option(help="one_way (AutoLFADS) or pairs (lfads-torch).")] = (
        "one_way"
    ),
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be searched, and do nothing.")
    ] = False,
    detach: Annotated[bool, typer.Option(help="Do not wait for the end.")] = False,
) -> None:
    """Find the setting: train a population whose members learn from each other (AutoLFADS).

    What is not searched (factors, units, batch, ramps) starts from the data. Called again, it goes
    on where it was.
    """
    from lfads_nb.sweep import RunCollection
    from lfads_nb.sweep.population import Population
    from lfads_nb.sweep.starting_points import starting_point

    _ask_for_trust(collection_dir)
    collection = RunCollection.load(collection_dir)
    if not collection.run_specs:
        raise RunFolderError(f"{collection_dir} has no run specs: make one in the bench's Runs tab")
    chosen: dict[str, Any] = {} if controller else {"co_dim": 0}
    base, reasons = starting_point(
        [dataset.info for dataset in collection.run_specs[0].datasets],
        spike_bin_ms=bin_ms,
        **chosen,
    )
    population = Population(
        base, members=members, seed=seed, epochs=epochs, generations=generations,
        patience=patience, rule=rule, score=score,  # type: ignore[arg-type]
    )  # fmt: skip
    console.print(escape(population.describe()), soft_wrap=True)
    for name, why in reasons.items():
        console.print(f"  {name} {getattr(base, name):g}: {escape(why)}", soft_wrap=True)
    for spec in collection.run_specs:
        console.print(escape(f"  {spec.name}: {_population_cost(population, spec)}"))
    if dry_run:
        return
    collection.add_population(population)
    collection.save()
    runs = [run for run in collection.population_runs if run.population.hash == population.hash]
    launched = collection.launch(runs)
    if detach:
        console.print(f"{len(runs)} queued; see `lfads-nb status {escape(str(collection_dir))}`.")
        return
    launched.wait()
    for run in runs:
        winner = run.winner
        if winner is not None:
            console.print(escape(f"{run.spec.name}: {winner.params.differences_text()}"))
            console.print(f"  {escape(str(run.folder.best.path))}", soft_wrap=True)


def _population_cost(population: Population, spec: RunSpec) -> str:
    """Say about how long a population trains at most on this machine's processors."""
    from lfads_nb.cores import usable_cores
    from lfads_nb.queue.estimates import seconds_per_epoch
    from lfads_nb.queue.live import duration_text
    from lfads_nb.sweep.population import ramp_epochs

    infos, cores = [dataset.info for dataset in spec.datasets], usable_cores()
    ratio = population.base.train_to_test_ratio
    ramps = ramp_epochs(population.base, [i.n_trials * ratio // (ratio + 1) for i in infos])
    each = seconds_per_epoch(population.base, infos, cores)
    seconds = population.members * population.epochs_at_most(ramps) * each
    return f"at most about {duration_text(seconds)} on {cores} cores"


@command
def trust(
    collection_dir: Annotated[Path, typer.Argument(help="A collection's folder.")],
    yes: Annotated[bool, typer.Option("--yes", help="Trust all that is shown.")] = False,
    forget: Annotated[bool, typer.Option("--forget", help="Trust nothing any more.")] = False,
) -> None:
    """Show which code of your own a collection names, and let it run for this folder.

    Opening a folder never runs code that it names. What you trust is remembered together with what
    its file holds now: when that changes, you are asked again.
    """
    from lfads_nb import consent

    if forget:
        consent.forget(collection_dir)
        console.print(f"No code is trusted any more for {escape(str(collection_dir))}.")
        return
    if not _ask_for_trust(collection_dir, yes=yes, is_asked=True):
        raise typer.Exit(1)


def _ask_for_trust(folder: Path, *, yes: bool = False, is_asked: bool = False) -> bool:
    """Ask whether the code that a collection names may run; return whether all of it may.

    Parameters
    ----------
    yes : take it as answered.
    is_asked : say something even if there is nothing to ask, and ask though nobody may be there.
    """
    from lfads_nb.own_code import trust as remember_trust
    from lfads_nb.sweep import CollectionFolder
    from lfads_nb.sweep.collection_file import code_named_in

    codes = [
        code for code in code_named_in(CollectionFolder(folder), all_runs=True) if code.problem
    ]
    if not codes:
        if is_asked:
            console.print("Nothing to ask: all code that it names may run.")
        return True
    if not is_asked and not sys.stdin.isatty():
        return False  # what needs the code says so
    console.print(
        f"{escape(str(folder))} names code that would run with all that you may do:", soft_wrap=True
    )
    for code in codes:
        console.print(f"  {escape(str(code))}: {escape(code.problem)}", soft_wrap=True)
    known = [code for code in codes if code.can_be_trusted]
    if known and (yes or typer.confirm("Trust it for this folder?", default=False)):
        remember_trust(folder, known)
        console.print("Trusted, as its files are now. Undo: lfads-nb trust --forget FOLDER")
        return len(known) == len(codes)
    return False


@command
def cancel(
    collection_dir: Annotated[Path, typer.Argument(help="A collection's folder.")],
    runs: RunNames = None,
) -> None:
    """End runs for good, running or waiting; they are gone within ten seconds."""
    _queue_of(collection_dir, runs).cancel()


@command
def retry(
    collection_dir: Annotated[Path, typer.Argument(help="A collection's folder.")],
    runs: RunNames = None,
) -> None:
    """Queue again what failed, was cancelled or was interrupted; training goes on where it was."""
    _queue_of(collection_dir, runs).retry()


@command
def bring_back(
    collection_dir: Annotated[Path, typer.Argument(help="A collection's folder.")],
    runs: RunNames = None,
) -> None:
    """Bring back what runs had made before training them again failed.

    What is cancelled comes back by itself.
    """
    found = _queue_of(collection_dir, runs).bring_back()
    for name in found:
        console.print(escape(f"{name} is done again, with what it had made before."))
    if not found:
        raise RunFolderError("there is nothing to bring back")


@command
def pause(
    collection_dir: Annotated[Path, typer.Argument(help="A collection's folder.")],
    runs: RunNames = None,
) -> None:
    """Hold runs back; one that is running stops and keeps its checkpoint."""
    _queue_of(collection_dir, runs).pause()


@command
def resume(
    collection_dir: Annotated[Path, typer.Argument(help="A collection's folder.")],
    runs: RunNames = None,
) -> None:
    """Let paused runs go on."""
    _queue_of(collection_dir, runs).resume()


def _queue_of(collection_dir: Path, names: list[str] | None) -> Queue:
    """Return a view of some of a collection's runs, without launching any."""
    from lfads_nb.queue import Queue
    from lfads_nb.sweep import RunCollection

    runs = RunCollection.load(collection_dir).runs
    called = {run: {run.name, run.spec.name, run.params.param_name} for run in runs}
    unknown = set(names or ()) - set().union(*called.values())
    if unknown:
        raise QueueError(
            f"there is no run {', '.join(sorted(unknown))} in {collection_dir}; there are: "
            f"{', '.join(run.name for run in runs)}"
        )
    chosen = [run for run in runs if not names or called[run] & set(names)]
    return Queue([run.folder for run in chosen], names=[run.name for run in chosen])


@command
def status(
    collection_dir: Annotated[Path, typer.Argument(help="A collection's folder.")],
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Say where every run of a collection is."""
    from lfads_nb.sweep import RunCollection
    from lfads_nb.sweep.verdict import read_verdict
    from lfads_nb.vocabulary import best_runs

    collection = RunCollection.load(collection_dir)
    _judge_what_is_done(collection)
    frame = collection.status_table()
    if as_json:
        sys.stdout.write(frame.reset_index().to_json(orient="records") + "\n")
        return
    table = Table("run", "setting", "state", "verdict", "epoch", "validation cost", "time left")
    table.columns[1].no_wrap = True
    verdicts = {run.name: read_verdict(run.folder) for run in collection if run.is_done}
    figures = {name: verdict.figures for name, verdict in verdicts.items() if verdict}
    best = best_runs(figures, {run.name: run.spec.name for run in collection})
    for run in collection:
        row, verdict = frame.loc[run.name], verdicts.get(run.name)
        table.add_row(
            escape(f"{'★ ' * (run.name in best)}{run.spec.name}"),
            run.params.param_name,
            escape(" ".join(filter(None, (row["state"], _bracketed(row["reason"]))))),
            verdict.title if verdict else "",
            _number(row["epoch"], "{:.0f}"),
            _number(row["total_valid"], "{:.1f}"),
            _minutes(row["eta_s"]),
        )
    console.print(table)
    for run in collection:
        text = frame.loc[run.name]["verdict"]
        if text:
            console.print(escape(f"{run.spec.name} {run.params.param_name}: {text}"))


def _judge_what_is_done(collection: RunCollection) -> None:
    """Have a verdict on every run that is done, also those of before there were verdicts."""
    from lfads_nb.results.verdict_report import run_verdict
    from lfads_nb.sweep.verdict import read_verdict

    for run in collection:
        if run.is_done and read_verdict(run.folder) is None:
            run_verdict(run)


@command
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


@command
def prior(
    run_dir: Annotated[Path, typer.Argument(help="A trained run's folder.")],
    samples: Annotated[
        int | None, typer.Option(min=1, help="How many; by default as many as for posteriors.")
    ] = None,
) -> None:
    """Draw samples from a trained run's prior: what the model makes up without data."""
    _prepare_tensorflow()
    run = _run_of_folder(run_dir)
    drawn = run.prior_samples(samples)
    for name, array in drawn.items():
        console.print(f"{name} {array.shape}", highlight=False, soft_wrap=True)
    console.print(escape(str(run.folder.prior_samples)), highlight=False, soft_wrap=True)


@command
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
    run = _run_of_folder(run_dir)
    named = {dataset.name: dataset for dataset in run.spec.dataset_collection}
    chosen = named[data] if data in named and not Path(data).exists() else Dataset(None, data)
    applied = run.apply(
        chosen, session=session, folder=out, kind=None if kind is None else kind.value,
        n_samples=samples,
    )  # fmt: skip
    console.print(escape(str(applied.folder.path)), highlight=False, soft_wrap=True)


@command
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


@command
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
        _run_of_folder(run_dir), dataset=dataset, path=file, test_path=test_file, folder=output
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


def _run_of_folder(run_dir: Path) -> Run:
    """Find the run whose folder this is, by the collection that it lies in."""
    from lfads_nb.sweep import RunCollection

    folder = run_dir.expanduser().resolve()
    for parent in folder.parents:
        if (parent / "collection.json").is_file():
            for run in RunCollection.load(parent).runs:
                if run.folder.path.resolve() == folder:
                    return run
            break
    raise RunFolderError(f"{run_dir} is not the folder of a run of a collection")


@command
def lab(
    folder: Annotated[Path, typer.Argument(help="Where to work.")] = Path("lfads_demo"),
) -> None:
    """Open JupyterLab on the quick start, on this machine only."""
    from lfads_nb.shipped_files import copy_notebooks

    copy_notebooks(folder)
    folder = folder.absolute()
    arguments = ["--ServerApp.ip=127.0.0.1", f"--ServerApp.root_dir={folder}"]
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        arguments.append("--allow-root")
    place = state_home()
    place.mkdir(parents=True, exist_ok=True)
    # Jupyter runs the settings that it finds where it is started: not in a folder of data.
    line = [*module_command("jupyter"), "lab", *arguments, str(folder / "quickstart.ipynb")]
    if os.name == "posix":
        # This process becomes JupyterLab: whatever ends it leaves no server behind.
        os.chdir(place)
        os.execv(line[0], line)
    raise typer.Exit(subprocess.call(line, cwd=place))


@command
def report(
    run_dir: Annotated[Path, typer.Argument(help="A run's folder.")],
    output: Annotated[Path | None, typer.Option(help="The file to write.")] = None,
    trusted: Annotated[
        bool,
        typer.Option(
            "--trusted", help="Keep scripts and live widgets of the notebook, if you know it."
        ),
    ] = False,
) -> None:
    """Write a run's report as one HTML file, to send to a colleague.

    Scripts in the notebook are left out: a page of a received run could do anything in a browser.
    """
    from lfads_nb.results.report_files import write_html

    page = write_html(run_dir, output, trusted=trusted)
    console.print(escape(str(page)), highlight=False, soft_wrap=True)


@command
def sweep_report(
    collection: Annotated[Path, typer.Argument(help="A collection's folder.")],
    output: Annotated[Path | None, typer.Option(help="The file to write.")] = None,
) -> None:
    """Write all runs of a collection as one HTML page: leaderboard, curves, verdicts, pictures."""
    from lfads_nb.results.sweep_report import write_sweep_report
    from lfads_nb.sweep import RunCollection

    runs = RunCollection.load(collection)
    page = write_sweep_report(runs.runs, output or runs.path / "sweep.html", title=runs.name)
    console.print(escape(str(page)), highlight=False, soft_wrap=True)


@command
def app(
    folder: Annotated[
        Path | None, typer.Argument(help="A collection, or a folder to make collections in.")
    ] = None,
    port: Annotated[int | None, typer.Option(help="By default a free one.")] = None,
    browser: Annotated[bool, typer.Option(help="Open the page in a browser.")] = True,
) -> None:
    """Serve the bench as a page of its own, on this machine only."""
    from lfads_nb.widgets.serve import serve_app

    # whole, however narrow the terminal: it is there to be clicked or copied
    serve_app(
        folder, port, open_browser=browser, announce=lambda url: console.print(url, soft_wrap=True)
    )


def show_results(collection: RunCollection) -> None:
    """Print one row for each run: how well it did, and where its report is."""
    from lfads_nb.results import compare
    from lfads_nb.vocabulary import FIGURES, best_runs

    frame = compare(collection.runs)
    wanted = ("bits_per_spike", "best_total_valid", "r2_truth")
    shown = [key for key in wanted if key in frame and not frame[key].isna().all()]
    table = Table("run", "state", *(FIGURES[key].label for key in shown))
    rows = {str(name): dict(values) for name, values in frame.iterrows()}
    best = best_runs(rows, {name: values["spec"] for name, values in rows.items()})
    table.columns[0].overflow = "fold"
    for run in collection.runs:
        row = frame.loc[run.name]
        table.add_row(
            escape(f"{'★ ' * (run.name in best)}{run.spec.name} {run.params.param_name}"),
            str(row["state"]),
            *(FIGURES[key].text(row[key]) for key in shown),
        )
    console.print()
    console.print(table)
    console.print("Reports:")
    for run in collection.runs:
        console.print(f"  {escape(_shown_path(run.folder.notebook))}", soft_wrap=True)


def _number(value: Any, form: str) -> str:
    return "" if value is None or value != value else form.format(value)


def _minutes(seconds: Any) -> str:
    return _number(seconds if seconds is None else seconds / 60, "{:.0f} min")


def _bracketed(text: str) -> str:
    return f"({text})" if text else ""


def _shown_path(path: Path) -> str:
    """The shorter of the absolute path and that from here."""
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)


def _own_name() -> str:
    """How this program was called, so that the line can be typed again."""
    called = Path(sys.argv[0])
    return _shown_path(called.absolute()) if called.name.startswith("lfads-nb") else "lfads-nb"
