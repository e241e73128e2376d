"""`more_epochs.json` beside a run's checkpoints: its training goes on beyond its own end.

The setting and so the run's hash stay as they are; the file goes where the checkpoints go.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path

from lfads_nb.atomic_files import write_json
from lfads_nb.errors import RunFolderError
from lfads_nb.regular_files import read_json

SCHEMA = 1
FILE_NAME = "more_epochs.json"


@dataclass(frozen=True)
class MoreEpochs:
    """So many epochs more than when they were asked for.

    Neither `max_epochs` nor `learning_rate_stop` ends them; early stopping does, if it is on.

    Parameters
    ----------
    epochs : how many.
    first : the first of them, from 0; None until training has read its checkpoint.
    """

    epochs: int
    first: int | None = None

    @property
    def end(self) -> int:
        """Epochs in all at the end; 0 if not known yet."""
        return 0 if self.first is None else self.first + self.epochs

    def beginning_at(self, epoch: int) -> MoreEpochs:
        """Return them with their beginning, which stays what it is once it is known."""
        return self if self.first is not None else replace(self, first=epoch)

    def save(self, output: Path) -> None:
        """Write them into a run's `lfadsOutput`."""
        write_json(output / FILE_NAME, {"schema": SCHEMA, **asdict(self)})

    @classmethod
    def read(cls, output: Path) -> MoreEpochs | None:
        """Read them from a run's `lfadsOutput`; None if none were asked for.

        Raises
        ------
        RunFolderError
            The file cannot be read, or is of another version.
        """
        path = output / FILE_NAME
        try:
            content = read_json(path)
            if content["schema"] != SCHEMA:
                raise ValueError(f"schema {content['schema']}")
            first = content["first"]
            return cls(int(content["epochs"]), None if first is None else int(first))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, OverflowError, TypeError, KeyError) as error:
            raise RunFolderError(
                f"{path} cannot be read ({error}): delete it to leave the training as it is"
            ) from error
