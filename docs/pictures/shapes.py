"""Draws docs/pictures/shapes.webp: sprites of the set `shapes`, pairs, both domains, and the faces of two people."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

import imagewright as iw
from imagewright.faces.drawn.heads import ANNA, BERT
from imagewright.shape_files.people import draw_face

SIDE, COLUMNS = 64, 12
OUT = Path(__file__).with_name("shapes.webp")


def row(source: str) -> np.ndarray:
    images = iw.open_images(source, SIDE)
    pixels = images.batch(np.arange(len(images))).images.permute(0, 2, 3, 1).numpy()
    return np.concatenate(list(np.repeat(pixels, 3 // pixels.shape[3], 3)), 1)


def heads() -> np.ndarray:
    drawn = [draw_face(person, number, 96, 4).picture for number in range(COLUMNS // 2) for person in (ANNA, BERT)]
    middle = [Image.fromarray(picture).crop((28, 12, 164, 148)) for picture in drawn]
    return np.concatenate([np.asarray(each.resize((SIDE, SIDE), Image.Resampling.LANCZOS)) for each in middle], 1)


def pairs(kind: str) -> np.ndarray:
    images = iw.open_images(f"shapes:{kind},count={COLUMNS // 2},seed=5,size={SIDE}")
    return np.concatenate(list(images.batch(np.arange(len(images))).images.permute(0, 2, 3, 1).numpy()), 1)


sprites = [row(f"shapes:count={COLUMNS},seed={seed}") for seed in (3, 8)]
domains = [row(f"shapes:{texture},count={COLUMNS},seed=11") for texture in ("striped", "dotted")]
rows = [*sprites, pairs("pairs"), pairs("label-pairs"), *domains, heads()]
Image.fromarray(np.concatenate(rows)).save(OUT, quality=84, method=6)
print(OUT, OUT.stat().st_size)
