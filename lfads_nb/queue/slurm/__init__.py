"""Runs on a SLURM cluster, as job arrays: no dask, and nothing of ours on the login node.

A submission is a folder in the collection's `jobs/`: the script that SLURM was given, which element
of the array is which run, the job's id, and what the jobs printed. Where a run is stands in its own
folder, as everywhere; SLURM is asked only for what no folder can tell.
"""
