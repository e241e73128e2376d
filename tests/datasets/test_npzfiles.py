import numpy as np
import pytest

from lfads_nb.datasets import peek_info, read_counts
from lfads_nb.datasets.info import DatasetInfo
from lfads_nb.errors import DataError

SPIKES = np.random.default_rng(0).poisson(0.5, (6, 10, 4))


def save(path, **arrays):
    np.savez_compressed(path, **arrays)
    return path


def test_npz_with_everything(tmp_path):
    path = save(
        tmp_path / "day1.npz",
        counts=SPIKES,
        time_ms=np.arange(0, 50, 5),
        condition_ids=np.array(["a", "b", "c"] * 2),
        truth=SPIKES / 2,
        external_inputs=np.ones((6, 10, 3)),
        subject="Ada",
        datetime="31-Jan-2018",
    )
    counts = read_counts(path)
    np.testing.assert_array_equal(counts.counts, SPIKES)
    assert counts.condition_ids.tolist() == ["a", "b", "c"] * 2
    assert (counts.bin_ms, counts.name) == (5, "day1")
    assert counts.metadata == {"subject": "Ada", "datetime": "2018-01-31T00:00:00"}
    info = peek_info(path)
    expected = DatasetInfo.from_counts(counts)
    assert info.mean_rate_hz is None
    assert {**vars(info), "mean_rate_hz": 0} == {**vars(expected), "mean_rate_hz": 0}


def test_bin_width_instead_of_a_time_vector(tmp_path):
    path = save(tmp_path / "a.npz", spikes=SPIKES, bin_ms=2.0)
    assert read_counts(path).time_ms.tolist() == list(range(0, 20, 2))
    assert peek_info(path).bin_ms == 2
    one_bin = save(tmp_path / "b.npz", counts=SPIKES[:, :1], bin_ms=20.0)
    assert read_counts(one_bin).bin_ms == peek_info(one_bin).bin_ms == 20


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"counts": SPIKES}, "time_ms, or the bin width as bin_ms"),
        ({"rates": SPIKES}, "no array counts or spikes, only rates"),
        ({"counts": SPIKES[0], "bin_ms": 1}, "3 dimensions|is missing"),
        ({"counts": SPIKES.transpose(0, 2, 1), "time_ms": np.arange(10)}, r"transpose\(0, 2, 1\)"),
        (
            {"counts": SPIKES, "bin_ms": 1, "condition_ids": np.array(["a", None], dtype=object)},
            "plain string array",
        ),
    ],
)
@pytest.mark.parametrize("look", [read_counts, peek_info])
def test_what_does_not_fit_is_refused(tmp_path, arrays, message, look):
    path = save(tmp_path / "a.npz", **arrays)
    with pytest.raises(DataError, match=message):
        look(path)
