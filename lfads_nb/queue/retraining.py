"""Training again what is done: what it made before stays whole until the new outputs are.

A launch writes what it wants into the run's folder (`retraining.json`); the run's own process does
it, each step on top of the one before:

1. the status says that no stage is finished, while `lfads.done` still stands;
2. `lfads.done` goes;
3. the report is copied, and `lfadsOutput` becomes `lfadsOutput_before`, in one step;
4. `retraining.json` says that it has begun;
5. to go on with more epochs, what training needs is copied back, and put in place when it is whole.

A process that dies anywhere in between has lost nothing, and the next one goes on from there. What
was before is deleted only once every output of the new training opens, and is brought back when
the retraining is cancelled, or when somebody asks for it after a failure.
"""

from __future__ import annotations

import shutil
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from lfads_nb.atomic_files import disk_full, replacing, write_json
from lfads_nb.errors import DiskFullError, QueueError, RunFolderError
from lfads_nb.queue.status import STAGES, RunState, RunStatus, read_status, write_status
from lfads_nb.regular_files import read_json
from lfads_nb.sweep.folders import RunFolder
from lfads_nb.sweep.more_epochs import MoreEpochs

SCHEMA = 1

Kind = Literal["afresh", "more_epochs"]

_DISCARDED = ".discarded-"
_COPYING = ".copying-"
_NOT_FOR_TRAINING = (".*", "model_runs_*", "model_params")
"""What going on with more epochs leaves behind: outputs of weights that are the newest no more."""


@dataclass(frozen=True)
class Retraining:
    """What was asked of a run that is done.

    Parameters
    ----------
    kind : "afresh", or "more_epochs" to go on from its last checkpoint.
    more_epochs : how many.
    begun : whether its outputs of before are aside.
    before : its status when it was done.
    """

    kind: Kind
    more_epochs: int = 0
    begun: bool = False
    before: dict[str, Any] = field(default_factory=dict)

    @property
    def in_words(self) -> str:
        """What the run is at."""
        if self.kind == "afresh":
            return "training afresh"
        return f"going on with {self.more_epochs} more epochs"

    def save(self, folder: RunFolder) -> None:
        write_json(folder.retraining_json, {"schema": SCHEMA, **asdict(self)})

    @property
    def status_before(self) -> RunStatus:
        """The status to return to."""
        with suppress(ValueError):
            status = RunStatus.from_json(self.before)
            if status.state is RunState.DONE:
                return status
        return RunStatus(RunState.DONE, finished_stages=tuple(s.value for s in STAGES))


def read_retraining(folder: RunFolder) -> Retraining | None:
    """Return what was asked of a run that is done, or None; a damaged record asks for nothing.

    A run whose outputs of before are aside without a record was trained afresh by an older version.
    """
    try:
        content = read_json(folder.retraining_json)
        if content.get("schema") == SCHEMA and content.get("kind") in ("afresh", "more_epochs"):
            return Retraining(
                content["kind"],
                int(content["more_epochs"]),
                bool(content["begun"]),
                dict(content["before"]),
            )
    except (OSError, ValueError, OverflowError, TypeError, KeyError, AttributeError):
        pass
    return Retraining("afresh", begun=True) if has_earlier_output(folder) else None


def has_earlier_output(folder: RunFolder) -> bool:
    """Whether a run that was done is not now, and what it had made is still there."""
    return folder.earlier_output.exists() and not folder.done.exists()


def ask_to_retrain(folder: RunFolder, kind: Kind, *, more_epochs: int = 0) -> None:
    """Write down what is wanted of a run that is done; of another one, nothing.

    Parameters
    ----------
    kind, more_epochs : see `Retraining`.
    """
    if not folder.done.exists():
        return
    now, earlier = read_status(folder), read_retraining(folder)
    before = now.to_json() if now.state is RunState.DONE else earlier.before if earlier else {}
    Retraining(kind, more_epochs, before=before).save(folder)


def withdraw(folder: RunFolder) -> None:
    """Forget what was asked of a run, if it has not begun."""
    if folder.done.exists():
        folder.retraining_json.unlink(missing_ok=True)


def tidy(folder: RunFolder) -> None:
    """Complete what an earlier process had no time for, if the run is done."""
    for left in (*folder.path.glob(f"{_DISCARDED}*"), *folder.path.glob(f"{_COPYING}*")):
        shutil.rmtree(left, ignore_errors=True)
    if folder.done.exists() and folder.earlier_output.exists():
        found = read_retraining(folder)
        forget_earlier(folder, keep_record=found is not None and not found.begun)


def is_due(folder: RunFolder, asked: Retraining | None) -> bool:
    """Whether the outputs of before are still to be set aside."""
    return asked is not None and not asked.begun and not has_earlier_output(folder)


def set_aside(folder: RunFolder, asked: Retraining) -> None:
    """Take steps 2 to 5 as far as they are not done yet.

    Raises
    ------
    DiskFullError
        There is no room for the copy; launching again goes on.
    """
    if is_due(folder, asked):
        folder.done.unlink(missing_ok=True)
        if folder.notebook.is_file():
            with replacing(folder.earlier_notebook) as beside:
                shutil.copyfile(folder.notebook, beside, follow_symlinks=False)
        if folder.output.exists():
            folder.output.rename(folder.earlier_output)
    if not asked.begun:
        replace(asked, begun=True).save(folder)
    if asked.kind == "more_epochs" and not folder.output.exists():
        _copy_training(folder, asked.more_epochs)


def _copy_training(folder: RunFolder, more_epochs: int) -> None:
    beside = folder.path / f"{_COPYING}{folder.output.name}"
    shutil.rmtree(beside, ignore_errors=True)
    try:
        _copy_folder(folder.earlier_output, beside)
        MoreEpochs(more_epochs).save(beside)
        beside.rename(folder.output)
    except DiskFullError:
        raise
    except OSError as error:
        raise RunFolderError(f"{folder.earlier_output} cannot be copied: {error}") from error
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _copy_folder(source: Path, target: Path) -> None:
    """Copy files and folders. `shutil.copytree` would go on when a disk is full, and not say so."""
    target.mkdir()
    for path in source.iterdir():
        if any(path.match(pattern) for pattern in _NOT_FOR_TRAINING):
            continue
        if path.is_dir() and not path.is_symlink():
            _copy_folder(path, target / path.name)
        else:
            _copy_file(path, target / path.name)


def _copy_file(source: Path, target: Path) -> None:
    try:
        shutil.copy2(source, target, follow_symlinks=False)
    except OSError as error:
        raise disk_full(target, error, source.stat().st_size) or error from error


def forget_earlier(folder: RunFolder, *, keep_record: bool = False) -> None:
    """Delete what a run had made before; only for when its new outputs are whole."""
    if not keep_record:
        folder.retraining_json.unlink(missing_ok=True)
    folder.earlier_notebook.unlink(missing_ok=True)
    _discard(folder.earlier_output)


def _discard(path: Path) -> None:
    """Delete a folder such that a half deleted one is never taken for a whole one."""
    if path.exists():
        aside = path.with_name(f"{_DISCARDED}{path.name}")
        shutil.rmtree(aside, ignore_errors=True)
        path.rename(aside)
        shutil.rmtree(aside, ignore_errors=True)


def put_back(folder: RunFolder, *, why: str) -> RunStatus | None:
    """Undo a retraining: the run is done again, with the outputs and the report of before.

    Only for who holds the run's lock, or knows that nobody works on it.

    Parameters
    ----------
    why : it is undone, after what the run was at: "was cancelled".

    Returns
    -------
    The status now; None if there is nothing to undo.
    """
    asked = read_retraining(folder)
    if asked is None:
        return None
    was_aside = has_earlier_output(folder)
    if not was_aside and (asked.begun or not folder.output.exists()):
        return None  # there was nothing to set aside
    if was_aside:
        _discard(folder.output)
        folder.earlier_output.rename(folder.output)
        if folder.earlier_notebook.exists():
            folder.earlier_notebook.replace(folder.notebook)
    again = "; what it had made before is in place again" if was_aside else ""
    now = read_status(folder)
    status = replace(
        asked.status_before, reason=f"{asked.in_words} {why}{again}", attempt=now.attempt
    )
    write_status(folder, status)
    folder.retraining_json.unlink(missing_ok=True)
    with replacing(folder.done) as mark:
        mark.touch()
    return status


def bring_back(folder: RunFolder) -> RunStatus:
    """Bring back what a run had made before its retraining failed or was interrupted.

    Raises
    ------
    QueueError
        There is nothing to bring back, or the run is queued or worked on.
    """
    from lfads_nb.queue.reading import current_status
    from lfads_nb.queue.run_lock import RunLock

    state = current_status(folder).state
    if state.is_active:
        raise QueueError(f"{folder.path} is {state.value}: cancel it, which brings back the same")
    with RunLock(folder):
        status = put_back(folder, why=f"was given up when it was {state.value}")
    if status is None:
        raise QueueError(
            f"{folder.path} has nothing to bring back: there is no {folder.earlier_output.name}"
        )
    return status
