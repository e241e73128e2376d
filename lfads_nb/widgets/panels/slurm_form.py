"""What each run's job asks SLURM for, as a form."""

from __future__ import annotations

import ipywidgets as w

from lfads_nb.errors import QueueError
from lfads_nb.queue.slurm.remembered import remembered
from lfads_nb.queue.slurm.settings import Slurm
from lfads_nb.widgets.theme import html, row, text_box

_HINT = "the cluster's default"


class SlurmForm(w.VBox):
    """Filled in as it was last time on this machine; what is empty is for the cluster to choose."""

    def __init__(self) -> None:
        last = remembered() or Slurm()
        self.partition = text_box("Partition", last.partition, width="230px", hint=_HINT)
        self.account = text_box("Account", last.account, width="230px", hint=_HINT)
        self.qos = text_box("QoS", last.qos, width="210px", hint=_HINT)
        self.constraint = text_box("Node features", last.constraint, width="200px", hint="any")
        self.time = text_box("Time of a job", last.time, width="230px", hint="4:00:00")
        self.gres = text_box("GPUs and the like", last.gres, width="230px", hint="none; gpu:1")
        self.cpus = text_box("Cores", _words(last.cpus), width="150px", hint="default")
        self.mem = text_box("Memory", last.mem, width="180px", hint="such as 16G")
        self.at_once = text_box(
            "Jobs at once", _words(last.array_limit), width="190px", hint="no limit"
        )
        self.requeue = w.Checkbox(
            last.requeue, description="queue a job again that is preempted or out of time",
            indent=False, layout=w.Layout(width="auto"),
        )  # fmt: skip
        super().__init__([
            row(self.partition, self.account, self.qos, self.constraint),
            row(self.gres, self.cpus, self.mem, self.time),
            row(self.at_once, self.requeue),
            html(
                '<span class="lfads-dim">What the job of each run asks for. One job array is '
                "submitted, and nothing runs on this machine; a run whose job is out of time goes "
                "on from its checkpoint in the next.</span>"
            ),
        ])  # fmt: skip
        self.add_class("lfads-slurm")

    @property
    def value(self) -> Slurm:
        """What is asked for.

        Raises
        ------
        QueueError
            A value cannot be what SLURM takes.
        """
        return Slurm(
            partition=self.partition.value.strip(), account=self.account.value.strip(),
            qos=self.qos.value.strip(), constraint=self.constraint.value.strip(),
            time=self.time.value.strip(), gres=self.gres.value.strip(), cpus=_number(self.cpus),
            mem=self.mem.value.strip(), array_limit=_number(self.at_once),
            requeue=self.requeue.value,
        )  # fmt: skip


def _words(number: int | None) -> str:
    return "" if number is None else str(number)


def _number(box: w.Text) -> int | None:
    text = box.value.strip()
    if not text:
        return None
    if not text.isdecimal() or int(text) < 1:
        raise QueueError(f"{box.description}: give a number from 1 up, not {box.value!r}")
    return int(text)
