from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))


@pytest.fixture(scope="session")
def judged():
    """What the benchmark's own program (nlb_tools 0.0.4) gave; see judge.py."""
    return json.loads((HERE / "judged.json").read_text())


@pytest.fixture(scope="session")
def nlb_file(tmp_path_factory):
    """Write each kind of the benchmark's files once."""
    from nlb_files import write_nlb_file

    pytest.importorskip("pynwb")
    folder, written = tmp_path_factory.mktemp("nlb"), {}

    def write(kind="mc_maze", **how):
        key = (kind, *how.items())
        if key not in written:
            written[key] = write_nlb_file(folder / f"{kind}-{len(written)}.nwb", kind=kind, **how)
        return written[key]

    return write
