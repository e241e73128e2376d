"""`population.json`: what a population is, for every process that meets its folder."""

from __future__ import annotations

from dataclasses import dataclass

from lfads_nb.atomic_files import write_json
from lfads_nb.errors import LfadsError, RunFolderError
from lfads_nb.plain_text import check_dataset_name, check_name, plain_text
from lfads_nb.sweep.folders import PopulationFolder
from lfads_nb.sweep.population import Population
from lfads_nb.sweep.run_record import collection_of, read_json
from lfads_nb.sweep.search_space import SearchSpace
from lfads_nb.version import __version__

SCHEMA = 1
_MOST = 10**8


@dataclass(frozen=True)
class PopulationRecord:
    """A population on a run spec's datasets.

    Parameters
    ----------
    collection, spec : str
        By name.
    datasets : tuple of str
    population : Population
    n_bins, n_channels : int, float
        Of the prepared data; channels are the sessions' mean.
    ramp_epochs : int
        Epochs until the penalties have risen.
    """

    collection: str
    spec: str
    datasets: tuple[str, ...]
    population: Population
    n_bins: int
    n_channels: float
    ramp_epochs: int

    @property
    def name(self) -> str:
        """`<spec>__pbt_XXXXXX`."""
        return population_run_name(self.spec, self.population)

    @property
    def space(self) -> SearchSpace:
        """What is searched, in our units for these data."""
        p = self.population
        return p.space.in_units_of(self.n_bins, self.n_channels, p.base)

    def save(self, folder: PopulationFolder) -> None:
        """Write it into a population's folder."""
        content = {
            "schema": SCHEMA,
            "collection": self.collection,
            "spec": self.spec,
            "name": self.name,
            "hash": self.population.hash,
            "data_hash": self.population.base.data_hash,
            "datasets": list(self.datasets),
            "n_bins": self.n_bins,
            "n_channels": self.n_channels,
            "ramp_epochs": self.ramp_epochs,
            "population": self.population.to_json(),
            "space_in_our_units": self.space.to_json(),
            "package_version": __version__,
        }
        write_json(folder.population_json, content)

    @classmethod
    def load(cls, folder: PopulationFolder) -> PopulationRecord:
        """Read it from a population's folder.

        Raises
        ------
        RunFolderError
            If the file is missing, unreadable, or of an unknown schema.
        """
        hint = "prepare the population first: rc.prepare()"
        content = read_json(folder.population_json, SCHEMA, hint=hint)
        for name in ("n_bins", "n_channels", "ramp_epochs"):
            value = content.get(name)
            if not isinstance(value, int | float) or not 0 <= value < _MOST:
                raise RunFolderError(
                    f"{folder.population_json} cannot be used: {name} is {value!r}"
                )
        try:
            return cls(
                collection=plain_text(content["collection"]),
                spec=check_name(content["spec"], "run spec"),
                datasets=tuple(check_dataset_name(name) for name in content["datasets"]),
                population=Population.from_json(
                    content["population"], folder=collection_of(folder)
                ),
                n_bins=content["n_bins"],
                n_channels=content["n_channels"],
                ramp_epochs=content["ramp_epochs"],
            )
        except KeyError as missing:
            raise RunFolderError(f"{folder.population_json} lacks {missing}") from missing
        except (LfadsError, TypeError) as error:
            raise RunFolderError(f"{folder.population_json} cannot be used: {error}") from error


def population_run_name(spec: str, population: Population) -> str:
    """Name a population after its run spec and hash."""
    return f"{spec}__{population.population_name}"
