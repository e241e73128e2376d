"""What a run of a sweep that is halved asks of the files, its own and the others'.

Nobody drives such a sweep: a run that gets to a rung looks at what the others have written of
themselves, decides and goes on or ends. `lfads_nb.sweep.halving` is the rule.
"""

from __future__ import annotations

from lfads_nb.errors import LfadsError
from lfads_nb.sweep.folders import RunFolder
from lfads_nb.sweep.halving import HalvingOrder, add_rung, lost_at, lost_in_words, read_rungs


def is_stopped_early(folder: RunFolder) -> bool:
    """Whether a run was stopped at a rung and nobody asked it to go on."""
    try:
        return lost_at(folder) is not None
    except LfadsError:
        return False  # its training says what is wrong with the file


class RungJudge:
    """What a run's training asks after each epoch: why it ends there, "" if it goes on.

    Parameters
    ----------
    folder : the run's.
    order : by what rule.
    """

    def __init__(self, folder: RunFolder, order: HalvingOrder) -> None:
        self._folder, self._order = folder, order

    @classmethod
    def of(cls, folder: RunFolder) -> RungJudge | None:
        """Return a run's judge, None for a run that is not judged."""
        order = HalvingOrder.read(folder)
        return None if order is None else cls(folder, order)

    def __call__(self, epoch: int) -> str:
        """Decide after so many epochs, once for each rung.

        Raises
        ------
        RunFolderError
            The files of the run cannot be read or written.
        """
        rungs, rule = read_rungs(self._folder), self._order.rule
        if rule.is_rung(epoch) and not any(rung.epoch == epoch for rung in rungs):
            rungs.append(rule.judge(epoch, self._score(), self._others(epoch)))
            add_rung(self._folder, rungs[-1])
        lost = next((rung for rung in rungs if rung.epoch <= epoch and not rung.goes_on), None)
        return "" if lost is None else lost_in_words(lost, rule)

    def _score(self) -> float:
        from lfads_nb.results.fit_log import FitLog

        return self._order.rule.smoothed(FitLog.read(self._folder.fit_log)[self._order.rule.score])

    def _others(self, epoch: int) -> list[float]:
        """Scores of the others that have got to a rung; what cannot be read does not count."""
        scores = []
        for peer in self._order.peers:
            try:
                rungs = read_rungs(RunFolder(peer))
            except LfadsError:
                continue
            scores += [r.score for r in rungs if r.epoch == epoch and r.score is not None]
        return scores
