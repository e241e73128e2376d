"""`python -m lfads_nb` is `lfads-nb`."""

from lfads_nb.cli import program

if __name__ == "__main__":
    program(prog_name="lfads-nb")
