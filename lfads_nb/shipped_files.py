"""Templates and notebooks that travel with the package, installed or in a checkout."""

from __future__ import annotations

import shutil
from pathlib import Path

_PACKAGE = Path(__file__).parent


def shipped_folder(name: str) -> Path:
    """Return the folder `templates` or `notebooks` of the installed wheel or of the checkout."""
    inside, beside = _PACKAGE / name, _PACKAGE.parent / name
    return inside if inside.is_dir() else beside


def copy_notebooks(folder: Path) -> None:
    """Put the notebooks into a folder to work in; one that is there already is left alone."""
    folder.mkdir(parents=True, exist_ok=True)
    for source in sorted(shipped_folder("notebooks").glob("*.ipynb")):
        if not (folder / source.name).exists():
            shutil.copyfile(source, folder / source.name)
