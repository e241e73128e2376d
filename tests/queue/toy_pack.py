"""The process of a pack whose training is over at once, or goes as a member's file says."""

import sys

from lfads_nb.errors import TrainingError
from lfads_nb.queue.pack_runner import main
from lfads_nb.sweep.progress import TrainSummary
from tests.queue.tiny_runs import leave_checkpoint, note, wait_for


def train(members):
    for member in members:
        told = member.folder.path / "pack.txt"
        what = told.read_text() if told.exists() else ""
        if what == "break":
            raise RuntimeError("RESOURCE_EXHAUSTED: out of memory")
        if what == "fail":
            member.end(TrainingError("the cost became nan"))
            continue
        if what == "wait":
            wait_for(member.should_stop, timeout=120)
            member.end(None)
            continue
        note(member.folder, f"in a pack of {len(members)}")
        leave_checkpoint(member.folder)
        member.end(TrainSummary(2, 20, "max_epochs=2 reached", 1, 3.0, 1.0, 99))


if __name__ == "__main__":
    sys.exit(main(train=train, module="tests.queue.toy_pack"))
