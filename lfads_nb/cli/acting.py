"""Commands on runs that wait, run or have ended."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from lfads_nb.cli.choosing import queue_of
from lfads_nb.cli.tables import bracketed, minutes_text, number_text
from lfads_nb.cli.terminal import ClusterAddress, Here, Insecure, RunNames, console, escape
from lfads_nb.errors import QueueError, RunFolderError

if TYPE_CHECKING:
    from lfads_nb.sweep import Run, RunCollection
    from lfads_nb.sweep.population_run import PopulationRun


def cancel(
    collection_dir: Annotated[Path, typer.Argument(help="A collection's folder.")],
    runs: RunNames = None,
) -> None:
    """End runs for good, running or waiting; they are gone within ten seconds."""
    queue_of(collection_dir, runs).cancel()


def retry(
    collection_dir: Annotated[Path, typer.Argument(help="A collection's folder.")],
    runs: RunNames = None,
    cluster: ClusterAddress = None,
    insecure: Insecure = False,
    here: Here = False,
) -> None:
    """Queue again what failed, was cancelled or was interrupted; training goes on where it was.

    Runs go to where they were launched before: this machine, or a dask cluster.
    """
    queue_of(collection_dir, runs).retry(**_where(cluster, insecure=insecure, here=here))


def _where(cluster: str | None, *, insecure: bool, here: bool) -> dict[str, Any]:
    """Return the options of a launch that say where its runs are to be trained."""
    if cluster and here:
        raise QueueError("give either --cluster or --here, not both")
    said: dict[str, Any] = {"here": True} if here else {}
    return said | ({"cluster": cluster, "insecure": insecure} if cluster else {})


def go_on(
    collection_dir: Annotated[Path, typer.Argument(help="A collection's folder.")],
    runs: RunNames = None,
    cluster: ClusterAddress = None,
    insecure: Insecure = False,
    here: Here = False,
) -> None:
    """Train what was stopped early to its own end, from where it was stopped.

    Runs go to where they were launched before: this machine, or a dask cluster.
    """
    found = queue_of(collection_dir, runs).go_on(**_where(cluster, insecure=insecure, here=here))
    for name in found:
        console.print(escape(f"{name} is queued."))
    if not found:
        raise RunFolderError("no run was stopped early")


def bring_back(
    collection_dir: Annotated[Path, typer.Argument(help="A collection's folder.")],
    runs: RunNames = None,
) -> None:
    """Bring back what runs had made before training them again failed.

    What is cancelled comes back by itself.
    """
    found = queue_of(collection_dir, runs).bring_back()
    for name in found:
        console.print(escape(f"{name} is done again, with what it had made before."))
    if not found:
        raise RunFolderError("there is nothing to bring back")


def pause(
    collection_dir: Annotated[Path, typer.Argument(help="A collection's folder.")],
    runs: RunNames = None,
) -> None:
    """Hold runs back; one that is running stops and keeps its checkpoint."""
    queue_of(collection_dir, runs).pause()


def resume(
    collection_dir: Annotated[Path, typer.Argument(help="A collection's folder.")],
    runs: RunNames = None,
) -> None:
    """Let paused runs go on."""
    queue_of(collection_dir, runs).resume()


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
    table.columns[0].overflow = "fold"
    table.columns[1].no_wrap = True
    verdicts = {run.name: read_verdict(run.folder) for run in collection if run.is_done}
    figures = {
        run.name: {
            "state": frame.loc[run.name]["state"],
            **(verdict.figures if (verdict := verdicts.get(run.name)) else {}),
        }
        for run in collection
    }
    best = best_runs(figures, {run.name: run.spec.name for run in collection})

    def add(each: Run | PopulationRun, setting: str, *, star: str = "", verdict: str = "") -> None:
        row = frame.loc[each.name]
        table.add_row(
            escape(f"{star}{each.spec.name}"),
            setting,
            escape(" ".join(filter(None, (row["state"], bracketed(row["reason"]))))),
            verdict,
            number_text(row["epoch"], "{:.0f}"),
            number_text(row["total_valid"], "{:.1f}"),
            minutes_text(row["eta_s"]),
        )

    for run in collection:
        found = verdicts.get(run.name)
        add(
            run, run.params.param_name, star="★ " * (run.name in best),
            verdict=found.title if found else "",
        )  # fmt: skip
    for population in collection.population_runs:
        add(population, population.population.population_name)
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
