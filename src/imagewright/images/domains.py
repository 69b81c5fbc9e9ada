"""Two domains out of one labelled set: the pictures of two classes, or those without and with an attribute."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from imagewright.errors import ConfigError, DataError, nearest_name
from imagewright.images.images import Images

WITHOUT = "not-"
"""Before the name of an attribute, the name of the domain of the pictures that do not have it."""
SHOWN = 50  # classes or attributes that a message lists: all of CelebA


def parse_domains(domains: str | Sequence[str]) -> tuple[str, ...]:
    """One name or two, from a sequence or from text such as "cat,dog". Raises `ConfigError` for other numbers."""
    given = domains.split(",") if isinstance(domains, str) else domains
    names = tuple(str(name).strip() for name in given)
    if len(names) == 2 and names[0] == f"{WITHOUT}{names[1]}":
        names = names[1:]
    if len(names) not in (1, 2) or not all(names) or len(set(names)) < len(names):
        raise ConfigError(
            f"domains={domains!r}: expected the names of two classes or of two attributes, such as cat,dog, or the "
            "name of one attribute, such as Smiling: pictures without and with it."
        )
    return names


def split_domains(images: Images, domains: str | Sequence[str] | None) -> dict[str, Images]:
    """The two domains of a labelled set, by their names.

    images: with classes or attributes.
    domains: two classes; or one attribute, whose domains are "not-NAME" and "NAME"; or two attributes: pictures that
        have the first and not the second, and the other way round. None takes the classes of a set that has two.

    Raises `DataError` if a name does not exist or no picture belongs to a domain, `ConfigError` for another number.
    """
    names: tuple[str, ...]
    if domains is None:
        with_pictures = images.with_classes().class_names or ()
        if len(with_pictures) != 2:
            raise ConfigError(
                f"{images.source} alone does not say which two domains: name two of its classes, or an attribute, with "
                f"--domains NAME,NAME. {_list_names(images)}"
            )
        names = tuple(with_pictures)
    else:
        names = parse_domains(domains)
    known = images.class_names or ()
    if len(names) == 2 and all(name in known for name in names):
        return {name: images.with_classes([name]) for name in names}
    return _split_by_attributes(images, names)


def _split_by_attributes(images: Images, names: tuple[str, ...]) -> dict[str, Images]:
    known, everything = images.attribute_names or (), [*(images.class_names or ()), *(images.attribute_names or ())]
    unknown = next((name for name in names if name not in everything), None)
    if unknown is not None:
        raise DataError(
            f"{images.source} has no class or attribute {unknown!r}.{nearest_name(unknown, everything)} "
            f"{_list_names(images)}"
        )
    if any(name not in known for name in names):
        one = next(name for name in names if name not in known)
        raise DataError(f"{one} is a class of {images.source}: name two classes. {_list_names(images)}")
    assert images.attributes is not None
    columns = {name: images.attributes[:, known.index(name)] for name in names}
    if len(names) == 1:
        chosen = {f"{WITHOUT}{names[0]}": columns[names[0]] == 0, names[0]: columns[names[0]] == 1}
    else:
        one, other = names
        chosen = {
            one: (columns[one] == 1) & (columns[other] == 0),
            other: (columns[other] == 1) & (columns[one] == 0),
        }
    for name, rows in chosen.items():
        if not rows.any():
            raise DataError(f"No picture of {images.source} belongs to the domain {name}, so that there is only one.")
    return {name: images.subset(np.flatnonzero(rows)) for name, rows in chosen.items()}


def _list_names(images: Images) -> str:
    found = [
        f"{title}: {', '.join(names[:SHOWN])}{f', and {len(names) - SHOWN} more' if len(names) > SHOWN else ''}."
        for title, names in (("Its classes", images.class_names), ("Its attributes", images.attribute_names))
        if names
    ]
    return " ".join(found) or "It has neither classes nor attributes: --labels FILE names a table of them."
