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
from imagewright.latent.projection.noise import WEIGHT as NOISE_WEIGHT
from imagewright.latent.projection.search import Found, Search, Watch
from imagewright.latent.projection.tuning import STEPS as TUNING_STEPS
from imagewright.latent.projection.tuning import Tuned, check_tuned_run, tune, write_tuned_run
from imagewright.model import Model
from imagewright.notebooks import NotebookDisplay
from imagewright.pixels import to_float
from imagewright.progress import Progress
from imagewright.reprs import MORE, SHOWS, names_text, short_repr
from imagewright.runs.loading import training_notes
from imagewright.style_capabilities import require_noise
from imagewright.verbs.apply import ImagesLike, RunLike, decode, images_for, resolve_model
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
class Projection(NotebookDisplay):
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
    noise: (N, 1, height, width) of each layer, if it was optimised too; `reconstruction` has it.
    tuned: the model that was tuned to the pictures, if that was asked for: its images and its run.
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
    noise: tuple[Tensor, ...] = ()
    tuned: Tuned | None = None
    saved: Path | None = None

    def __repr__(self) -> str:
        what = f"{names_text(self.labels)}, {float(self.errors.psnr.mean()):.1f} dB"
        return short_repr(self, what, ".latents, .reconstruction", SHOWS, MORE)

    def tensors(self) -> dict[str, Tensor]:
        """What is saved: `latents`, and `noise.0`, `noise.1` ... if noise was optimised."""
        return {"latents": self.latents, **{f"noise.{layer}": each for layer, each in enumerate(self.noise)}}

    def lines(self) -> list[str]:
        """The errors of each picture, a line each."""
        errors = zip(self.errors.psnr, self.errors.rmse, self.errors.perceptual, self.start_errors.psnr, strict=True)
        tuned = [""] * len(self.labels)
        if self.tuned is not None:
            tuned = [f"; tuned: {decibels(*pair):.1f} dB" for pair in zip(self.images, self.tuned.images, strict=True)]
        return [
            f"{label}: {float(psnr):.1f} dB, {float(rmse):.1f} grey levels, {float(perceptual):.2f} in "
            f"{self.perceptual_space} ({self.started_at}: {float(before):.1f} dB){after}"
            for label, after, (psnr, rmse, perceptual, before) in zip(self.labels, tuned, errors, strict=True)
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
    noise: bool = False,
    noise_weight: float = NOISE_WEIGHT,
    tuned: str | Path | None = None,
    tuning_steps: int = TUNING_STEPS,
    seed: int = 0,
    save: str | None = None,
    force: bool = False,
    progress: Progress | None = None,
    watch: Watch | None = None,
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
    noise: optimise the noise of layers with the latents, of a model that adds any.
    noise_weight: of its regularisation, by which noise holds details and no shapes.
    tuned: a new run, to which the model is written after its weights were tuned until the latents decode to the
        pictures (pivotal tuning). The latents are saved there too, under `save`, or "pictures".
    tuning_steps: of Adam, each for up to 4 pictures.
    seed: of the samples.
    save: save the latents in the run under this name.
    force: write over saved latents of that name.
    progress: called with (pictures done, pictures in all).
    watch: called every few steps with (steps done, steps in all, the nearest picture so far, uint8 (C, H, W)); if it
        returns False, the search ends with what it has found.
    model: the run's model, if it is loaded already.
    Raises `UserError` for a model that cannot decode, or has neither a prior nor an encoder.
    """
    counts = {"starts": starts, "candidates": candidates, "steps": steps + 1, "tuning_steps": tuning_steps}
    for name, value in counts.items():
        if value < 1:
            raise UserError(
                f"{name}={steps if name == 'steps' else value}, but it must be {int(name != 'steps')} or more."
            )
    for name, weight in (("perceptual", perceptual), ("noise_weight", noise_weight)):
        if not 0 <= weight < math.inf:
            raise UserError(f"{name}={weight:g}, but a weight is 0 or more.")
    directory = None if save is None else store.check_save(run, [save], force=force)
    model = resolve_model(run) if model is None else model
    require(model, Decodes)
    if noise:
        require_noise(model)
    if tuned is not None:
        check_tuned_run(model, tuned, force=force)
    pictures, labels, notes = _read(model, images)
    with evaluating(model), torch.inference_mode(False):
        search = Search(model, label, candidates, perceptual, seed, noise_weight if noise else None, watch)
        found = []
        for done, picture in enumerate(pictures):
            found.append(search.project(picture[None], starts, steps))
            if progress is not None:
                progress(done + 1, len(pictures))
    settings: dict[str, Any] = {"starts": starts, "candidates": candidates, "steps": steps, "perceptual": perceptual}
    settings |= {} if label is None else {"label": label}
    settings |= {"noise_weight": noise_weight} if noise else {}
    projection = _collect(model, pictures, labels, [*training_notes(model), *notes], found, settings, seed)
    if tuned is not None:
        projection = _tune(projection, search, tuned, tuning_steps, save or "pictures", progress, force=force)
    if save is None or directory is None:
        return projection
    path = store.save(directory, model, save, "latents", projection.tensors(), projection.to_dict(), force=force)
    return replace(projection, saved=path)


def _tune(
    found: Projection, search: Search, out: str | Path, steps: int, name: str, progress: Progress | None, *, force: bool
) -> Projection:
    """The projection, with a model tuned to its pictures and written as a run, in which the latents are saved."""
    pictures = to_float(found.images)
    if search.groups:
        space, objective = search.space, search.objective
    else:  # an encoder without a prior: each picture has its own measure, and the first one's serves all
        space, objective = search.measure(pictures[:1].to(found.model.device), found.latents[:1])
    with torch.inference_mode(False):
        model = tune(
            found.model, found.latents, pictures, objective, space, steps=steps, seed=found.seed, progress=progress
        )
    run = write_tuned_run(model, out, list(found.labels), force=force)
    store.save(run, model, name, "latents", found.tensors(), found.to_dict(), force=force)
    return replace(found, tuned=Tuned(model, run.path, decode(model, found.latents)))


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
        tuple(torch.cat(each) for each in zip(*(one.noise for one in found), strict=True)),
    )


def decibels(picture: Tensor, other: Tensor) -> float:
    """The PSNR of a picture, uint8 (C, H, W), to another one."""
    return float(_measure_errors(picture[None], other[None], torch.zeros(1)).psnr)


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
