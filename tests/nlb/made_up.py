"""Small arrays of targets and submissions; plain numpy, for the judge's old Python too."""

import numpy as np

N_TRAIN, N_EVAL, BINS, HELDIN, HELDOUT, AFTER, CONDITIONS = 24, 12, 14, 7, 4, 5, 4


def made_up(seed=0, psth=True, masks=False, timing=False):
    """Return (targets, submission) of one dataset, the same for the same seed."""
    rng = np.random.default_rng(seed)
    phase = rng.uniform(0, 2 * np.pi, HELDIN + HELDOUT)

    def rates(n, n_bins, start):
        condition = np.arange(n) % CONDITIONS
        time = (start + np.arange(n_bins)) / 10
        return 0.3 + 0.25 * np.sin(time[None, :, None] + phase + condition[:, None, None])

    def noisy(values):
        return values * rng.uniform(0.8, 1.2, values.shape)

    train, evaluation = rates(N_TRAIN, BINS, 0), rates(N_EVAL, BINS, 0)
    after = rates(N_EVAL, AFTER, BINS)
    spikes = rng.poisson(evaluation[..., HELDIN:]).astype(float)
    spikes[1, 3:5] = np.nan
    mixing = rng.normal(size=(HELDIN + HELDOUT, 2))
    velocity = [
        values @ mixing + 0.05 * rng.normal(size=(len(values), BINS, 2))
        for values in (train, evaluation)
    ]
    velocity[0][2, 4:6] = np.nan
    targets = {
        "eval_spikes_heldout": spikes,
        "train_behavior": velocity[0],
        "eval_behavior": velocity[1],
        "eval_spikes_heldin_forward": rng.poisson(after[..., :HELDIN]).astype(float),
        "eval_spikes_heldout_forward": rng.poisson(after[..., HELDIN:]).astype(float),
    }
    if timing:
        number = np.arange(N_EVAL)
        columns = [number % 2, 0 * number, number // 2 % 2, 800 + 0 * number]
        produced = 700 + 30 * rng.normal(size=N_EVAL)
        targets["eval_behavior"] = np.stack([*columns, produced], axis=1)
        targets["eval_behavior"][5] = np.nan
        targets["train_behavior"] = np.zeros((N_TRAIN, 5))
        targets["eval_spikes_heldout"][:, :3] = np.nan
        targets["eval_jitter"] = number % 3 - 1
    if psth:
        average = train[:CONDITIONS] + 0.02 * rng.normal(size=(CONDITIONS, BINS, HELDIN + HELDOUT))
        average[1, -2:] = np.nan
        if timing:
            average[:, 0] = average[:, -1] = np.nan
        number = np.arange(N_EVAL) % CONDITIONS
        index = [np.flatnonzero(number == condition) for condition in range(CONDITIONS)]
        targets["psth"] = average
        targets["eval_cond_idx"] = [*index[:3], np.array([], dtype=int)]
    if masks:
        for split, n in (("train", N_TRAIN), ("eval", N_EVAL)):
            odd = np.arange(n) % 2 == 1
            targets[f"{split}_decode_mask"] = np.stack([~odd, odd], axis=1)
    train, evaluation, after = noisy(train), noisy(evaluation), noisy(after)
    submission = {
        "train_rates_heldin": train[..., :HELDIN],
        "train_rates_heldout": train[..., HELDIN:],
        "eval_rates_heldin": evaluation[..., :HELDIN],
        "eval_rates_heldout": evaluation[..., HELDIN:],
        "eval_rates_heldin_forward": after[..., :HELDIN],
        "eval_rates_heldout_forward": after[..., HELDIN:],
    }
    return targets, submission


def benchmark():
    """Return (targets, submission) of six datasets, with everything that the benchmark scores."""
    kinds = {
        "mc_maze": {},
        "mc_rtt": {"psth": False},
        "area2_bump_20": {"masks": True},
        "dmfc_rsg": {"timing": True},
        "mc_maze_large": {},
        "mc_maze_small": {},
    }
    made = {group: made_up(seed, **how) for seed, (group, how) in enumerate(kinds.items())}
    return tuple({group: parts[i] for group, parts in made.items()} for i in (0, 1))


def fingerprint(array):
    """Return numbers that differ when an array does: shape, missing values, two weighted sums."""
    array = np.asarray(array, dtype=float)
    values = np.nan_to_num(array).ravel()
    weights = np.cos(np.arange(values.size))
    return [list(array.shape), int(np.isnan(array).sum()), values.sum(), (values * weights).sum()]
