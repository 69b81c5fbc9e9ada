"""The pictures of an outlier search: the strangest beside the most ordinary, and heat maps of reconstruction errors."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from torch import Tensor

from imagewright.analysis.feature_tables import FeatureStream
from imagewright.analysis.outliers.detectors import PrincipalProjection
from imagewright.analysis.outliers.scores import tidy
from imagewright.analysis.sheets import format_score, load_pictures, short_names
from imagewright.capabilities import verbs_of
from imagewright.catalogue import name_of
from imagewright.images import Images
from imagewright.output.figures import SEQUENTIAL, new_figure, save_figure
from imagewright.output.grids import draw_grid
from imagewright.pixels import to_float, to_uint8
from imagewright.seeds import derive_seed
from imagewright.verbs.apply import RunLike, reconstruct, resolve_model

if TYPE_CHECKING:
    from PIL import Image

COLUMNS = 8
FAILURES_SHOWN = 8
MOST_FITTED = 2_000  # ordinary pictures that the components of the heat map are fitted to


def draw_extremes(
    images: Images, order: np.ndarray, score: np.ndarray, title: str, count: int, size: tuple[int, int]
) -> Image.Image:
    """The sheet of the strangest and the most ordinary pictures, with names and scores.

    images: N pictures.
    order: their indices, the strangest first.
    score: (N,), higher for outliers.
    title: of the sheet.
    count: pictures on each half.
    size: (height, width) of the pictures on the sheet.
    """
    count = max(1, min(count, len(order) // 2))
    ends = {"strangest": order[:count], "most ordinary": order[::-1][:count]}
    columns = min(COLUMNS, count)
    rows = -(-count // columns)
    both = np.concatenate(list(ends.values())).tolist()
    names = dict(zip(both, short_names([images.name(index) for index in both]), strict=True))
    shown = tidy(score)
    chosen, captions, row_labels = [], [], []
    for label, indices in ends.items():
        filled = np.concatenate([indices, np.full(rows * columns - count, -1)])
        chosen.append(filled)
        captions += [f"{names[i]}\n{format_score(shown[i])}" if i >= 0 else "" for i in filled.tolist()]
        row_labels += [label, *[""] * (rows - 1)]
    pictures = load_pictures(images, np.concatenate(chosen), size)
    return draw_grid(pictures, columns, row_labels=row_labels, captions=captions, title=title)


def draw_failures(
    images: Images,
    order: np.ndarray,
    clean: Images | None,
    run: RunLike | None,
    seed: int,
    path: Path,
    *,
    force: bool = False,
) -> Path:
    """Write the strangest pictures, their reconstructions and the error at each pixel, on one scale for all.

    images: N pictures.
    order: their indices, the strangest first.
    clean: the ordinary pictures that were learned from, if they were others.
    run: reconstructs the pictures if it can; otherwise the principal components of ordinary pictures do.
    seed: of the choice of ordinary pictures.
    path: of the file.
    force: whether to replace an existing file.
    """
    shown = order[: min(FAILURES_SHOWN, len(order))]
    rebuilds = run is not None and "reconstruct" in verbs_of(resolve_model(run))
    if run is not None and rebuilds:
        pictures = load_pictures(images, shown, resolve_model(run).config.size)
        rebuilt, by = reconstruct(run, pictures), name_of(resolve_model(run))
    else:
        ordinary = order[len(shown) :] if clean is None else np.arange(len(clean))
        pictures = images.batch(shown).images
        rebuilt, by = _rebuild_by_pca(pictures, images if clean is None else clean, ordinary, seed)
    names = short_names([images.name(int(index)) for index in shown])
    return _save_failures(pictures, rebuilt, names, by, path, force=force)


class _RawPixels:
    """Unchanged pixels in [-1, 1] as a feature space."""

    name, resolution, block = "raw pixels", 1e-6, 512

    def resize(self, images: Images) -> Images:
        return images

    def features(self, images: Tensor) -> Tensor:
        return to_float(images).flatten(1)


def _rebuild_by_pca(pictures: Tensor, images: Images, ordinary: np.ndarray, seed: int) -> tuple[Tensor, str]:
    """Pictures (N, C, H, W) rebuilt from the leading components of ordinary ones, and a description of how.

    ordinary: indices in `images`.
    """
    if len(ordinary) < 2:
        return pictures, "nothing: too few other pictures"
    if len(ordinary) > MOST_FITTED:
        generator = np.random.default_rng(derive_seed(seed, "rebuilt from"))
        ordinary = generator.choice(ordinary, MOST_FITTED, replace=False)
    projection = PrincipalProjection(FeatureStream(images.subset(np.sort(ordinary)), _RawPixels()), seed)
    leading = projection.leading_count() if projection.varies else 0
    coordinates = projection(to_float(pictures).flatten(1)).coordinates[:, :leading]
    rebuilt = projection.spectrum.mean + coordinates @ projection.spectrum.basis[:leading]
    return to_uint8(rebuilt.reshape(pictures.shape)), f"{leading} principal components of {len(ordinary):,} others"


def _save_failures(original: Tensor, rebuilt: Tensor, names: list[str], by: str, path: Path, *, force: bool) -> Path:
    errors = (original.int() - rebuilt.int()).abs().float().mean(1).numpy()
    count = len(names)
    height, width = original.shape[2:]
    cell = 1.35
    with new_figure(1.2 + cell * count + 0.9, 3 * cell * height / width + 0.9) as figure:
        axes = figure.subplots(3, count, squeeze=False)
        scale = max(float(errors.max()), 1.0)
        for column, name in enumerate(names):
            for row, pictures in enumerate((original, rebuilt)):
                pixels = pictures[column].permute(1, 2, 0).numpy()
                axes[row, column].imshow(
                    pixels.squeeze(-1) if pixels.shape[2] == 1 else pixels, cmap="gray", vmax=255, vmin=0
                )
            drawn = axes[2, column].imshow(errors[column], cmap=SEQUENTIAL, vmin=0, vmax=scale)
            axes[0, column].set_title(name, fontsize=8)
        for axis in axes.flat:
            axis.set_xticks([])
            axis.set_yticks([])
            axis.grid(False)
            axis.spines[:].set_visible(False)
        for row, label in enumerate(("picture", "rebuilt", "error")):
            axes[row, 0].set_ylabel(label)
        figure.colorbar(drawn, ax=axes[2, :].tolist(), label="grey levels", shrink=0.9)
        figure.suptitle(f"The strangest, rebuilt by {by}", fontsize=11)
        return save_figure(figure, path, force=force)
