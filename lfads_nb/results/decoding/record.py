"""What was decoded of a run, kept in its folder, so that runs can be compared by it.

Only what was decoded in the usual way is kept (lag, smoothing and penalty chosen within the
training trials, judged by whole validation or test trials): other figures are not comparable.
"""

from __future__ import annotations

import logging
import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from lfads_nb.atomic_files import write_json
from lfads_nb.datasets.behavior import Signal
from lfads_nb.regular_files import read_json
from lfads_nb.results.decoding.labels import LabelResult
from lfads_nb.results.decoding.run_decoding import decode_run
from lfads_nb.results.decoding.signals import SignalResult
from lfads_nb.results.decoding.sources import RAW, SMOOTHED
from lfads_nb.results.posterior_means import PosteriorMeans
from lfads_nb.results.run_view import RunView
from lfads_nb.results.session_files import SessionFiles, pick_dataset
from lfads_nb.sweep.folders import RunFolder
from lfads_nb.sweep.verdict import stamps_of

log = logging.getLogger(__name__)

SCHEMA = 1
MEASURES = ("r2", "accuracy")
_COLUMNS = {"rates": "", SMOOTHED: "_smoothed", RAW: "_raw"}
_FREE = {"n_permutations", "sources", "evaluate", "seed"}
"""Options that change no figure of the rates, or are told in the record."""


@dataclass(frozen=True)
class DecodingRecord:
    """One target decoded from one session of a run.

    Parameters
    ----------
    dataset, target : what of which session.
    measure : "r2" of a signal (mean over its dimensions) or "accuracy" of labels.
    evaluate : "valid" or "test" trials.
    scores : source -> figure on those trials.
    n_fit, n_judged : trials.
    stamps : the outputs that it was made from, see `lfads_nb.sweep.verdict.stamps_of`.
    """

    dataset: str
    target: str
    measure: str
    evaluate: str
    scores: dict[str, float]
    n_fit: int
    n_judged: int
    stamps: dict[str, list[int]]

    @property
    def key(self) -> tuple[str, str, str]:
        """What a later record of the same takes the place of."""
        return self.dataset, self.target, self.evaluate


def decode_and_keep(
    pm: PosteriorMeans, target: str | Any, **options: Any
) -> SignalResult | LabelResult:
    """Decode as `decode_run` does, and keep the figures if they are of the usual kind.

    Raises
    ------
    DataError
        As `decode_run`.
    """
    result = decode_run(pm, target, **options)
    given = {name for name, value in options.items() if not _is_usual(value)}
    evaluate = options.get("evaluate", "valid")
    if isinstance(target, str) and given <= _FREE and evaluate in ("valid", "test"):
        _keep(pm, target, evaluate, result)
    return result


def decode_folder(
    run: Any, target: str | Signal | np.ndarray, *, dataset: str | int | None = None, **options: Any
) -> SignalResult | LabelResult:
    """Decode a run that is given as its folder, see `decode_and_keep`.

    Raises
    ------
    CollectionError
        It has several sessions, and none was named.
    RunFolderError
        The run has not got that far.
    """
    view = RunView.of(run)
    pm = view.posterior_means(pick_dataset(view.datasets, dataset))
    return decode_and_keep(pm, target, **options)


def _is_usual(value: Any) -> bool:
    return value is None or (isinstance(value, str) and value == "search")


def _keep(
    pm: PosteriorMeans, target: str, evaluate: str, result: SignalResult | LabelResult
) -> None:
    folder, dataset = pm.run_folder, pm.datasets[0]
    if not folder.run_json.is_file():
        return  # folders of the original program are looked at, never written to
    files = [path.name for path in SessionFiles(folder, dataset).outputs(pm.kind).values()]
    if isinstance(result, SignalResult):
        measure = "r2"
        scores = {name: found.mean_r2 for name, found in result.by_source.items()}
    else:
        measure = "accuracy"
        scores = {name: found.accuracy for name, found in result.by_source.items()}
    record = DecodingRecord(
        dataset, target, measure, evaluate,
        {name: float(score) for name, score in scores.items() if math.isfinite(score)},
        result.n_fit, len(result.trials), stamps_of(folder, files),
    )  # fmt: skip
    others = [each for each in read_decodings(folder) if each.key != record.key]
    content = {"schema": SCHEMA, "decoded": [asdict(each) for each in [*others, record]]}
    try:
        write_json(folder.decoding_json, content)
    except OSError as error:
        log.warning("what was decoded of %s is not kept: %s", folder.path, error)


def read_decodings(folder: RunFolder) -> list[DecodingRecord]:
    """Return what was decoded from a run's outputs as they are now; nothing of a damaged file."""
    try:
        content = read_json(folder.decoding_json)
        if content["schema"] != SCHEMA:
            return []
        found = [_record(each) for each in content["decoded"]]
    except (OSError, ValueError, TypeError, KeyError, AttributeError, OverflowError):
        # It can be made again at any time.
        return []
    return [each for each in found if each.stamps == stamps_of(folder, each.stamps)]


def _record(content: dict[str, Any]) -> DecodingRecord:
    scores = {str(name): float(value) for name, value in content["scores"].items()}
    made = DecodingRecord(
        str(content["dataset"]), str(content["target"]), str(content["measure"]),
        str(content["evaluate"]), scores, int(content["n_fit"]), int(content["n_judged"]),
        {str(name): [int(n) for n in stamp] for name, stamp in content["stamps"].items()},
    )  # fmt: skip
    if made.measure not in MEASURES or not all(map(math.isfinite, scores.values())):
        raise ValueError("no record of a decoding")
    return made


def compared(folders: Sequence[RunFolder]) -> list[dict[str, float | str]]:
    """Return comparable decoding figures of runs, by the keys of `lfads_nb.vocabulary.FIGURES`.

    Runs are compared by one signal and one label: what most of them were decoded for. Figures are
    means over a run's sessions, and only of runs that have it for all sessions that it has any for.
    """
    records = [read_decodings(folder) for folder in folders]
    rows: list[dict[str, float | str]] = [{} for _ in folders]
    for measure in MEASURES:
        target = _commonest(records, measure)
        if target is None:
            continue
        for row, found in zip(rows, records, strict=True):
            own = [r for r in found if (r.measure, r.target) == (measure, target)]
            if not own:
                continue
            row[f"decoding_{measure}_of"] = target
            valid = [r for r in own if r.evaluate == "valid"]
            for source, ending in _COLUMNS.items():
                row[f"decoding_{measure}{ending}"] = _mean(valid, source)
            tested = [r for r in own if r.evaluate == "test"]
            row[f"test_decoding_{measure}"] = _mean(tested, "rates")
    return rows


def _commonest(records: Iterable[list[DecodingRecord]], measure: str) -> str | None:
    counts = Counter(
        target for found in records for target in {r.target for r in found if r.measure == measure}
    )
    return min(counts, key=lambda target: (-counts[target], target)) if counts else None


def _mean(records: list[DecodingRecord], source: str) -> float:
    values = [r.scores.get(source, math.nan) for r in records]
    return float(np.mean(values)) if values else math.nan
