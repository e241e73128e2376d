"""Commands that make runs and start them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from lfads_nb.cli.choosing import queue_of
from lfads_nb.cli.tables import show_results
from lfads_nb.cli.terminal import (
    ClusterAddress,
    Insecure,
    RunNames,
    complain,
    console,
    escape,
    own_name,
)
from lfads_nb.cli.trusting import ask_for_trust
from lfads_nb.errors import QueueError, RunFolderError

if TYPE_CHECKING:
    from lfads_nb.sweep import RunCollection, RunSpec
    from lfads_nb.sweep.population import Population


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
        f"\nLook at the rates:  [bold]{escape(own_name())} lab {escape(str(folder))}[/]",
        highlight=False, soft_wrap=True,
    )  # fmt: skip
    if not all(run.is_done for run in collection):
        raise typer.Exit(1)


def run(
    run_dir: Annotated[Path, typer.Argument(help="A prepared run's folder.")],
    device: Annotated[
        str, typer.Option(help="'cpu', or a GPU by number or UUID; by default what is free.")
    ] = "",
) -> None:
    """Execute one run here and now, and wait for its end (for schedulers of your own)."""
    from lfads_nb.queue import current_status, run_here
    from lfads_nb.queue.run_lock import RunIsTakenError
    from lfads_nb.queue.runner_process import EXIT_TAKEN
    from lfads_nb.sweep.folders import RunFolder

    try:
        code = run_here(run_dir, device=device or None)
    except RunIsTakenError as error:
        complain(error)
        raise typer.Exit(EXIT_TAKEN) from None
    if code:
        status = current_status(RunFolder(run_dir.resolve()))
        why = status.reason or f"its process ended with code {code}"
        complain(QueueError(f"the run is not done: {why}"))
    raise typer.Exit(code)


PackOption = Annotated[
    str,
    typer.Option(
        help="What is of equal shapes trains as one program on JAX: auto (on a GPU), no, or how "
        "many at most."
    ),
]


def _as_pack(pack: str) -> bool | int | str:
    return {"no": False}.get(pack, int(pack) if pack.isdecimal() else pack)


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
    halving: Annotated[
        int,
        typer.Option(
            min=0,
            metavar="FACTOR",
            help="Stop runs early that are behind: one in so many goes on from each rung; 0 for "
            "none.",
        ),
    ] = 0,
    first_rung: Annotated[
        int, typer.Option(min=0, help="Epochs until the first; by default the ramps and 25 more.")
    ] = 0,
    halving_score: Annotated[
        str, typer.Option(help="What they are judged by, such as a name of select_by.")
    ] = "recon_valid",
    go_on: Annotated[
        bool, typer.Option("--go-on", help="Go on with what was stopped early.")
    ] = False,
    pack: PackOption = "auto",
    priority: Annotated[int, typer.Option(help="Higher ones start first.")] = 0,
    retries: Annotated[int, typer.Option(min=0, help="How often to try a failed run again.")] = 0,
    cluster: ClusterAddress = None,
    insecure: Insecure = False,
) -> None:
    """Queue every run of a collection that is not done, and show their progress.

    Ctrl-C ends the showing and not the runs.
    """
    from lfads_nb.queue.status import GOOD_ENDS
    from lfads_nb.sweep import Halving, RunCollection

    rule = Halving(halving, first_rung, halving_score) if halving else None
    ask_for_trust(collection_dir)
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
        pack=_as_pack(pack),
        halving=rule,
        go_on=go_on,
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
    if not all(run.status().state in GOOD_ENDS for run in collection):
        raise typer.Exit(1)


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

        ask_for_trust(collection_dir)
        RunCollection.load(collection_dir).prepare()
    found = queue_of(collection_dir, runs).submit(
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
            f"{len(found.runs)} runs; see `{escape(own_name())} status {folder}`, and jobs/ there",
            highlight=False, soft_wrap=True,
        )  # fmt: skip


def _print_advice(collection: RunCollection) -> None:
    """Say what experience says about the settings that are launched, each piece once."""
    told = {a.sentence: None for advice in collection.advice().values() for a in advice}
    for sentence in told:
        console.print(escape(f"Advice: {sentence}."))


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
        str,
        typer.Option(
            help="What members are judged by: recon, co_bps, fp_bps, val_hidden_nll, r2_decoding."
        ),
    ] = "recon",
    rule: Annotated[str, typer.Option(help="one_way (AutoLFADS) or pairs (lfads-torch).")] = (
        "one_way"
    ),
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be searched, and do nothing.")
    ] = False,
    pack: PackOption = "auto",
    detach: Annotated[bool, typer.Option(help="Do not wait for the end.")] = False,
    launch: Annotated[
        bool, typer.Option(help="Launch it here, or leave that to the command slurm.")
    ] = True,
) -> None:
    """Find the setting: train a population whose members learn from each other (AutoLFADS).

    What is not searched (factors, units, batch, ramps) starts from the data. Called again, it goes
    on where it was.
    """
    from lfads_nb.sweep import RunCollection
    from lfads_nb.sweep.population import Population
    from lfads_nb.sweep.starting_points import starting_point

    ask_for_trust(collection_dir)
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
    if not launch:
        console.print(
            escape(f"{len(runs)} added; launch it with slurm or queue, or in the bench."),
            soft_wrap=True,
        )
        return
    launched = collection.launch(runs, pack=_as_pack(pack))
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
