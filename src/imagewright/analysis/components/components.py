"""`components`: the mean of a set of pictures, the directions in which they vary, and how many directions are needed.

Turk & Pentland 1991, "Eigenfaces for recognition", for any pictures; with ICA, LDA and random projection besides PCA.
"""

from __future__ import annotations

import dataclasses
import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from imagewright import catalogue
from imagewright.analysis.components.methods import METHODS, NAMES, SHARES, SINGULAR
from imagewright.errors import DataError, UserError, count_text, nearest_name
from imagewright.files import write_whole, written_together
from imagewright.images import Images, open_images
from imagewright.images.float_stream import FloatStream
from imagewright.notebooks import NotebookDisplay
from imagewright.output.writing import refuse_existing, write_image
from imagewright.pixels import size_text, to_float
from imagewright.progress import Progress
from imagewright.reprs import MORE, WRITES, short_repr
from imagewright.statistics.decomposition import Decomposition, compute_all_shares, decompose, find_elbow
from imagewright.training.setting import build_config

FILES = ("components.png", "variance.png", "strip.png", "sum.png", "components.json")
DEFAULT_COUNT = 150  # of PCA and random projection; ICA and LDA have their own defaults
LEAST_FOR_AN_ELBOW = 4  # components
LARGEST_SIDE = 128  # pixels, unless the user gives a size
# PCA computes the leading variances. All variances are computed too if that costs some seconds at most: a symmetric
# matrix of side S = min(N, D) for N pictures of D pixel values (`compute_all_shares`).
ALL_VARIANCES_MAX_SIDE = 3072  # S
ALL_VARIANCES_MAX_NUMBERS = 2**26  # S D, the numbers in memory
ALL_VARIANCES_MAX_PRODUCTS = 2**37  # S N D, the multiplications
MOST_MEASURED = 300  # pictures whose pairwise distances are measured
STRIP = (10, *range(30, 151, 20))


@dataclass(frozen=True, kw_only=True)
class Components(NotebookDisplay):
    """Pictures decomposed into their mean and components. Pictures are float32 (C, H, W) in [-1, 1].

    method: "pca", "ica", "lda" or "random".
    model: the fitted model.
    images: the pictures, at the size that the model was fitted to.
    decomposition: mean, K directions and their shares of the variance.
    elbow: the number of components before the elbow of their variances. None for fewer than four components, and for
        lda and random.
    counts: the number of components that explain 90, 95 and 99 % of the variance, by share; None if the known
        components explain less.
    picture_index: index of the example picture.
    picture: the example picture, (C, H, W).
    latents: the latents of the example picture, (K,).
    strip: (k, the example picture rebuilt from k components (C, H, W), RMSE in grey levels) for ascending k.
    facts: results that only this method has.
    """

    method: str
    model: Any
    images: Images
    decomposition: Decomposition
    elbow: int | None
    counts: dict[float, int | None]
    picture_index: int
    picture: Tensor
    latents: Tensor
    strip: list[tuple[int, Tensor, float]]
    facts: dict[str, Any]

    def __repr__(self) -> str:
        what = f"{len(self.latents)} components ({self.method}) of {count_text(len(self.images), 'picture')}"
        return short_repr(self, what, WRITES, MORE)

    def to_dict(self) -> dict[str, Any]:
        """All numbers, as JSON values."""
        return {
            "method": self.method,
            "config": dataclasses.asdict(self.model.config),
            "source": self.images.describe(),
            "components": len(self.decomposition.directions),
            "explained_variance": [round(float(share), 8) for share in self.decomposition.component_shares],
            "explained_variance_together": [round(float(share), 8) for share in self.decomposition.cumulative_shares],
            "elbow": self.elbow,
            "components_for": {f"{share:.0%}": count for share, count in self.counts.items()},
            "picture": {"index": self.picture_index, "name": self.images.name(self.picture_index)},
            "weights": [round(float(weight), 6) for weight in self.latents],
            "strip": [{"components": count, "error": round(error, 4)} for count, _, error in self.strip],
            **self.facts,
        }

    def lines(self) -> list[str]:
        """A summary in sentences."""
        images, parts = self.images, self.decomposition
        count = len(parts.directions)
        what = f"{count} {NAMES[self.method]} explain" if count > 1 else f"one {SINGULAR[self.method]} explains"
        lines = [
            f"{count_text(len(images), 'picture')} of {size_text(images.size)}x{images.channels}: {what} "
            f"{float(parts.cumulative_shares[count - 1]):.1%} of the variance."
        ]
        known = len(parts.cumulative_shares)
        counts = [
            f"{share:.0%}: {'more than ' if needed is None else ''}{needed or known:,}"
            for share, needed in self.counts.items()
        ]
        elbow = f" Before the elbow: {self.elbow}." if self.elbow else ""
        lines.append(f"Components that explain {', '.join(counts)}.{elbow}")
        weights = [f"{float(weight):+.2f} x {place}" for place, weight in enumerate(self.latents[:6], 1)]
        end = " ..." if count > len(weights) else "."
        lines.append(f"{Path(images.name(self.picture_index)).name} is near the mean {' '.join(weights)}{end}")
        if not self.facts.get("rotation_settled", True):
            lines.append("The rotation did not converge, so these components are unreliable: ask for fewer.")
        if "epsilon_guaranteed" in self.facts:
            lines.append(self._distortion_line())
        return lines

    @written_together()
    def write(self, folder: str | Path, *, force: bool = False) -> list[Path]:
        """Write four pictures and `components.json`; returns their paths.

        folder: created if it is missing.
        force: whether to replace existing files.

        Raises `RunError` if a file exists (without `force`) or cannot be written.
        """
        from imagewright.analysis.components import figures
        from imagewright.output.provenance import COMPOSITE, make_record

        paths = [Path(folder) / name for name in FILES]
        refuse_existing(paths, force=force)
        settings = {"method": self.method, "source": Path(self.images.source).name, "picture": self.picture_index}
        record = make_record("components", model=METHODS[self.method], settings=settings, source_type=COMPOSITE)
        write_image(figures.draw_components(self), paths[0], record, force=force)
        figures.write_variance(self, paths[1], record, force=force)
        write_image(figures.draw_strip(self), paths[2], record, force=force)
        write_image(figures.draw_sum(self), paths[3], record, force=force)
        write_whole(paths[4], json.dumps(self.to_dict(), indent=2, allow_nan=False) + "\n", is_result=True)
        return paths

    def _distortion_line(self) -> str:
        from imagewright.models.linear.random_projection import dimensions_for

        epsilon, measured = self.facts["epsilon_guaranteed"], self.facts["distances_kept"]
        ratios = (
            f"Squared distances between {measured['pictures']} pictures became {measured['least']:.2f} to "
            f"{measured['most']:.2f} times what they were. "
        )
        if epsilon is not None:
            return ratios + f"The bound of Johnson and Lindenstrauss allows {1 - epsilon:.2f} to {1 + epsilon:.2f}."
        needed = dimensions_for(0.5, len(self.images))
        return ratios + (
            f"{len(self.decomposition.directions)} dimensions are too few for any bound (Johnson-Lindenstrauss): "
            f"50% takes {needed:,}."
        )


def components(
    source: Any,
    method: Literal["pca", "ica", "lda", "random"] = "pca",
    components: int | None = None,
    *,
    size: int | tuple[int, int] | None = None,
    picture: int = 0,
    seed: int = 0,
    progress: Progress | None = None,
    **opening: Any,
) -> Components:
    """Decompose pictures into their mean and components.

    source: as for `open_images`.
    method: "pca", "ica", "lda" (discriminants of labelled classes), or "random" (random projection).
    components: how many; by default 150 (ica: 64, lda: one fewer than classes), or as many as there can be.
    size: size of the pictures. By default at most 128 pixels a side.
    picture: index of the example picture to rebuild.
    seed: random seed of the methods that use random numbers.
    progress: called with (done, total) in pictures, in each pass over them.
    opening: further options of `open_images`; `count` is the former name of `components`.

    Raises `UserError` for an unknown method or picture, `ConfigError` for more components than there can be, and
    `DataError` for a single picture, for pictures that are all equal, and (lda) without labels.
    """
    if method not in METHODS:
        raise UserError(f"method={method}, but it must be one of {', '.join(METHODS)}.{nearest_name(method, METHODS)}")
    count = opening.pop("count", components)
    if count is not None and count < 1:
        raise UserError(f"components={count}, but at least one is needed.")
    images = _limit_size(open_images(source, size, **opening)).prepare()
    if method == "lda":
        images = images.with_classes()
    if len(images) < 2:
        raise DataError(f"{images.source} holds one picture, and components need two or more: give more pictures.")
    if not 0 <= picture < len(images):
        raise UserError(
            f"picture={picture}, but the {len(images):,} pictures are numbered from 0 to {len(images) - 1:,}."
        )
    watch = None if progress is None else lambda seen: progress(seen, len(images))
    stream = FloatStream(images, watch)
    with torch.inference_mode():
        model = _fit_model(images, stream, method, count, seed)
        parts = _decompose_model(model, stream, method, count)
        example = to_float(images.batch(np.array([picture])).images)
        latents = model.encode(example)[0, : len(parts.directions)]
        facts = _compute_facts(model, method, images)
    has_elbow = method in ("pca", "ica") and len(parts.component_shares) >= LEAST_FOR_AN_ELBOW
    return Components(
        method=method,
        model=model,
        images=images,
        decomposition=parts,
        elbow=find_elbow(parts.component_shares.sort(descending=True).values) if has_elbow else None,
        counts={share: parts.components_for(share) for share in SHARES},
        picture_index=picture,
        picture=example[0],
        latents=latents,
        strip=_rebuild_strip(parts, example[0]),
        facts=facts,
    )


def _limit_size(images: Images) -> Images:
    """The images at no more than `LARGEST_SIDE` pixels a side, unless the user chose their size."""
    if images.size_given or max(images.size) <= LARGEST_SIDE:
        return images
    shrink = LARGEST_SIDE / max(images.size)
    return images.with_size((max(1, round(images.height * shrink)), max(1, round(images.width * shrink))))


def _fit_model(images: Images, stream: FloatStream, method: str, count: int | None, seed: int) -> Any:
    """Fit the model of a method, with `count` components or its default number."""
    pixels = images.channels * images.height * images.width
    wanted = count
    if method == "pca":
        wanted = count or min(DEFAULT_COUNT, len(images) - 1, pixels)
    elif method == "random":
        wanted = count or min(DEFAULT_COUNT, pixels)
    options: dict[str, Any] = {"seed": seed} | ({} if wanted is None else {"components": wanted})
    model: Any = catalogue.model_class(METHODS[method])(build_config(METHODS[method], images, options, {}))
    model.fit(stream)
    return model


def _decompose_model(model: Any, stream: FloatStream, method: str, count: int | None) -> Decomposition:
    """Decompose a fitted model; for PCA into the first `count` directions, with the variances that are known."""
    if method != "pca":
        return decompose(model, stream)
    pixels = math.prod(model.config.image_shape)
    if model.all_variances is not None:
        shares = (model.all_variances / model.total_variance).double().cumsum(0)
    elif _can_compute_all_variances(len(stream), pixels):
        shares = compute_all_shares(model.mean.view(model.config.image_shape), stream)
    else:
        shares = model.explained_variance_ratio.double().cumsum(0)
    return decompose(model, stream, shares.clamp(max=1), first=count or DEFAULT_COUNT)


def _can_compute_all_variances(pictures: int, pixels: int) -> bool:
    """Whether all variances of N pictures of D pixel values can be computed in some seconds."""
    side = min(pictures, pixels)
    return (
        side <= ALL_VARIANCES_MAX_SIDE
        and side * pixels <= ALL_VARIANCES_MAX_NUMBERS
        and side * pictures * pixels <= ALL_VARIANCES_MAX_PRODUCTS
    )


def _compute_facts(model: Any, method: str, images: Images) -> dict[str, Any]:
    """The results that only this method has."""
    if method == "ica":
        return {"rotation_steps": int(model.steps), "rotation_settled": bool(model.settled)}
    if method == "lda":
        return {
            "classes": list(model.class_names),
            "variance_between_to_within": [round(float(ratio), 6) for ratio in model.ratios],
        }
    if method == "random":
        return {"epsilon_guaranteed": model.distortion, "distances_kept": _measure_distortion(model, images)}
    return {}


def _measure_distortion(model: Any, images: Images) -> dict[str, Any]:
    """The extreme ratios of squared distances between latents to squared distances between pictures.

    Measured for at most `MOST_MEASURED` pictures, evenly spread.
    """
    chosen = np.linspace(0, len(images) - 1, min(len(images), MOST_MEASURED)).astype(np.int64)
    pictures = to_float(images.batch(chosen).images.contiguous())
    before, after = (torch.pdist(rows.flatten(1).double()).square() for rows in (pictures, model.encode(pictures)))
    ratios = after[before > 0] / before[before > 0] if before.any() else torch.ones(1)
    return {"pictures": len(chosen), "least": round(float(ratios.min()), 6), "most": round(float(ratios.max()), 6)}


def _rebuild_strip(parts: Decomposition, picture: Tensor) -> list[tuple[int, Tensor, float]]:
    """The picture rebuilt from 10, 30, 50 ... 150 and all components; in at most 8 even steps if K is below 70."""
    most = len(parts.directions)
    counts = [count for count in STRIP if count <= most]
    if len(counts) < 4:
        counts = sorted({max(1, round(most * step / 8)) for step in range(1, 9)})
    elif counts[-1] != most:
        counts.append(most)
    rebuilt = parts.rebuild(picture, counts)
    errors = (rebuilt - picture).square().mean((1, 2, 3)).sqrt() * 127.5
    return list(zip(counts, rebuilt, errors.tolist(), strict=True))
