"""The least that a run's process can do: it takes the run through its states and ends."""

import sys
from pathlib import Path

from lfads_nb.queue.status import RunState, move_status
from lfads_nb.sweep.folders import RunFolder

folder = RunFolder(Path(sys.argv[1]))
move_status(folder, RunState.TRAINING, stage="training", attempt=1)
folder.done.touch()
move_status(folder, RunState.DONE)
