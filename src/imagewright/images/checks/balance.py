"""Notes on labels from which little can be learned: very uneven classes, and attributes that never vary."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from imagewright.images.annotations import Annotations

UNEVEN = 4  # from so many times as many pictures on, two sets are said to be of very different size
NAMED = 5  # attributes in a sentence


def class_notes(counts: Mapping[str, int]) -> list[str]:
    """A sentence on classes of very different size; none if they are about even.

    counts: the pictures of each class.
    """
    present = {name: count for name, count in counts.items() if count}
    if not present:
        return []
    fewest, most = (choose(present, key=lambda name: present[name]) for choose in (min, max))
    if present[most] < UNEVEN * present[fewest]:
        return []
    return [
        f"The classes are uneven: {most} has {present[most] / present[fewest]:.0f} times as many pictures as {fewest} "
        f"({present[most]:,} and {present[fewest]:,}). A model learns least of the classes with few pictures: more of "
        "them help most. --per-class NUMBER (per_class=) lists the classes with fewer."
    ]


def attribute_notes(known: Annotations) -> list[str]:
    """A sentence on attributes with one value in all pictures (those of which it is known); none if all vary."""
    if known.attributes is None or known.attribute_names is None or len(known.attributes) < 2:
        return []
    with_it, without = (known.attributes == 1).any(0), (known.attributes == 0).any(0)
    constant = [known.attribute_names[column] for column in np.flatnonzero(~(with_it & without))]
    if not constant:
        return []
    listed = ", ".join(constant[:NAMED]) + (f" and {len(constant) - NAMED:,} more" if len(constant) > NAMED else "")
    subject = f"The attribute {listed} has" if len(constant) == 1 else f"The attributes {listed} have"
    return [f"{subject} one value in all pictures: no model can learn from them what it changes. Leave it out."]
