"""Arguments of wrong types in Python end in one sentence that names them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from imagewright.errors import ConfigError, DataError
from imagewright.images import open_images


@pytest.mark.parametrize(
    "wrong",
    [
        {"crop": 5},
        {"crop": None},
        {"resize": 3},
        {"only": 5},
        {"exclude": [5]},
        {"split": 3},
        {"layers": 5},
        {"layers": [5]},
        {"kinds": 5},
        {"kinds": {"image": 5}},
        {"cache_dir": 5},
        {"flip": "no"},
        {"strict": "no"},
        {"cache": "no"},
        {"size": True},
        {"size": (True, 8)},
        {"channels": True},
        {"channels": {1: 3}},
        {"label_column": 3},
    ],
)
def test_an_argument_of_a_wrong_type_is_named_with_what_was_expected(folder: Path, wrong: dict[str, Any]) -> None:
    (name,) = wrong
    with pytest.raises(ConfigError, match=rf"^{name}=.*: expected ") as error:
        open_images(folder, **wrong)
    assert len(str(error.value).splitlines()) == 1


def test_numbers_and_flags_of_numpy_and_lists_are_taken(folder: Path) -> None:
    images = open_images(folder, size=[np.int64(8), 6], channels=np.int32(1), flip=np.bool_(True), only=["0*", "1*"])  # type: ignore[arg-type]
    assert (images.size, len(images)) == ((8, 6), 2)


def test_sources_of_wrong_types_are_named(folder: Path) -> None:
    for source in ({1: str(folder)}, {}):
        with pytest.raises(ConfigError, match=r"source=.*expected a source for each layer"):
            open_images(source)
    with pytest.raises(DataError, match=r"^A set of pictures has no order, which labels need: give a list"):
        open_images({str(folder / "0.png")})
