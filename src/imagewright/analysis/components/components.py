"""`components`: what pictures are made of. The mean, the directions they vary in, and how many of them it takes.

Turk & Pentland 1991, "Eigenfaces for recognition", for any pictures, and by other linear methods than PCA.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from imagewright import catalogue
from imagewright.errors import DataError, UserError, nearest_name
from imagewright.images import Images, open_images
from imagewright.images.float_stream import FloatStream
from imagewright.pixels import to_float
from imagewright.statistics.decomposition import Decomposition, all_shares, decomposed, elbow_of
from imagewright.statistics.spectra import EXACT_PIXELS
from imagewright.training.setting import build_config

METHODS = {"pca": "pca", "ica": "ica", "lda": "lda", "random": "random_projection"}
USUAL = 150  # components of PCA and random ones, where the user names no number; the others have their own
LEAST_FOR_AN_ELBOW = 4
SHARES = (0.9, 0.95, 0.99)
LARGEST_SIDE = 128  # of the pictures looked at, unless the user names a size
# All variances, and not only the first, are computed up to so many pictures or pixel values, whichever are fewer, so
# many numbers held at once, and so many multiplications (some seconds each).
FEW, FEW_NUMBERS, FEW_PRODUCTS = 3072, 2**26, 2**37
MEASURED = 300  # pictures whose distances are compared
STRIP = (10, *range(30, 151, 20))


@dataclass(frozen=True)
class Components:
    """What `components` found. Pictures are float32 in [-1, 1] unless said otherwise.

    `method`; `model`, the fitted one; `images`, as they were looked at; `decomposition`: mean, directions and the
    shares of variance; `elbow`, how many come before the bend of their variances, None where there are too few or these
    do not fall; `counts`, how many explain 90, 95 and 99 % of the variance, None for more than are known; `shown`, the
    index of the picture taken as example; `picture` (C, H, W); `weights` (K,), its latents; `strip`, it rebuilt from k
    components, (k, picture, error) each, the error being the root of the mean squared difference in grey levels of 0
    to 255; `facts` of the method alone.
    """

    method: str
    model: Any
    images: Images
    decomposition: Decomposition
    elbow: int | None
    counts: dict[float, int | None]
    shown: int
    picture: Tensor
    weights: Tensor
    strip: list[tuple[int, Tensor, float]]
    facts: dict[str, Any]

    def to_dict(self) -> dict[str, Any]:
        """The numbers, ready for JSON."""
        return {
            "method": self.method,
            "config": dataclasses.asdict(self.model.config),
            "source": self.images.describe(),
            "components": len(self.decomposition.directions),
            "explained_variance": [round(float(share), 8) for share in self.decomposition.gains],
            "explained_variance_together": [round(float(share), 8) for share in self.decomposition.shares],
            "elbow": self.elbow,
            "components_for": {f"{share:.0%}": count for share, count in self.counts.items()},
            "picture": {"index": self.shown, "name": self.images.name(self.shown)},
            "weights": [round(float(weight), 6) for weight in self.weights],
            "strip": [{"components": count, "error": round(error, 4)} for count, _, error in self.strip],
            **self.facts,
        }


def components(
    source: Any,
    method: Literal["pca", "ica", "lda", "random"] = "pca",
    count: int | None = None,
    *,
    size: int | tuple[int, int] | None = None,
    picture: int = 0,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
    **opening: Any,
) -> Components:
    """Take pictures apart into a mean and components: principal, independent, telling classes apart, or random.

    `source` and `opening`: as for `open_images`; pictures of more than 128 pixels a side are made smaller unless
    `size` is given. `count`: of components; by default 150 (64 independent ones; to tell classes apart, one fewer than
    classes), or as many as there can be.
    `picture`: the index of the one to rebuild. `progress(done, total)` is told of each pass.

    Raises `UserError` for an unknown method or picture, `ConfigError` for more components than there can be, and
    `DataError` for a single picture, for pictures that are all equal, and for missing labels where they are needed.
    """
    if method not in METHODS:
        raise UserError(f"method={method}, but it must be one of {', '.join(METHODS)}.{nearest_name(method, METHODS)}")
    if count is not None and count < 1:
        raise UserError(f"components={count}, but there must be one at least.")
    images = _at_a_size(open_images(source, size, **opening)).prepare()
    if len(images) < 2:
        raise DataError(f"{images.source} holds one picture: what pictures are made of shows in how several differ.")
    if not 0 <= picture < len(images):
        raise UserError(
            f"picture={picture}, but the {len(images):,} pictures are numbered from 0 to {len(images) - 1:,}."
        )
    watch = None if progress is None else lambda seen: progress(seen, len(images))
    stream = FloatStream(images, watch)
    with torch.inference_mode():
        model = _fitted(images, stream, method, count, seed)
        parts = _decomposition(model, stream, method, count)
        example = to_float(images.batch(np.array([picture])).images)
        weights = model.encode(example)[0, : len(parts.directions)]
        facts = _facts(model, method, images)
    bends = method in ("pca", "ica") and len(parts.gains) >= LEAST_FOR_AN_ELBOW
    return Components(
        method=method,
        model=model,
        images=images,
        decomposition=parts,
        elbow=elbow_of(parts.gains.sort(descending=True).values) if bends else None,
        counts={share: parts.components_for(share) for share in SHARES},
        shown=picture,
        picture=example[0],
        weights=weights,
        strip=_strip(parts, example[0]),
        facts=facts,
    )


def _at_a_size(images: Images) -> Images:
    """No larger than `LARGEST_SIDE`, unless the user chose: what pictures are made of shows in small ones."""
    if images.size_given or max(images.size) <= LARGEST_SIDE:
        return images
    shrink = LARGEST_SIDE / max(images.size)
    return images.with_size((max(1, round(images.height * shrink)), max(1, round(images.width * shrink))))


def _fitted(images: Images, stream: FloatStream, method: str, count: int | None, seed: int) -> Any:
    pixels = images.channels * images.height * images.width
    most, wanted = min(len(images) - 1, pixels), count
    if method == "pca":
        # Small pictures: all, for the same work. Too many are refused in the model's words.
        wanted = max(count or 1, most) if pixels <= EXACT_PIXELS else count or min(USUAL, most)
    elif method == "random":
        wanted = count or min(USUAL, pixels)
    options: dict[str, Any] = {"seed": seed} | ({} if wanted is None else {"components": wanted})
    model: Any = catalogue.model_class(METHODS[method])(build_config(METHODS[method], images, options, {}))
    model.fit(stream)
    return model


def _decomposition(model: Any, stream: FloatStream, method: str, count: int | None) -> Decomposition:
    if method != "pca":
        return decomposed(model, stream)
    pixels = math.prod(model.config.image_shape)
    shares = model.explained_variance_ratio.double().cumsum(0)
    if pixels > EXACT_PIXELS and _are_few(len(stream), pixels):
        shares = all_shares(model.mean.view(model.config.image_shape), stream)
    return decomposed(model, stream, shares.clamp(max=1), first=count or USUAL)


def _are_few(pictures: int, pixels: int) -> bool:
    """Whether all variances of so many pictures can be had for little."""
    fewer = min(pictures, pixels)
    return fewer <= FEW and fewer * pixels <= FEW_NUMBERS and pictures * pixels * fewer <= FEW_PRODUCTS


def _facts(model: Any, method: str, images: Images) -> dict[str, Any]:
    """What only this method has to say."""
    if method == "ica":
        return {"rotation_steps": int(model.steps), "rotation_settled": bool(model.settled)}
    if method == "lda":
        return {
            "classes": list(model.class_names),
            "variance_between_to_within": [round(float(ratio), 6) for ratio in model.ratios],
        }
    if method == "random":
        return {"epsilon_guaranteed": model.distortion, "distances_kept": _distances_kept(model, images)}
    return {}


def _distances_kept(model: Any, images: Images) -> dict[str, Any]:
    """Squared distances between latents over those between pictures, of some pictures spread over the set."""
    chosen = np.linspace(0, len(images) - 1, min(len(images), MEASURED)).astype(np.int64)
    pictures = to_float(images.batch(chosen).images.contiguous())
    before, after = (torch.pdist(rows.flatten(1).double()).square() for rows in (pictures, model.encode(pictures)))
    ratios = after[before > 0] / before[before > 0] if before.any() else torch.ones(1)
    return {"pictures": len(chosen), "least": round(float(ratios.min()), 6), "most": round(float(ratios.max()), 6)}


def _strip(parts: Decomposition, picture: Tensor) -> list[tuple[int, Tensor, float]]:
    """The picture rebuilt from 10, 30, 50 ... 150 components, and from all; in closer steps where there are few."""
    most = len(parts.directions)
    counts = [count for count in STRIP if count <= most]
    if len(counts) < 4:
        counts = sorted({max(1, round(most * step / 8)) for step in range(1, 9)})
    elif counts[-1] != most:
        counts.append(most)
    rebuilt = parts.rebuilt(picture, counts)
    errors = (rebuilt - picture).square().mean((1, 2, 3)).sqrt() * 127.5
    return list(zip(counts, rebuilt, errors.tolist(), strict=True))
