"""`python -m lfads_nb` is `lfads-nb`."""

import os
import sys

if sys.path and os.path.realpath(sys.path[0]) == os.getcwd() and "lfads_nb" not in os.listdir():
    # `-m` puts the working folder first: files there must not pass for modules.
    del sys.path[0]

from lfads_nb.cli import program

if __name__ == "__main__":
    program(prog_name="lfads-nb")
