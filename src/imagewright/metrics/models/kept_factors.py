"""What a translation or a reconstruction keeps of a sprite: place, size, turn, hue, shape and texture, by measure.

For pictures like those of the built-in set `shapes`, whose factors can be found again in pixels. Other pictures have
no such measures. Shape letters: N pictures, C H W.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from imagewright import catalogue
from imagewright.capabilities import Reconstructs, Translates, verbs_of
from imagewright.errors import DataError
from imagewright.images.shapes.measuring import MeasuredSprites, measure_sprites
from imagewright.metrics.intervals import bootstrap
from imagewright.metrics.metric import Metric, MetricContext, MetricOutput, Pictures, Sample, Value
from imagewright.metrics.pictures.reconstruction import choose_rows
from imagewright.metrics.subjects import OpenedPictures
from imagewright.model import Model
from imagewright.pixels import to_float, to_uint8
from imagewright.verbs.blocks import in_blocks
from imagewright.verbs.translate import targets_for, translate_image

NEEDED = 0.5  # share of the pictures that must show a sprite: fewer are no pictures of sprites


def compare_sprites(before: MeasuredSprites, after: MeasuredSprites) -> dict[str, np.ndarray]:
    """What is kept, by the name of the output: a row for each picture that has a sprite before, and after.

    kept_found: whether a sprite is there after, of all that have one before; others are of those with both.
    """
    both = before.found & after.found
    same = both & (before.shape == after.shape)
    turned = np.abs(before.turn - after.turn)[same]
    return {
        "kept_found": after.found[before.found],
        "kept_place": np.hypot(before.x - after.x, before.y - after.y)[both],
        "kept_size": np.abs(after.size / before.size - 1)[both],
        "kept_turn": turned[~np.isnan(turned)],
        "kept_hue": np.abs((before.hue - after.hue + 180) % 360 - 180)[both],
        "kept_shape": (before.shape == after.shape)[both],
        "kept_texture": (before.texture == after.texture)[both],
    }


def _change(model: Model, to: str, source: str) -> Callable[[Tensor], Tensor]:
    """What a model makes of pictures uint8 (N, C, H, W): translations, or else reconstructions."""
    if isinstance(model, Translates) and "translate" in verbs_of(model):
        domains = tuple(model.domains)
        (target,) = targets_for(model, to=to or (domains[-1] if len(domains) > 1 else None))
        return lambda images: torch.stack([translate_image(model, image, target).cpu() for image in images])
    if isinstance(model, Reconstructs) and "reconstruct" in verbs_of(model):
        return lambda images: in_blocks(
            model, lambda each: to_uint8(model.decode(model.encode(to_float(each)))), images
        )
    raise DataError(
        f"kept_factors compares pictures with their translations or reconstructions, and {source} makes neither "
        f"({catalogue.name_of(model)} answers {', '.join(verbs_of(model))})."
    )


def _inputs(model: Model, pictures: Pictures, rows: np.ndarray, source: str) -> Tensor:
    """What the model is given: the pictures, or of pairs their inputs."""
    layers = model.config.input_layers
    if len(layers) == 1:
        return pictures.pictures(rows)
    if not isinstance(pictures, OpenedPictures) or layers[0] not in {layer.name for layer in pictures.images.layers}:
        raise DataError(
            f"{catalogue.name_of(model)} translates the layer {layers[0]} of pairs, and {source} has none: leave "
            "--against out for the pairs of the training, or in Python give open_images({"
            f'"{layers[0]}": ..., "{layers[-1]}": ...}}).'
        )
    return pictures.images.batch(rows).layers[layers[0]]


def _measure(images: Tensor, source: str) -> MeasuredSprites:
    if images.shape[1] != 3 or images.shape[2] != images.shape[3]:
        raise DataError(
            f"kept_factors measures sprites in square colour pictures, and those of {source} are "
            f"{images.shape[3]}x{images.shape[2]}x{images.shape[1]}."
        )
    return measure_sprites(images.permute(0, 2, 3, 1).contiguous().numpy())


def _compute(sample: Sample, reference: Sample | None, context: MetricContext) -> dict[str, Value]:
    assert sample.model is not None
    assert reference is not None
    change = _change(sample.model, str(context.options["to"]), sample.source)
    rows = choose_rows(len(reference), int(context.options["pictures"]), context.seed)
    before = _measure(reference.pictures.pictures(rows), reference.source)
    if before.found.mean() < NEEDED:
        without = int((~before.found).sum())
        raise DataError(
            f"kept_factors measures sprites such as those of the built-in set shapes, and {without:,} "
            f"of {len(rows):,} pictures of {reference.source} show none: name pictures of sprites with --against "
            "(against=)."
        )
    after = _measure(change(_inputs(sample.model, reference.pictures, rows, reference.source)).cpu(), sample.source)
    kept = compare_sprites(before, after)
    return {name: bootstrap(values.astype(float), seed=context.seed) for name, values in kept.items() if len(values)}


METRIC = Metric(
    name="kept_factors",
    outputs=(
        MetricOutput("kept_found", "sprites found again", "higher"),
        MetricOutput("kept_place", "moved, sides", "lower"),
        MetricOutput("kept_size", "change of size", "lower"),
        MetricOutput("kept_turn", "turned, degrees", "lower"),
        MetricOutput("kept_hue", "change of hue, degrees", "lower"),
        MetricOutput("kept_shape", "same shape", "higher"),
        MetricOutput("kept_texture", "same texture", None),
    ),
    needs=frozenset({"model", "reference"}),
    compute=_compute,
    source="moments and templates of masks; hue in Oklab",
    summary="what translations or reconstructions of the set shapes keep",
    least=1,
    options={"pictures": 500, "to": ""},
)
