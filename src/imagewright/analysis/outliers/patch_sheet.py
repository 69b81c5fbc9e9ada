"""Heat maps of the strangest pictures: how far each of their patches is from the patches of ordinary pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from imagewright.analysis.outliers.patches import PatchMemory
from imagewright.analysis.sheets import short_names
from imagewright.images import Images
from imagewright.output.figures import SEQUENTIAL, new_figure, save_figure

SHOWN = 8
SMOOTHED = 4.0  # pixels at the network's size, as in the paper
CELL = 1.5  # inches


def heat_maps(images: Images, indices: np.ndarray, memory: PatchMemory) -> tuple[Tensor, Tensor]:
    """Pictures at the size that the network sees, uint8 (n, C, H, W), and their distances in usual ones, (n, H, W).

    images: the set.
    indices: of the pictures, int64 (n,).
    memory: what they are compared with.
    """
    seen = memory.features.resize(images.subset(indices)).prepare().batch(np.arange(len(indices))).images
    distances = memory.distances(memory.features.features(seen), memory.groups_of(indices))[0] / memory.usual
    size = seen.shape[2:]
    maps = functional.interpolate(distances[:, None], size=size, mode="bilinear", align_corners=False)
    return seen, _smoothed(maps)[:, 0]


def write_patch_sheet(
    images: Images, order: np.ndarray, memory: PatchMemory, path: Path, *, force: bool = False
) -> Path:
    """Write the strangest pictures and, below each, the distances of its patches, on one scale for all.

    images: N pictures.
    order: their indices, the strangest first.
    memory: what they were compared with.
    path: of the file.
    force: whether to replace an existing file.
    """
    shown = order[: min(SHOWN, len(order))]
    seen, maps = heat_maps(images, shown, memory)
    names = short_names([images.name(int(index)) for index in shown], 20)
    height, width = seen.shape[2:]
    with new_figure(1.0 + CELL * len(shown) + 1.0, 2 * CELL * height / width + 1.0) as figure:
        axes = figure.subplots(2, len(shown), squeeze=False)
        low, high = min(1.0, float(maps.max())), float(maps.max())  # below the usual distance nothing is strange
        for column, name in enumerate(names):
            pixels = seen[column].permute(1, 2, 0).numpy()
            axes[0, column].imshow(
                pixels.squeeze(-1) if pixels.shape[2] == 1 else pixels, cmap="gray", vmin=0, vmax=255
            )
            axes[0, column].set_title(name, fontsize=8)
            drawn = axes[1, column].imshow(maps[column].numpy(), cmap=SEQUENTIAL, vmin=low, vmax=max(high, low + 1e-6))
        for axis in axes.flat:
            axis.set(xticks=[], yticks=[])
            axis.grid(False)
            axis.spines[:].set_visible(False)
        for row, label in enumerate(("picture", "patches")):
            axes[row, 0].set_ylabel(label)
        figure.colorbar(
            drawn, ax=axes.ravel().tolist(), label="distance from ordinary patches,\nin usual distances", shrink=0.9
        )
        figure.suptitle(f"Where the strangest differ, by patches ({memory.features.maps.name})", fontsize=11)
        return save_figure(figure, path, force=force)


def _smoothed(maps: Tensor) -> Tensor:
    """A Gaussian blur of maps (n, 1, H, W), edges repeated."""
    reach = min(round(3 * SMOOTHED), min(maps.shape[2:]) - 1)
    kernel = torch.exp(-0.5 * (torch.arange(-reach, reach + 1) / SMOOTHED) ** 2)
    kernel = (kernel / kernel.sum()).view(1, 1, 1, -1)
    padded = functional.pad(maps, (reach, reach, reach, reach), mode="replicate")
    return functional.conv2d(functional.conv2d(padded, kernel), kernel.transpose(2, 3))
