"""A note on sets of a few pictures, of which a model that is trained by steps learns each by heart."""

from __future__ import annotations

from imagewright.errors import count_text

FEW_PICTURES = 11  # from so many pictures on, nothing is said
ONE = "holds one picture"


def few_pictures_note(count: int, source: str) -> str:
    """What to expect of a training on so few pictures, and what to do.

    count: from 1 to 10.
    source: as the user named it.
    """
    held = ONE if count == 1 else f"holds {count_text(count, 'picture')}"
    learned = "repeats it" if count == 1 else "repeats them, and blends of them"
    return f"{source} {held}: a model trained on so few {learned}, and nothing new; give some hundred or more."
