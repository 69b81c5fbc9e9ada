"""Project pictures: find by optimisation the latents that decode to pictures nearest to given ones.

Zhu et al. 2016, arXiv:1609.03552, section 3.1 (pixels and features); Karras et al. 2020, arXiv:1912.04958, appendix D
(steps in standard deviations of the latents, a rate that decays). Here several starts are optimised at once, and
latents stay within the largest norm of the prior's samples. `search.py` is the search for one picture.
Shape letters: N pictures.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from imagewright import catalogue
from imagewright.capabilities import Decodes, require, verbs_of
from imagewright.errors import UserError
from imagewright.images.single import SinglePicture, as_source, hold_pictures, name_of, read_pictures
from imagewright.images.sources.collection import read_item
from imagewright.latent import store
from imagewright.latent.projection.search import Found, Search
from imagewright.model import Model
from imagewright.progress import Progress
from imagewright.reprs import MORE, SHOWS, names_text, short_repr
from imagewright.runs.loading import training_notes
from imagewright.verbs.apply import ImagesLike, RunLike, images_for, resolve_model
from imagewright.verbs.blocks import evaluating

if TYPE_CHECKING:
    from imagewright.output.sheets import Sheet

POOR = 0.7  # of the distance between two samples: the model cannot show such a picture


@dataclass(frozen=True)
class Errors:
    """How far pictures are from the given ones, (N,) each.

    rmse: root mean square error in grey levels, 0 to 255.
    psnr: peak signal-to-noise ratio in decibels, infinite for equal pictures.
    perceptual: distance in the model's features or in structure; 1 is the distance of two samples of the model.
    """

    rmse: Tensor
    psnr: Tensor
    perceptual: Tensor


@dataclass(frozen=True)
class Projection:
    """Latents of pictures, and their errors.

    latents: float32 (N, *latent_shape).
    images: uint8 (N, C, H, W), the pictures at the model's size.
    starts: uint8 (N, C, H, W), what the best start decodes to.
    reconstruction: uint8 (N, C, H, W), what the latents decode to.
    errors, start_errors: of `reconstruction` and of `starts`.
    perceptual_space: what the perceptual error is measured in.
    started_at: "best start" or "encoded".
    labels: a name for each picture.
    notes: for the user.
    model: that the latents are of.
    settings: of the search, for a record; with the `seed`.
    saved: the file that the latents were saved in, or None.
    """

    latents: Tensor
    images: Tensor
    starts: Tensor
    reconstruction: Tensor
    errors: Errors
    start_errors: Errors
    perceptual_space: str
    started_at: str
    labels: tuple[str, ...]
    notes: tuple[str, ...]
    model: Model = field(repr=False)
    settings: dict[str, Any]
    seed: int
    saved: Path | None = None

    def __repr__(self) -> str:
        what = f"{names_text(self.labels)}, {float(self.errors.psnr.mean()):.1f} dB"
        return short_repr(self, what, ".latents, .reconstruction", SHOWS, MORE)

    def lines(self) -> list[str]:
        """The errors of each picture, a line each."""
        errors = zip(self.errors.psnr, self.errors.rmse, self.errors.perceptual, self.start_errors.psnr, strict=True)
        return [
            f"{label}: {float(psnr):.1f} dB, {float(rmse):.1f} grey levels, {float(perceptual):.2f} in "
            f"{self.perceptual_space} ({self.started_at}: {float(before):.1f} dB)"
            for label, (psnr, rmse, perceptual, before) in zip(self.labels, errors, strict=True)
        ]

    def to_dict(self) -> dict[str, Any]:
        """Names, settings and errors, as JSON values: the record of saved latents."""
        return {
            "names": list(self.labels),
            "found": f"project {', '.join(self.labels)}",
            "seed": self.seed,
            **self.settings,
            "rmse": self.errors.rmse.tolist(),
            "perceptual_error": self.errors.perceptual.tolist(),
        }

    def sheet(self) -> Sheet:
        """The pictures over what the search started from and what it found, with their errors."""
        from imagewright.latent.projection.sheet import projection_sheet

        return projection_sheet(self)


def project(
    run: RunLike,
    images: ImagesLike,
    *,
    label: int | str | None = None,
    starts: int = 8,
    candidates: int = 1024,
    steps: int = 200,
    perceptual: float = 0.3,
    seed: int = 0,
    save: str | None = None,
    force: bool = False,
    progress: Progress | None = None,
    model: Model | None = None,
) -> Projection:
    """Find latents of pictures in any model that decodes.

    The best samples of the prior are optimised by Adam, and the best result is taken. A model with an encoder starts at
    the encoded latent. Picture k of a seed gives the same latents whatever is projected with it.

    run: a run, its directory, a weights file or a model.
    images: pictures: a source, a list of picture files, Pillow images, arrays or tensors, or one of these alone.
    label: the class of the pictures, if latents have one; by default every class is tried.
    starts: samples that are optimised.
    candidates: samples of the prior from which the starts are chosen.
    steps: of Adam.
    perceptual: weight of the model's features, or of structure if it has none, relative to pixels.
    seed: of the samples.
    save: save the latents in the run under this name.
    force: write over saved latents of that name.
    progress: called with (pictures done, pictures in all).
    model: the run's model, if it is loaded already.
    Raises `UserError` for a model that cannot decode, or has neither a prior nor an encoder.
    """
    for name, value, least in (("starts", starts, 1), ("candidates", candidates, 1), ("steps", steps, 0)):
        if value < least:
            raise UserError(f"{name}={value}, but it must be {least} or more.")
    if not 0 <= perceptual < math.inf:
        raise UserError(f"perceptual={perceptual:g}, but a weight is 0 or more.")
    directory = None if save is None else store.check_save(run, [save], force=force)
    model = resolve_model(run) if model is None else model
    require(model, Decodes)
    pictures, labels, notes = _read(model, images)
    with evaluating(model), torch.inference_mode(False):
        search = Search(model, label, candidates, perceptual, seed)
        found = []
        for done, picture in enumerate(pictures):
            found.append(search.project(picture[None], starts, steps))
            if progress is not None:
                progress(done + 1, len(pictures))
    settings: dict[str, Any] = {"starts": starts, "candidates": candidates, "steps": steps, "perceptual": perceptual}
    settings |= {} if label is None else {"label": label}
    projection = _collect(model, pictures, labels, [*training_notes(model), *notes], found, settings, seed)
    if save is None or directory is None:
        return projection
    tensors = {"latents": projection.latents}
    path = store.save(directory, model, save, "latents", tensors, projection.to_dict(), force=force)
    return replace(projection, saved=path)


def _read(model: Model, images: ImagesLike) -> tuple[Tensor, list[str], list[str]]:
    """Pictures at the model's size, uint8 (N, C, H, W), a label for each, and notes."""
    images = as_source(images, model.config.channels)
    if isinstance(images, list | tuple):
        if not images:
            raise UserError("No picture was given: name picture files.")
        held, levels = hold_pictures(images)
        for place, each in enumerate(held):
            if not isinstance(each, SinglePicture):
                read_item(each, f"Number {place} (from 0)")  # raises its error
        pictures, notes = read_pictures(held, model.config.size, model.config.channels)
        return pictures, [Path(name_of(each)).stem for each in held], [*levels, *notes]
    opened = images_for(model, images)
    pictures = torch.cat([batch.images for batch in opened.batches(256)])
    return pictures, [Path(name).stem for name in opened.names()], []


def _collect(
    model: Model,
    pictures: Tensor,
    labels: list[str],
    notes: list[str],
    found: list[Found],
    settings: dict[str, Any],
    seed: int,
) -> Projection:
    starts, decoded = (
        torch.cat(each) for each in zip(*((one.decoded_start, one.decoded) for one in found), strict=True)
    )
    return Projection(
        torch.cat([one.latents for one in found]),
        pictures,
        starts,
        decoded,
        _measure_errors(pictures, decoded, torch.cat([one.perceptual for one in found])),
        _measure_errors(pictures, starts, torch.cat([one.start_perceptual for one in found])),
        found[0].perceptual_space,
        "encoded" if "encode" in verbs_of(model) else "best start",
        tuple(labels),
        (*notes, *_poor_fit_note(model, torch.cat([one.pixel_distance for one in found]))),
        model,
        settings,
        seed,
    )


def _measure_errors(pictures: Tensor, decoded: Tensor, perceptual: Tensor) -> Errors:
    rmse = (pictures.double() - decoded.double()).square().flatten(1).mean(1).sqrt()
    return Errors(rmse.float(), (20 * (255 / rmse).log10()).float(), perceptual)


def _poor_fit_note(model: Model, pixel_distance: Tensor) -> tuple[str, ...]:
    poor = int((pixel_distance > POOR).sum())
    if not poor:
        return ()
    what = "The picture is" if len(pixel_distance) == 1 else f"{poor} of {len(pixel_distance)} pictures are"
    return (
        f"{what} not to be found in this {catalogue.name_of(model)}: the nearest is almost as far off as any other "
        "sample. Pictures like those it was trained on, framed like them, are found best.",
    )
