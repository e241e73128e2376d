"""`run.json`: what a run is, for every process that meets its folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lfads_nb.atomic_files import write_json
from lfads_nb.errors import CollectionError, LfadsError, RunFolderError, UntrustedCodeError
from lfads_nb.own_code import find_code, reading_files
from lfads_nb.plain_text import check_dataset_name, check_name, plain_text
from lfads_nb.references import reference_to
from lfads_nb.regular_files import read_json as read_any_json
from lfads_nb.sweep.folders import RunFolder
from lfads_nb.sweep.params import RunParams
from lfads_nb.sweep.stored_params import StoredParams
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
        """Read it from a run's folder; nothing that it names runs unless it may.

        A setting whose class may not run comes back as `StoredParams`.

        Raises
        ------
        RunFolderError
            If the file is missing, unreadable, or of an unknown schema.
        """
        path = folder.run_json
        content = read_json(path, SCHEMA, hint="prepare the run first: rc.prepare()")
        try:
            names = content["datasets"]
            if not isinstance(names, list) or not names:
                raise RunFolderError("its datasets are not a list of names")
            return cls(
                collection=plain_text(content["collection"]),
                spec=check_name(content["spec"], "run spec"),
                params=params_from_json(content, folder=collection_of(folder)),
                datasets=tuple(check_dataset_name(name) for name in names),
            )
        except KeyError as missing:
            raise RunFolderError(f"{path} lacks {missing}") from missing
        except (RunFolderError, CollectionError) as error:
            raise RunFolderError(f"{path} cannot be used: {error}") from error


def collection_of(folder: RunFolder) -> Path:
    """Return the folder of the collection that a run lies in."""
    path = folder.path.absolute()
    above = [path, *path.parents][2:5]
    return next((p for p in above if (p / "collection.json").exists()), path.parent.parent)


def run_name(spec: str, params: RunParams) -> str:
    """Name a run after its run spec and setting."""
    return f"{spec}__{params.param_name}"


def params_to_json(params: RunParams) -> dict[str, Any]:
    """Return every value, so that later defaults cannot change an old run, and the class if own."""
    content: dict[str, Any] = {"params": params.set_values()}
    if isinstance(params, StoredParams):
        content["params_class"] = params.reference
    elif type(params) is not RunParams:
        content["params_class"] = reference_to(type(params))
    if "params_class" in content:
        # Where its class may not run, nothing else tells its folders.
        content |= {"param_hash": params.param_hash, "data_hash": params.data_hash}
    return content


def params_from_json(
    content: Mapping[str, Any],
    *,
    folder: Path | None = None,
    hashes: Mapping[str, tuple[str, str]] | None = None,
) -> RunParams:
    """Make the setting that `params_to_json` wrote.

    Parameters
    ----------
    content : what it wrote.
    folder : the collection's folder, which trust in own code is given for.
    hashes : parameter and data hash of settings as `values_key` names them, for old files that do
        not tell those of settings of own classes.

    Raises
    ------
    RunFolderError
        If it cannot be made, with the reason.
    """
    reference, values = content.get("params_class", ""), content["params"]
    if reference is None:
        raise RunFolderError(
            "these parameters are of a class that was typed into a notebook: put the class into a "
            "module, so that other processes can import it"
        )
    if not isinstance(values, dict):
        raise RunFolderError(f"the stored parameters are a {type(values).__name__}, not a table")
    try:
        params_class = RunParams
        if reference:
            params_class = find_code("params", reference, folder=folder, base=RunParams)
        with reading_files():
            params = params_class(**values)
        _ = params.param_hash, params.data_hash  # worked out now, so that they are refused now
        return params
    except UntrustedCodeError as error:
        return _stored(content, error, hashes or {})
    except LfadsError as error:
        raise RunFolderError(f"the stored parameters cannot be used: {error}") from error
    except (ValueError, TypeError, OverflowError, RecursionError) as error:
        raise RunFolderError(
            f"the stored parameters cannot be used: {type(error).__name__}: {error}"
        ) from error


def _stored(
    content: Mapping[str, Any], why: UntrustedCodeError, hashes: Mapping[str, tuple[str, str]]
) -> RunParams:
    known = (content.get("param_hash"), content.get("data_hash"))
    if known == (None, None):
        known = hashes.get(values_key(content["params"]), known)
    try:
        return StoredParams.of(content["params"], param_hash=known[0], data_hash=known[1], why=why)
    except LfadsError as error:
        raise RunFolderError(f"the stored parameters cannot be used: {error}") from error


def values_key(values: Mapping[str, Any]) -> str:
    """Name a setting by its values, to find the same one in another file."""
    return repr(sorted(values.items()))


def read_json(path: Path, schema: int, *, hint: str) -> dict[str, Any]:
    """Read one of our JSON files and check its schema number.

    Raises
    ------
    RunFolderError
        If it is missing, is not JSON, or has another schema number.
    """
    try:
        content = read_any_json(path)
    except FileNotFoundError:
        raise RunFolderError(f"{path} is missing: {hint}") from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise RunFolderError(f"{path} cannot be read: {reason}") from error
    found = content.get("schema") if isinstance(content, dict) else None
    if found != schema or isinstance(found, bool):
        raise RunFolderError(
            f"{path} has schema {repr(found)[:40]}, but this version of lfads_nb knows schema "
            f"{schema}: open it with the version that wrote it"
        )
    return content
