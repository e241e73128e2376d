"""The exceptions that lfads_nb raises on purpose.

Each message says what is wrong, where, and what to do about it: widgets and the terminal show it
as it stands. Anything else that escapes is a bug.
"""

from __future__ import annotations

from pathlib import Path


class LfadsError(Exception):
    """Base of every error that lfads_nb raises on purpose."""


class DataError(LfadsError, ValueError):
    """Spikes, time vectors, conditions or other inputs do not fit.

    Parameters
    ----------
    message : what is wrong and what to do.
    dataset, field, trial : where, as far as it is known; `trial` is 0-based.
    """

    def __init__(
        self,
        message: str,
        *,
        dataset: str | None = None,
        field: str | None = None,
        trial: int | None = None,
    ) -> None:
        self.dataset, self.field, self.trial = dataset, field, trial
        self.message = message
        # A message that opens with the file's name has said which dataset it is.
        is_named = dataset is None or message.startswith(f"{dataset}.")
        self._set_words("" if is_named else f"dataset {dataset!r}")

    def in_file(self, name: str) -> DataError:
        """The same error with the name of the file that it is about."""
        other = DataError(self.message, dataset=self.dataset, field=self.field, trial=self.trial)
        other._set_words(name)
        return other

    def _set_words(self, source: str) -> None:
        field, trial = self.field, self.trial
        places = [
            source,
            f"field {field!r}" if field is not None else "",
            f"trial {trial}" if trial is not None else "",
        ]
        where = ", ".join(place for place in places if place)
        super().__init__(f"{where}: {self.message}" if where else self.message)


class DataWarning(UserWarning):
    """Data are taken as they are, but look as if something was wrong with them."""


class ParamsError(LfadsError, ValueError):
    """A hyperparameter is unknown, out of bounds, or impossible in combination."""


class CollectionError(LfadsError, ValueError):
    """A dataset, run spec, setting or run is missing, ambiguous or not allowed here."""


class UntrustedCodeError(CollectionError):
    """A file names code of a user's own that may not run here.

    Parameters
    ----------
    kind, reference : what it is to be ("loader", "params", "dataset", "run"), and its name.
    folder : the collection that names it, if it is known.
    reason : why it may not run.
    """

    def __init__(self, kind: str, reference: str, folder: Path | None, reason: str) -> None:
        self.kind, self.reference, self.folder, self.reason = kind, reference, folder, reason
        where = f" named in {folder}" if folder is not None else ""
        trust = f"trust it in the bench or with `lfads-nb trust {folder}`, or " if folder else ""
        super().__init__(
            f"{reference!r}{where} is not run: {reason}. If you know this code, {trust}import it "
            "in your own script and hand it over with lfads_nb.register(...). Results can be "
            "looked at without it."
        )


class RunFolderError(LfadsError, OSError):
    """A run's folder lacks a file, or holds one that cannot be read."""


class DiskFullError(LfadsError, OSError):
    """There is no room for a file; `errno` tells which way."""

    def __init__(self, message: str, *, errno: int) -> None:
        super().__init__(message)
        self.errno, self.strerror = errno, message

    def __str__(self) -> str:
        return str(self.strerror)


class TrainingError(LfadsError, RuntimeError):
    """Training or posterior sampling could not go on."""


class QueueError(LfadsError, RuntimeError):
    """The queue or one of its processes cannot do what was asked."""
