from hypothesis import given
from hypothesis import strategies as st

from lfads_nb.queue.devices import Device
from lfads_nb.queue.plan import Occupant, Wish, make_plan, never_fits

GB = 1024


def gpu(index, free_gb=10.0, total_gb=16.0, slots=4):
    key = f"GPU-{index}"
    return Device(key, "Card", "gpu", free_gb * GB, total_gb * GB, key, slots, index)


def wish(run, gb=2.0, **options):
    return Wish(run, options.pop("batch", "b"), lambda _: gb * GB, **options)


def placed(plan):
    return {w.run: device.index for w, device in plan.starts}


def test_runs_spread_over_gpus_in_their_order():
    plan = make_plan([wish("a"), wish("b"), wish("c")], [gpu(0), gpu(1)], [])
    assert placed(plan) == {"a": 0, "b": 1}


def test_a_run_waits_with_the_numbers_when_others_took_the_memory_and_smaller_ones_pass():
    devices = [gpu(0, free_gb=3.1), gpu(1, free_gb=1.0)]
    plan = make_plan([wish("big", 6.0), wish("small", 2.0)], devices, [])
    assert plan.waits == {"big": "needs 6.0 GB, GPU 0 has 3.1 GB free"}
    assert placed(plan) == {"small": 0}


def test_memory_that_a_starting_run_has_not_taken_yet_counts_as_taken():
    occupant = Occupant("GPU-0", "b", alone=False, unclaimed_mb=8 * GB)
    plan = make_plan([wish("a", 4.0, alone=False)], [gpu(0)], [occupant])
    assert plan.waits == {"a": "needs 4.0 GB, GPU 0 has 2.0 GB free"}


def test_gpu_list_and_the_limit_of_a_launch_are_kept():
    devices = [gpu(0), gpu(1), gpu(2)]
    wishes = [
        wish("a", gpu_list=(2,)),
        wish("b", batch="c", max_of_batch=1),
        wish("d", batch="c", max_of_batch=1),
    ]
    plan = make_plan(wishes, devices, [])
    assert placed(plan) == {"a": 2, "b": 0}
    assert plan.waits == {"d": "1 runs of its launch are running, its limit"}


def test_runs_that_share_a_gpu_fill_it_up_to_its_memory():
    wishes = [wish(str(i), 3.0, alone=False) for i in range(5)]
    assert len(make_plan(wishes, [gpu(0)], []).starts) == 3


def test_what_can_never_fit_is_told_with_the_numbers():
    assert never_fits(wish("a", 20.0), [gpu(0)]) == (
        "needs 20.0 GB of memory, and the largest device (GPU 0, Card) has 16.0 GB in all"
    )
    assert "GPUs here are: 0" in never_fits(wish("a", gpu_list=(3,)), [gpu(0)])
    assert never_fits(wish("a", 12.0), [gpu(0, free_gb=1.0)]) == ""


@given(
    st.lists(st.tuples(st.floats(0.1, 20), st.booleans(), st.integers(0, 2)), max_size=12),
    st.lists(st.tuples(st.floats(0, 16), st.integers(1, 3)), min_size=1, max_size=3),
)
def test_no_device_is_ever_given_more_than_it_has(wanted, cards):
    devices = [gpu(i, free_gb=free, slots=slots) for i, (free, slots) in enumerate(cards)]
    wishes = [
        wish(str(i), gb, alone=alone, batch=str(batch), max_of_batch=2)
        for i, (gb, alone, batch) in enumerate(wanted)
    ]
    plan = make_plan(wishes, devices, [])
    for device in devices:
        here = [w for w, d in plan.starts if d.key == device.key]
        assert sum(w.memory_mb("gpu") for w in here) <= device.free_mb + 1e-6
        assert len(here) <= device.slots
        assert len(here) == 1 or not any(w.alone for w in here)
    for batch in "012":
        assert sum(w.batch == batch for w, _ in plan.starts) <= 2
    assert not {w.run for w, _ in plan.starts} & set(plan.waits)
