"""The methods of `compress`: resolved from names or runs, and fitted coders built from them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from imagewright import catalogue, configs
from imagewright.analysis.compression.coders import BlockCoder, Coder, LatentCoder, cut_to_blocks
from imagewright.analysis.compression.jpeg_coder import JPEGCoder
from imagewright.capabilities import Reconstructs, require
from imagewright.errors import ConfigError, DataError, UserError, nearest_name
from imagewright.images import Images
from imagewright.images.headers import count_jpegs
from imagewright.model import Model, Stream
from imagewright.pixels import size_text
from imagewright.runs.loading import load
from imagewright.runs.places import RECORD
from imagewright.runs.points import names_point, split_point
from imagewright.runs.run import Run
from imagewright.statistics.fitting import TensorStream, fit_model

JPEG, BLOCKS = "jpeg", "pca-blocks"
MOST_TRAINING = 2000  # pictures that the distributions of latents are fitted to; PCA itself is fitted to all
MOST_BLOCKS = 50_000


def resolve_method(method: str | Path | Model) -> tuple[str, str | Model]:
    """The label of a method, and its name in the catalogue or its model. A run takes precedence over a name.

    Raises `UserError` for an unknown method, and for a model that cannot reconstruct or must be trained first.
    """
    if isinstance(method, Model):
        require(method, Reconstructs)
        return catalogue.name_of(method), method
    name, path, known = str(method), Path(method), [JPEG, BLOCKS, *catalogue.entries()]
    if path.is_file() or (path / RECORD).is_file() or names_point(name) or (path.exists() and name not in known):
        model = load(method)
        require(model, Reconstructs, name)
        return path.resolve().name, model
    if name not in known:
        raise UserError(
            f"There is no method or run {name!r}.{nearest_name(name, known)} Compare {JPEG}, pca, {BLOCKS}, or the "
            "path of a run."
        )
    if name not in (JPEG, BLOCKS):
        model_class = catalogue.model_class(name)
        require(model_class, Reconstructs)
        if not model_class.is_closed_form() or issubclass(model_class.Config, configs.LabelledConfig):
            raise UserError(
                f"{name} is not fitted in the comparison: train it first (`imagewright train {name} SOURCE`), and "
                "name its run."
            )
    return name, name


def at_one_size(images: Images, models: Sequence[Model], notes: list[str]) -> Images:
    """The images without opacity, at the size and channels of the models, which must agree.

    notes: a note is appended for each change.
    """
    shapes = {model.config.image_shape for model in models}
    if len(shapes) > 1:
        sizes = " and ".join(f"{size_text((height, width))}x{channels}" for channels, height, width in sorted(shapes))
        raise UserError(f"The runs were trained at different sizes, {sizes}: compare runs of one size.")
    channels, height, width = next(iter(shapes), (images.channels, *images.size))
    if images.size_given and (height, width) != images.size:
        raise ConfigError(
            f"--size {size_text(images.size)}, but the run was trained at {size_text((height, width))}: leave the size "
            "out."
        )
    if (height, width) != images.size:
        notes.append(f"The pictures are resized to {size_text((height, width))}, the size of the run.")
    if channels == 4:
        if shapes:
            raise UserError("The run was trained on transparent pictures, which JPEG files cannot hold.")
        channels = 3
        notes.append("Transparent pictures are laid on white.")
    if (channels, height, width) == (images.channels, *images.size):
        return images
    return images.with_size((height, width), channels)


def build_coder(
    label: str,
    model: str | Model,
    training: Images | None,
    size: tuple[int, int],
    components: int,
    qualities: Sequence[int],
    subsampling: str,
) -> Coder:
    """The coder of a method, fitted to the training part if the method needs a fit.

    label: name of the coder.
    model: from `resolve_method`.
    training: the pictures to fit to; None if there are none.
    size: (height, width) of all pictures.
    components: the most components of a model that is fitted here.
    qualities, subsampling: of JPEG.
    """
    if model == JPEG:
        return JPEGCoder(qualities, subsampling, label)
    if isinstance(model, Model) and catalogue.name_of(model) == JPEG:
        options: Any = model.config
        return JPEGCoder([options.quality], options.subsampling, label)
    if training is None:
        raise DataError(
            f"{label} is fitted to pictures other than those it is tested on, and there is one picture only: give "
            "more, or compare JPEG alone, which needs no fit (--methods jpeg)."
        )
    some = np.linspace(0, len(training) - 1, min(MOST_TRAINING, len(training))).round().astype(np.int64)
    pictures = training.batch(some).images
    if model == BLOCKS:
        blocks = cut_to_blocks(pictures[: max(1, MOST_BLOCKS * 64 // math.prod(size))], BlockCoder.SIDE)
        values = math.prod(blocks.shape[1:])
        pca = _fit_up_to("pca", TensorStream(blocks), values, most=values)
        return BlockCoder(label, LatentCoder(label, pca, blocks), size)
    if isinstance(model, str):
        model = _fit_up_to(model, training, training.channels * math.prod(size), most=components)
    return LatentCoder(label, model, pictures)


def _fit_up_to(name: str, pictures: Images | Stream, values: int, most: int) -> Model:
    """`fit_model` with as many components as pictures of so many pixel values allow, up to `most`."""
    options: dict[str, Any] = {}
    if "components" in configs.options_of(catalogue.model_class(name).Config):
        options["components"] = max(1, min(most, len(pictures) - 1, values))
    return fit_model(name, pictures, **options)


def unique_label(label: str, taken: Sequence[str]) -> str:
    """The label, with a number if it is taken already."""
    number, unique = 1, label
    while unique in taken:
        number += 1
        unique = f"{label} {number}"
    return unique


def note_seen_pictures(
    methods: Sequence[str | Path | Model], coders: Sequence[Coder], images: Images, notes: list[str]
) -> None:
    """Append a note for each run that was trained on the pictures that it is tested on."""
    for method, coder in zip(methods, coders, strict=True):
        if (
            isinstance(method, Model)
            or isinstance(coder, JPEGCoder)
            or not ((path := split_point(method)[0]) / RECORD).is_file()
        ):
            continue
        trained_on = Run(path).record.get("source")
        if isinstance(trained_on, dict) and trained_on.get("fingerprint") == images.fingerprint:
            notes.append(
                f"{Path(method).name} was trained on all of these pictures, also on those that it is tested on: "
                "compare on another split or source for a fair figure."
            )


def note_jpegs(images: Images, notes: list[str]) -> None:
    """Append a note if pictures were JPEG files of this size: they have lost before what JPEG loses."""
    jpegs, of = count_jpegs(images)
    if jpegs:
        notes.append(
            f"{jpegs:,} of {of:,} pictures looked at are JPEG files at this size: they have already lost what JPEG "
            "drops, which flatters it. Pictures that never were JPEGs (PNG, TIFF), or a smaller --size, are fairer."
        )
