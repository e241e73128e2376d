"""The benchmark's own program as the judge; runs in an environment of its own.

    python3.9 -m venv judge
    judge/bin/pip install numpy==1.22.4 pandas==1.3.4 'scipy<1.11' 'scikit-learn<1.3' 'h5py<3.9' \
        'hdmf>=3.5,<3.7' 'pynwb<2.4'
    judge/bin/pip install --no-deps nlb-tools==0.0.4
    judge/bin/python tests/nlb/judge.py scores > scores.json
    judge/bin/python tests/nlb/judge.py targets FILE.nwb mc_maze 5 > targets.json

The tests compare with `judged.json`, which this program wrote; with LFADS_NB_NLB_PYTHON set to
judge/bin/python they ask the judge itself, too.
"""

import json
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))
from made_up import benchmark, fingerprint


def scores():
    from nlb_tools.evaluation import evaluate

    def as_arrays(groups):
        return {
            group: {key: _array(key, values) for key, values in arrays.items()}
            for group, arrays in groups.items()
        }

    return evaluate(*map(as_arrays, benchmark()))


def _array(key, values):
    return np.array(values, dtype=object) if key.endswith("_cond_idx") else np.asarray(values)


def targets(path, dataset, bin_ms):
    from nlb_tools.make_tensors import make_eval_target_tensors
    from nlb_tools.nwb_interface import NWBDataset

    recording = NWBDataset(path)
    recording.resample(bin_ms)
    no_jitter = {"jitter": lambda trials: np.zeros((len(trials), 2))}
    made = make_eval_target_tensors(
        recording, dataset, "train", "val", save_file=False, include_psth=dataset != "mc_rtt",
        update_params=no_jitter if dataset == "dmfc_rsg" else None,
    )  # fmt: skip
    (arrays,) = made.values()
    return {
        key: [list(map(int, trials)) for trials in values]
        if key.endswith("_cond_idx")
        else fingerprint(values)
        for key, values in arrays.items()
        if not key.endswith("_jitter")
    }


if __name__ == "__main__":
    what, *arguments = sys.argv[1:]
    found = scores() if what == "scores" else targets(arguments[0], arguments[1], int(arguments[2]))
    sys.stdout.write(json.dumps(found, indent=1) + "\n")
