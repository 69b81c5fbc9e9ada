"""What noise changes: the same latent with other noise, the mean of many such images, and the deviation of each pixel.

Karras et al. 2019 (StyleGAN), arXiv:1812.04948, section 3.2 and figure 4. Shape letters: N inputs, V variations.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from imagewright.errors import UserError
from imagewright.latent.inputs import Inputs, resolve_inputs
from imagewright.model import Model
from imagewright.notebooks import NotebookDisplay
from imagewright.output.provenance import COMPOSITE, GENERATED
from imagewright.output.sheets import Results, Sheet
from imagewright.pixels import to_uint8
from imagewright.reprs import SHOWS, names_text, short_repr
from imagewright.runs.loading import training_notes
from imagewright.runs.provenance import run_record
from imagewright.seeds import derive_seed
from imagewright.style_capabilities import require_noise
from imagewright.verbs.apply import RunLike, decode, resolve_model
from imagewright.verbs.blocks import block_size, evaluating

COUNT = 64
SHOWN = 4  # variations on the sheet
BRIGHTEST = 255.0


@dataclass(frozen=True)
class NoiseVariation(NotebookDisplay):
    """Images of latents with other noise.

    images: uint8 (N, C, H, W), with the model's fixed noise.
    variations: uint8 (N, at most 4, C, H, W), the first of them.
    mean: uint8 (N, C, H, W), over all variations.
    deviation: float32 (N, C, H, W), of each number of a pixel over the variations, in grey levels.
    count: V.
    labels: of the inputs.
    notes: for the user.
    model: that made them.
    seed: of the noise.
    has_pictures: whether any input is a real picture.
    """

    images: Tensor
    variations: Tensor
    mean: Tensor
    deviation: Tensor
    count: int
    labels: list[str]
    notes: tuple[str, ...]
    model: Model = field(repr=False)
    seed: int
    has_pictures: bool

    def __repr__(self) -> str:
        what = f"noise of {names_text(self.labels)}, {float(self.deviation.mean()):.1f} grey levels on average"
        return short_repr(self, what, ".mean, .deviation", SHOWS)

    def lines(self) -> list[str]:
        """A line for each input: the mean deviation over its pixels, and the largest."""
        pairs = zip(self.labels, self.deviation, strict=True)
        return [
            f"{label}: noise changes a pixel by {float(each.mean()):.2f} grey levels (deviation) on average, at most "
            f"{float(each.max()):.1f}"
            for label, each in pairs
        ]

    def sheet(self, scale: int | None = None) -> Sheet:
        """A row for each input: the image, a few variations, the mean, and the deviation, brightened so it is seen."""
        factor = _brightening(float(self.deviation.max()))
        shown = (self.deviation * factor).round().clamp(0, BRIGHTEST).to(torch.uint8)
        cells = torch.cat([self.images[:, None], self.variations, self.mean[:, None], shown[:, None]], 1)
        record = run_record(
            "noise",
            self.model,
            seed=self.seed,
            settings={"inputs": self.labels, "count": self.count},
            source_type=COMPOSITE if self.has_pictures else GENERATED,
        )
        variations = [f"noise {number}" for number in range(self.variations.shape[1])]
        captions = [""] * cells.shape[1] * len(cells)
        captions[cells.shape[1] - 1 :: cells.shape[1]] = [f"{float(each.mean()):.2f}" for each in self.deviation]
        return Sheet(
            cells.flatten(0, 1),
            row_labels=self.labels,
            column_labels=["fixed noise", *variations, f"mean of {self.count}", f"deviation x{factor:g}"],
            captions=captions,
            title=f"{record['model']}: the same latent with other noise; mean deviation in grey levels",
            scale=scale,
            record=record,
            results=Results(self.variations.flatten(0, 1), record),
            notes=self.notes,
        )


def _brightening(most: float) -> float:
    """A factor 1, 2, 5, 10, 20 ... by which the largest deviation is bright, and not above white."""
    factors = [step * 10**power for power in range(4) for step in (1, 2, 5)]
    return float(max((factor for factor in factors if most * factor <= BRIGHTEST), default=1))


def vary_noise(
    run: RunLike, inputs: Inputs = (0, 1, 2), count: int = COUNT, *, seed: int = 0, model: Model | None = None
) -> NoiseVariation:
    """Images of the same latents with other noise, their mean and deviation.

    run: a run, its directory, a weights file or a model, which adds noise in its layers.
    inputs: seeds, pictures (as for `interpolate`) or names saved in the run.
    count: variations over which mean and deviation are taken, 2 or more. They are not held in memory.
    seed: of the noise.
    model: the run's model, if it is loaded already.
    Raises `UserError` for a model that adds no noise.
    """
    if count < 2:
        raise UserError(f"count={count}, but a deviation is of 2 variations or more.")
    model = resolve_model(run) if model is None else model
    noisy: Any = require_noise(model)
    resolved = resolve_inputs(run, inputs, model=model)
    found = [_vary(model, noisy, latent, count, derive_seed(seed, "noise")) for latent in resolved.latents]
    variations, mean, deviation = (torch.stack(each) for each in zip(*found, strict=True))
    levels = mean.round().clamp(0, 255).to(torch.uint8)
    images = decode(model, resolved.latents)
    notes = tuple(dict.fromkeys([*training_notes(model), *resolved.notes]))
    return NoiseVariation(
        images, variations, levels, deviation.float(), count, resolved.labels, notes, model, seed, resolved.has_pictures
    )


def _vary(model: Model, noisy: Any, latent: Tensor, count: int, seed: int) -> tuple[Tensor, Tensor, Tensor]:
    """The first variations uint8, and mean and deviation of all in grey levels. Every latent gets the same noise."""
    generator = torch.Generator().manual_seed(seed)
    total = squares = torch.zeros(model.config.image_shape, dtype=torch.float64)
    first: list[Tensor] = []
    size = block_size(*model.config.size)
    with evaluating(model), torch.inference_mode():
        for start in range(0, count, size):
            rows = min(size, count - start)
            noise = [torch.randn(rows, 1, *shape, generator=generator).to(model.device) for shape in noisy.noise_shapes]
            images = noisy.decode_with_noise(latent.expand(rows, *latent.shape).to(model.device), noise).cpu()
            levels = (images.double() + 1) * 127.5  # not rounded: a deviation may be less than a grey level
            total, squares = total + levels.sum(0), squares + levels.square().sum(0)
            if sum(map(len, first)) < SHOWN:
                first.append(to_uint8(images))
    mean = total / count
    variance = ((squares - count * mean.square()) / (count - 1)).clamp(min=0)
    return torch.cat(first)[:SHOWN], mean, variance.sqrt()
