"""Make the second picture of the README: a photograph that smiles more or less on request.

python docs/pictures/smile.py VAE_RUN, after the two commands that the README shows beside it.

The photograph is NASA's portrait of Eileen Collins, in the public domain, as scikit-image has it. It is cut as CelebA's
pictures are: the eyes at the same places, with the top row repeated above the frame.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from PIL import Image
from skimage import data

import imagewright as iw

STRENGTHS = (-3, -2, -1, 0, 1, 2, 3)
ABOVE, LEFT, WIDTH, HEIGHT = 27, 122, 205, 251  # pixels: rows that are added, and the frame


def portrait() -> Image.Image:
    """The photograph in CelebA's frame."""
    padded = np.pad(data.astronaut(), ((ABOVE, 0), (0, 0), (0, 0)), mode="edge")
    return Image.fromarray(padded[:HEIGHT, LEFT : LEFT + WIDTH])


def main() -> None:
    (run,) = sys.argv[1:]
    edited = iw.edit_sheet(run, [portrait()], {"smile": STRENGTHS}, full_size=True)
    assert edited.results is not None
    labels = [f"{strength:+d}" if strength else "the photograph" for strength in STRENGTHS]
    sheet = iw.Sheet(
        np.stack(edited.results.images), columns=len(STRENGTHS), column_labels=labels, record=edited.record, scale=1
    )
    sheet.write(Path(__file__).parent / "smile.jpg", force=True)


if __name__ == "__main__":
    main()
