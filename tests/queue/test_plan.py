from dataclasses import replace

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


def cpu(place, free_gb=10.0, total_gb=16.0):
    key = f"CPU {place}"
    return Device(key, "Processor", "cpu", free_gb * GB, total_gb * GB, "memory", 1, None)


def test_a_run_that_waits_says_for_what():
    busy = [Occupant("GPU-0", "b", alone=True, unclaimed_mb=0)]
    first = wish("a", gpu_list=(0,))
    waits = make_plan([first], [gpu(0), gpu(5)], busy).waits
    assert waits == {"a": "waits for GPU 0 to be free"}
    both = [*busy, Occupant("GPU-1", "b", alone=True, unclaimed_mb=0)]
    either = wish("a", gpu_list=(0, 1))
    waits = make_plan([either], [gpu(0), gpu(1), gpu(5)], both).waits
    assert waits == {"a": "waits for a free GPU"}
    there = [Occupant("CPU 0", "b", alone=False, unclaimed_mb=0)]
    two_places = replace(cpu(0), slots=2)
    waits = make_plan([wish("a")], [two_places], there).waits
    assert waits == {"a": "waits for a free place on the processor"}
    gone = make_plan([wish("a", gpu_list=(1, 2))], [gpu(0)], []).waits
    assert gone == {"a": "none of its GPUs (1, 2) is on this machine now"}
    small = make_plan([wish("a", 12.0)], [cpu(0, free_gb=3)], []).waits
    assert small == {"a": "needs 12.0 GB, the machine's memory has 3.0 GB free"}
    none = make_plan([wish("a", 1.0)], [gpu(0, free_gb=-0.5)], []).waits
    assert none == {"a": "needs 1.0 GB, GPU 0 has 0.0 GB free"}


def test_memory_that_fits_to_the_last_byte_fits():
    assert placed(make_plan([wish("a", 10.0)], [gpu(0)], [])) == {"a": 0}
    assert never_fits(wish("a", 16.0), [gpu(0)]) == ""


def test_the_emptiest_gpu_is_taken_and_then_the_one_with_most_memory():
    one_there = [Occupant("GPU-1", "x", alone=False, unclaimed_mb=0)]
    shared = wish("a", alone=False)
    assert placed(make_plan([shared], [gpu(0, 4.0), gpu(1, 9.0)], one_there)) == {"a": 0}
    assert placed(make_plan([shared], [gpu(0, 4.0), gpu(1, 9.0)], [])) == {"a": 1}


def test_slots_and_limits_count_what_runs_and_what_is_just_placed():
    two_slots = gpu(0, slots=2)
    there = [Occupant("GPU-0", "b", alone=False, unclaimed_mb=0)]
    wishes = [wish("a", 1.0, alone=False), wish("c", 1.0, alone=False)]
    assert placed(make_plan(wishes, [two_slots], there)) == {"a": 0}
    limited = [wish(n, 1.0, alone=False, max_of_batch=3) for n in "acd"]
    assert placed(make_plan(limited, [gpu(0, slots=9)], there)) == {"a": 0, "c": 0}


def test_a_need_may_differ_from_one_kind_of_device_to_another():
    on_kind = Wish("a", "b", {"gpu": 2.0 * GB, "cpu": 90.0 * GB}.__getitem__)
    assert placed(make_plan([on_kind], [gpu(0)], [])) == {"a": 0}
    assert make_plan([on_kind], [cpu(0)], []).waits["a"].startswith("needs 90.0 GB")
    assert never_fits(on_kind, [gpu(0)]) == ""


def test_a_list_of_gpus_that_are_not_here_is_refused_with_those_that_are():
    asked = wish("a", gpu_list=(3, 4))
    words = "gpu_list asks for GPU 3, 4, and the GPUs here are: "
    assert never_fits(asked, [gpu(0), gpu(1)]) == f"{words}0, 1"
    assert never_fits(asked, [cpu(0)]) == f"{words}none"


def test_only_so_many_runs_that_do_not_fit_are_passed_by_smaller_ones():
    """A launch of thousands must not be gone through at every turn."""
    big, small = [wish(f"big{i}", 90.0) for i in range(200)], wish("small", 1.0)
    assert placed(make_plan([*big[:199], small], [gpu(0)], [])) == {"small": 0}
    too_far = make_plan([*big, small], [gpu(0)], [])
    assert placed(too_far) == {}
    assert set(too_far.waits) == {w.run for w in big}


def test_where_every_place_is_taken_no_run_is_looked_at():
    full = [Occupant("GPU-0", "b", alone=True), Occupant("GPU-1", "b", alone=True)]
    plan = make_plan([wish("a"), wish("b", 90.0)], [gpu(0), gpu(1)], full)
    assert (plan.starts, plan.waits) == ([], {})


def test_a_run_that_has_taken_its_memory_counts_no_more_than_its_place():
    there = [Occupant("GPU-0", "b", alone=False)]
    assert placed(make_plan([wish("a", 10.0, alone=False)], [gpu(0)], there)) == {"a": 0}
