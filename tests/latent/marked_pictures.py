"""Pictures with known attributes: grey noise with a bright patch, a bright stripe, both or neither; a fitted PCA."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
from PIL import Image

import imagewright as iw
from imagewright.runs.run import Run
from imagewright.training.reporting import Silent

SIDE = 12
PATCH = (slice(1, 5), slice(1, 5))
STRIPE = (slice(8, 10), slice(0, SIDE))
BRIGHTER = 90


def marked(count: int, agreement: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Pictures uint8 (N, 1, H, W), and bool (N, 2): patch, stripe. Both are equal in a share `agreement` of them."""
    generator = np.random.default_rng(seed)
    patch = generator.random(count) < 0.5
    stripe = np.where(generator.random(count) < agreement, patch, ~patch)
    pixels = generator.normal(100, 12, (count, SIDE, SIDE))
    pixels[:, *PATCH] += BRIGHTER * patch[:, None, None]
    pixels[:, *STRIPE] += BRIGHTER * stripe[:, None, None]
    return pixels.clip(0, 255).astype(np.uint8)[:, None], np.column_stack([patch, stripe])


def write_marked(folder: Path, pixels: np.ndarray, values: np.ndarray) -> Path:
    """A folder of PNG files with a table of their attributes `Patch` and `Stripe`."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "attributes.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["image", "Patch", "Stripe"])
        for number, (picture, (patch, stripe)) in enumerate(zip(pixels, values, strict=True)):
            Image.fromarray(picture[0]).save(folder / f"{number:04}.png")
            table.writerow([f"{number:04}.png", int(patch), int(stripe)])
    return folder


def fitted_pca(pixels: np.ndarray, out: Path, components: int = 6) -> Run:
    return iw.train("pca", pixels, out=out, components=components, reporter=Silent())
