"""How many cores a process may use."""

from lfads_nb.cores import usable_cores


def test_a_slurm_job_uses_the_cores_that_it_was_given(monkeypatch):
    there = usable_cores()
    monkeypatch.setenv("SLURM_CPUS_PER_TASK", "1")
    assert usable_cores() == 1
    monkeypatch.setenv("SLURM_CPUS_PER_TASK", "1000")
    assert usable_cores() == there
