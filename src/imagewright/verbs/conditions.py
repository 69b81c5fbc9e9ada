"""Classes and attributes as users name them, to the numbers that models take."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from imagewright.errors import UserError, nearest_name

MOST_NAMED = 12  # classes that a message lists


def class_number(class_names: Sequence[str], label: int | str) -> int:
    """The number of a class given by name or number. Raises `UserError`, with the nearest name, for any other.

    Names go before numbers: of classes called "5" and "3", `label="3"` is the second.
    """
    number = find_number(class_names, label)
    if number is None:
        raise UserError(
            f"There is no class {label!r}.{nearest_name(str(label), class_names)} The {len(class_names)} classes: "
            f"{listed(class_names)}, or their numbers from 0 to {len(class_names) - 1}."
        )
    return number


def find_number(names: Sequence[str], given: int | str) -> int | None:
    """The place of a name, or of a number from 0, among names; None if there is no such name or number."""
    text = str(given)
    if text in names:
        return list(names).index(text)
    return int(text) if text.isdecimal() and int(text) < len(names) else None


def listed(names: Sequence[str]) -> str:
    """The first names, for a message."""
    return ", ".join(names[:MOST_NAMED]) + (" ..." if len(names) > MOST_NAMED else "")


def attribute_row(attribute_names: Sequence[str], given: Mapping[str, float]) -> Tensor:
    """(1, A) float32: the given values from 0 to 1, and NaN for the other attributes.

    Raises `UserError` for an unknown attribute, with the nearest name, and for a value outside 0 to 1.
    """
    values = torch.full((1, len(attribute_names)), torch.nan)
    for name, value in given.items():
        if name not in attribute_names:
            raise UserError(
                f"There is no attribute {name!r}.{nearest_name(name, attribute_names)} "
                f"The {len(attribute_names)}: {', '.join(attribute_names)}."
            )
        if not 0 <= value <= 1:
            raise UserError(f"The attribute {name} is a number from 0 (without) to 1 (with), not {value:g}.")
        values[0, list(attribute_names).index(name)] = value
    return values
