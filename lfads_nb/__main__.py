"""`python -m lfads_nb` is `lfads-nb`."""

from lfads_nb.cli import app

if __name__ == "__main__":
    app(prog_name="lfads-nb")
