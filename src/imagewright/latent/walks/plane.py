"""Decode a plane of the latent space, and place encoded pictures on it.

Kingma & Welling 2013, arXiv:1312.6114, figure 4: even steps on the unit square through the inverse of the prior's
cumulative distribution, so that each picture stands for an equal share of the prior.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from imagewright.capabilities import Decodes, require
from imagewright.errors import UserError
from imagewright.latent.inputs import Input, resolve_inputs
from imagewright.latent.walks.paths import load_decoder
from imagewright.latent.walks.plane_axes import Axis, choose_axes
from imagewright.latent.walks.scales import Dimension, mean_latent, measure_latent_scales
from imagewright.model import Model
from imagewright.output.provenance import Record
from imagewright.reprs import WRITES, pictures_text, short_repr
from imagewright.runs.loading import training_notes
from imagewright.runs.provenance import run_record
from imagewright.verbs.apply import ImagesLike, RunLike, decode, images_for

MOST = 100  # pictures a side


@dataclass(frozen=True)
class Manifold:
    """A decoded plane of K x K images.

    images: uint8 (K * K, C, H, W) in reading order; the first axis grows to the right, the second upwards.
    latents: (K * K, *latent shape), which the images were decoded from.
    axes: of the plane, a latent or a direction each.
    encoded: float32 (N, 2), the encoded pictures along both axes; None without pictures.
    labels, class_names: int64 (N,) and the classes, if the pictures have labels.
    notes: for the user.
    record: the provenance record.
    """

    images: Tensor
    latents: Tensor
    axes: tuple[Axis, Axis]
    encoded: Tensor | None
    labels: Tensor | None
    class_names: tuple[str, ...] | None
    notes: tuple[str, ...]
    record: Record

    def __repr__(self) -> str:
        axes = " and ".join(axis.name for axis in self.axes)
        return short_repr(self, f"{pictures_text(self.images)} over {axes}", WRITES)

    @property
    def side(self) -> int:
        """Images a side, K."""
        return round(len(self.images) ** 0.5)

    def latent_at(self, right: float, up: float) -> Tensor:
        """The latent at a point of the plane, (1, *latent shape): both axes at quantiles of the prior.

        right, up: from 0 to 1; at 0 and 1, where the quantile of a normal distribution is infinite, just inside.
        """
        latent = self.latents[:1].flatten(1)
        for axis, share in zip(self.axes, (right, up), strict=True):
            latent = axis.place(latent, axis.quantile(torch.tensor([min(max(share, 1e-3), 1 - 1e-3)])))
        return latent.unflatten(1, self.latents.shape[1:])

    def write(self, path: str | Path, *, force: bool = False) -> Path:
        """Write the figure as PNG, SVG or PDF: the decoded plane, and beside it the encoded pictures.

        Raises `UserError` for another suffix, `RunError` if the file exists (unless `force`).
        """
        from imagewright.latent.walks.plane_figure import write_manifold

        return write_manifold(self, path, force=force)


def manifold(
    run: RunLike,
    steps: int = 20,
    *,
    dimensions: Sequence[Dimension] | None = None,
    images: ImagesLike | None = None,
    most: int = 2000,
    input: Input | None = None,
    model: Model | None = None,
) -> Manifold:
    """Decode `steps` x `steps` latents of a plane, at quantiles of the prior.

    If there are images, and more than two latents or no normal prior, the quantiles are those of a normal distribution
    with the images' own mean and deviation: the plane then shows where pictures lie.

    run: a run, its directory, a weights file or a model.
    steps: images a side, from 2 to 100.
    dimensions: two latents, by number or by the name of a code. By default the plane of a model with more than two
        goes through the two directions in which the latents of `images` vary most; without images it shows the two
        latents that change the picture most.
    images: pictures to encode and place on the plane.
    most: how many of them, spread evenly over the set.
    input: a seed, a picture (as for `interpolate`) or a saved name whose other latents are taken; by default they are
        at their mean.
    model: the run's model, if it is loaded already.
    Raises `UserError` for a model of one latent, for two equal dimensions, and for an unknown one.
    """
    if not 2 <= steps <= MOST:
        raise UserError(f"steps={steps}, but a grid has from 2 to {MOST} pictures a side.")
    model, parts = load_decoder(run if model is None else model)
    opened = None if images is None else images_for(model, images)
    decoder = require(model, Decodes)
    has_two = math.prod(decoder.latent_shape) == 2
    scales = measure_latent_scales(model, opened, most, of_prior=has_two)
    notes = training_notes(model)
    base = mean_latent(model, scales)
    if input is not None:
        resolved = resolve_inputs(run, [input], model=model)
        base = resolved.latents[0].flatten()
        notes += resolved.notes
    axes = choose_axes(model, parts, scales, dimensions, base, notes)
    latents = _plane_latents(base, axes, steps).unflatten(1, model.latent_shape)
    encoded = None if scales.encoded is None else torch.stack([axis.along(scales.encoded) for axis in axes], 1)
    class_names = None if opened is None or opened.class_names is None else tuple(opened.class_names)
    settings: dict[str, Any] = {"steps": steps, "latents": [axis.name for axis in axes]}
    settings |= {} if opened is None else {"source": Path(opened.source).name}
    record = run_record("latent grid", model, settings=settings)
    return Manifold(decode(model, latents), latents, axes, encoded, scales.labels, class_names, tuple(notes), record)


def _plane_latents(base: Tensor, axes: tuple[Axis, Axis], steps: int) -> Tensor:
    """(steps * steps, n): the base with both axes at the quantiles in the middle of each of `steps` intervals."""
    probabilities = (torch.arange(steps) + 0.5) / steps
    latents = base.repeat(steps * steps, 1)
    latents = axes[0].place(latents, axes[0].quantile(probabilities).repeat(steps))
    return axes[1].place(latents, axes[1].quantile(probabilities.flip(0)).repeat_interleave(steps))
