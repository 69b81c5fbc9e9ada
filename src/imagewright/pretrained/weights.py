"""Where weight files come from: the user's own folder, the cache, or a download that is checked.

A file is looked for in the folder of the variable IMAGEWRIGHT_WEIGHTS, then in `<cache>/weights`, then fetched into the
latter. Wherever it was found, it is used only if its checksum is that of the published file.
"""

from __future__ import annotations

import os
from pathlib import Path

from imagewright.errors import DataError
from imagewright.images.cache import cache_folder
from imagewright.images.fetching import RemoteFile, checked, fetch


def weight_file(name: str, file: RemoteFile, mirrors: tuple[str, ...], also: tuple[str, ...] = ()) -> Path:
    """The path of a weight file whose checksum is right, fetched if need be.

    `name`: of the network, for messages. `mirrors`: base URLs, to which the file's name is added. `also`: other names
    that the same bytes are distributed under. Raises `DataError` where it cannot be had, saying what to put where, and
    for a file of that name that is not the published one.
    """
    found = placed(file, also)
    if found is not None:
        return checked(found, file)
    try:
        return fetch("weights", file, mirrors, weights_folder())
    except DataError as error:
        if (weights_folder() / file.name).exists():  # it is there and is not the one, which the error says
            raise
        raise DataError(
            f"The network {name!r} needs its weights: {error} A folder of your own where it is can be named by "
            "IMAGEWRIGHT_WEIGHTS."
        ) from error


def weights_folder() -> Path:
    """Where fetched weights are kept, and files put by hand are found."""
    return cache_folder(None) / "weights"


def placed(file: RemoteFile, also: tuple[str, ...] = ()) -> Path | None:
    """The first file of that name, or of one of the others, in the user's folder and the cache; not yet checked."""
    own = os.environ.get("IMAGEWRIGHT_WEIGHTS")
    folders = [*([Path(own).expanduser()] if own else []), weights_folder()]
    for folder in folders:
        for name in (file.name, *also):
            if (folder / name).is_file():
                return folder / name
    return None
