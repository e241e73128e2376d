"""Settings of a user's own class that may not run here: shown, kept, never guessed.

Whatever can be looked at without the class still opens. What it may change (training, other values)
raises the reason why it may not run.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from pydantic import PrivateAttr

from lfads_nb.errors import RunFolderError, UntrustedCodeError
from lfads_nb.sweep.params import RunParams

_HASH = re.compile(r"[A-Za-z0-9_-]{6}")


class StoredParams(RunParams):
    """A setting as it is stored: the values that every setting has, and the hashes of its folders.

    `set_values` has those of its own class too, in the order of the file.
    """

    _values: dict[str, Any] = PrivateAttr(default_factory=dict)
    _reference: str = PrivateAttr("")
    _param_hash: str = PrivateAttr("")
    _data_hash: str = PrivateAttr("")
    _why: UntrustedCodeError = PrivateAttr()

    @classmethod
    def of(
        cls, values: Mapping[str, Any], *, param_hash: Any, data_hash: Any, why: UntrustedCodeError
    ) -> StoredParams:
        """Make the setting of what a file says.

        Raises
        ------
        ParamsError
            A value that every setting has cannot be used.
        RunFolderError
            The file does not tell the hashes, which nothing but the class could work out.
        """
        params = cls(**{name: v for name, v in values.items() if name in RunParams.model_fields})
        for found in (param_hash, data_hash):
            if not isinstance(found, str) or not _HASH.fullmatch(found):
                raise RunFolderError(f"its folders are not known without its class. {why}")
        params._values, params._reference, params._why = dict(values), why.reference, why
        params._param_hash, params._data_hash = param_hash, data_hash
        return params

    @property
    def reference(self) -> str:
        """Its class, as the file names it."""
        return self._reference

    @property
    def why(self) -> UntrustedCodeError:
        """Why its class may not run."""
        return self._why

    @property
    def param_hash(self) -> str:
        return self._param_hash

    @property
    def data_hash(self) -> str:
        return self._data_hash

    def set_values(self) -> dict[str, Any]:
        return dict(self._values)

    def non_defaults(self) -> dict[str, Any]:
        fields = RunParams.model_fields
        return {
            name: value
            for name, value in self._values.items()
            if name not in fields or getattr(self, name) != fields[name].default
        }

    def copy(self, **changes: Any) -> RunParams:  # type: ignore[override]  # noqa: ARG002
        raise self._why

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RunParams) and self.param_hash == other.param_hash

    def __hash__(self) -> int:
        return hash(self.param_hash)


def check_own_code(params: RunParams) -> None:
    """Make sure that a setting's own class runs, before anything is trained with it.

    Raises
    ------
    UntrustedCodeError
        It may not run here.
    """
    if isinstance(params, StoredParams):
        raise params.why
