"""What the user is told of crops that show less than they seem to."""

from __future__ import annotations

from imagewright.errors import count_text


def about_crops(faces: int, size: int, enlarged: int, cut_off: int) -> list[str]:
    """Sentences on crops that are enlarged, or partly beyond the edge of the picture.

    faces: that were written.
    size: the side of a crop in pixels.
    enlarged: faces with fewer pixels than their crop.
    cut_off: crops of which more than a quarter is beyond the edge of the picture.
    """
    notes = []
    if enlarged:
        notes.append(
            f"{enlarged:,} of {count_text(faces, 'face')} have fewer pixels than {size}x{size}, and are enlarged: a "
            "smaller --size (size=) keeps them sharp."
        )
    if cut_off:
        notes.append(
            f"More than a quarter of {count_text(cut_off, 'crop')} is beyond the edge of the picture, and made up by "
            "reflection: a narrower --crop (crop=) shows less of it."
        )
    return notes
