"""`run.json`: what a run is, for every process that meets its folder."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from lfads_nb.atomic_files import write_json
from lfads_nb.errors import LfadsError, RunFolderError
from lfads_nb.imports import import_reference, reference_to
from lfads_nb.sweep.folders import RunFolder
from lfads_nb.sweep.params import RunParams
from lfads_nb.version import __version__

SCHEMA = 1


@dataclass(frozen=True)
class RunRecord:
    """What a run is: its collection, run spec, setting and datasets, by name."""

    collection: str
    spec: str
    params: RunParams
    datasets: tuple[str, ...]

    @property
    def name(self) -> str:
        """`<spec>__param_XXXXXX`."""
        return run_name(self.spec, self.params)

    @property
    def param_hash(self) -> str:
        return self.params.param_hash

    @property
    def data_hash(self) -> str:
        return self.params.data_hash

    def save(self, folder: RunFolder) -> None:
        """Write it into a run's folder."""
        content = {
            "schema": SCHEMA,
            "collection": self.collection,
            "spec": self.spec,
            "name": self.name,
            "param_hash": self.param_hash,
            "data_hash": self.data_hash,
            "datasets": list(self.datasets),
            **params_to_json(self.params),
            "package_version": __version__,
        }
        write_json(folder.run_json, content)

    @classmethod
    def load(cls, folder: RunFolder) -> RunRecord:
        """Read it from a run's folder.

        Raises
        ------
        RunFolderError
            If the file is missing, unreadable, or of an unknown schema.
        """
        content = read_json(folder.run_json, SCHEMA, hint="prepare the run first: rc.prepare()")
        try:
            return cls(
                collection=content["collection"],
                spec=content["spec"],
                params=params_from_json(content),
                datasets=tuple(content["datasets"]),
            )
        except KeyError as missing:
            raise RunFolderError(f"{folder.run_json} lacks {missing}") from missing


def run_name(spec: str, params: RunParams) -> str:
    """Name a run after its run spec and setting."""
    return f"{spec}__{params.param_name}"


def params_to_json(params: RunParams) -> dict[str, Any]:
    """Return every value, so that later defaults cannot change an old run, and the class if own."""
    content: dict[str, Any] = {"params": params.set_values()}
    if type(params) is not RunParams:
        content["params_class"] = reference_to(type(params))
    return content


def params_from_json(content: dict[str, Any]) -> RunParams:
    """Make the setting that `params_to_json` wrote.

    Raises
    ------
    RunFolderError
        If it cannot be made, with the reason.
    """
    reference = content.get("params_class", "")
    if reference is None:
        raise RunFolderError(
            "these parameters are of a class that was typed into a notebook: put the class into a "
            "module, so that other processes can import it"
        )
    params_class = import_reference(reference, "parameter class") if reference else RunParams
    try:
        return params_class(**content["params"])
    except LfadsError as error:
        raise RunFolderError(f"the stored parameters cannot be used: {error}") from error


def read_json(path: Any, schema: int, *, hint: str) -> dict[str, Any]:
    """Read one of our JSON files and check its schema number.

    Raises
    ------
    RunFolderError
        If it is missing, is not JSON, or has another schema number.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise RunFolderError(f"{path} is missing: {hint}") from None
    except (OSError, ValueError) as error:
        raise RunFolderError(f"{path} cannot be read: {error}") from error
    found = content.get("schema") if isinstance(content, dict) else None
    if found != schema:
        raise RunFolderError(
            f"{path} has schema {found!r}, but this version of lfads_nb knows schema {schema}: "
            "open it with the version that wrote it"
        )
    return content
