"""Projection: the latents whose picture is most like a given one, found by optimisation.

Zhu et al. 2016, arXiv:1609.03552, section 3.1 (pixels and features); Karras et al. 2020, arXiv:1912.04958, appendix D
(steps in standard deviations of the latents, a rate that decays). Here several starts go on at once, and latents stay
where the prior draws: within the norm of its draws.
Shape letters: N pictures, S starts, Z numbers of a flattened latent.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from imagewright import catalogue
from imagewright.capabilities import Decodes, require, verbs_of
from imagewright.errors import UserError
from imagewright.latent.projection.objective import View
from imagewright.latent.projection.search_space import (
    Space,
    category_of,
    draws_of,
    space_of_draws,
    space_of_latents,
    starts_of,
)
from imagewright.model import Model
from imagewright.pixels import to_float, to_uint8
from imagewright.statistics.nearest_neighbours import nearest
from imagewright.verbs.apply import ImagesLike, RunLike, encode, images_for, resolve_model
from imagewright.verbs.blocks import evaluating

RATE = {"draw": 0.1, "encoded": 0.03}  # standard deviations of the prior a step, at the start; less from near by
DECODED = 64  # draws decoded at once
MOST_STARTS = 32
POOR = 0.7  # of the distance between two draws: the model does not show such a picture


@dataclass(frozen=True)
class Errors:
    """How far pictures are from the ones they stand for, (N,) each.

    `rmse`: grey levels, 0 to 255. `psnr`: decibels, infinite for equal pictures. `perceptual`: in the model's features
    or in structure, 1 being as far as two draws of the model are from each other.
    """

    rmse: Tensor
    psnr: Tensor
    perceptual: Tensor


@dataclass(frozen=True)
class Projection:
    """Latents (N, *latent_shape) of pictures, and how well they do.

    `images`: the pictures at the model's size; `starts`: what the best start showed; `reconstruction`: what the latents
    show; all uint8 (N, C, H, W). `errors` and `start_errors` are those of the last two. `perceived_by`: what the
    perceptual error is measured in. `started_at`: "best start" or "encoded". `said`: sentences for the user.
    """

    latents: Tensor
    images: Tensor
    starts: Tensor
    reconstruction: Tensor
    errors: Errors
    start_errors: Errors
    perceived_by: str
    started_at: str
    said: tuple[str, ...]


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
    progress: Callable[[int, int], None] | None = None,
) -> Projection:
    """The latents of pictures in any model that decodes: the best of `candidates` draws, refined by gradients.

    The `starts` best draws of each picture go on for `steps` of Adam, and the best of them is kept. A model with an
    encoder starts at what it encodes. Categories in the latents are tried each, or are the `label` given. `perceptual`:
    weight of the model's features (or of structure) beside the pixels. Picture k of a seed comes out the same whatever
    is projected with it. Raises `UserError` for a model that does not decode, or has neither prior nor encoder.
    """
    for name, value, least in (("starts", starts, 1), ("candidates", candidates, 1), ("steps", steps, 0)):
        if value < least:
            raise UserError(f"{name}={value}, but it must be {least} or more.")
    if not 0 <= perceptual < math.inf:
        raise UserError(f"perceptual={perceptual:g}, but a weight is a number from 0 on.")
    model = resolve_model(run)
    require(model, Decodes)
    pictures = torch.cat([batch.images for batch in images_for(model, images).batches(256)])
    with evaluating(model), torch.inference_mode(False):
        search = _Search(model, label, candidates, perceptual, seed)
        found = []
        for done, picture in enumerate(pictures):
            found.append(search.of(picture[None], starts, steps))
            if progress is not None:
                progress(done + 1, len(pictures))
    return _told(model, pictures, found)


@dataclass(frozen=True)
class _Found:
    """Latents of one picture, what their start and they show, how far off that looks, and is in pixels (`off`)."""

    latents: Tensor
    start_shows: Tensor
    shows: Tensor
    start_perceptual: Tensor
    perceptual: Tensor
    off: Tensor
    perceived_by: str


class _Search:
    """What all pictures of a model have in common: draws to start from, and the view that compares."""

    def __init__(self, model: Model, label: int | str | None, candidates: int, perceptual: float, seed: int) -> None:
        self.model: Any = model
        self.device = model.device
        self.weight = perceptual
        self.encodes, samples = ("encode" in verbs_of(model)), ("sample" in verbs_of(model))
        if not samples and not self.encodes:
            raise UserError(f"{catalogue.name_of(model)} has neither a prior nor an encoder: nowhere to start from.")
        self.category = category_of(model, label)
        self.groups = draws_of(model, candidates, seed, self.category) if samples else []
        if self.groups:
            self.space = space_of_draws(model, self.groups)
            some = torch.cat(self.groups)[:: max(1, sum(map(len, self.groups)) // DECODED)]
            self.view = View(model, torch.cat(list(self._decoded(some))), perceptual)

    def of(self, picture: Tensor, starts: int, steps: int) -> _Found:
        """One picture, uint8 (1, C, H, W), alone: what else is projected must not change it."""
        target = to_float(picture).to(self.device)
        encoded = encode(self.model, picture) if self.encodes else None
        space, view = self._room(target, encoded)
        with torch.no_grad():
            wanted = view.rows(target)
        first = (
            self._starts(wanted, view, starts) if encoded is None else starts_of(encoded, self.category, MOST_STARTS)
        )
        standard = space.standard(first.flatten(1))
        errors = self._errors(standard, wanted, space, view)
        refined = self._refine(standard, wanted, space, view, steps)
        refined_errors = self._errors(refined, wanted, space, view)
        best, before = int(refined_errors.argmin()), int(errors.argmin())
        kept = refined[best] if refined_errors[best] < errors[before] else standard[before]
        start, latents = space.latents(standard[before : before + 1]), space.latents(kept[None])
        with torch.no_grad():
            shown = [self.model.decode(each.to(self.device)) for each in (start, latents)]
            (_, before_error), (off, after_error) = (view.distances(each, target) for each in shown)
        before_shown, after_shown = (to_uint8(each).cpu() for each in shown)
        return _Found(latents, before_shown, after_shown, before_error, after_error, off, view.perceived_by)

    def _room(self, target: Tensor, encoded: Tensor | None) -> tuple[Space, View]:
        if self.groups:
            return self.space, self.view
        assert encoded is not None
        return space_of_latents(self.model, encoded), View(
            self.model, torch.cat([target, torch.zeros_like(target)]), self.weight
        )

    def _starts(self, wanted: Tensor, view: View, count: int) -> Tensor:
        """The best draws, (S, *latent_shape): the best of each group first, so that no category is left out."""
        ranked = []
        for number, group in enumerate(self.groups):
            rows = (view.rows(shown).cpu() for shown in self._decoded(group))
            with torch.no_grad():
                distances, places = nearest(wanted.cpu(), rows, min(count, len(group)))
            ranked += [
                (rank > 0, float(distance), number, int(place))
                for rank, (distance, place) in enumerate(zip(distances[0], places[0], strict=True))
            ]
        chosen = sorted(ranked)[: min(max(count, len(self.groups)), max(count, MOST_STARTS))]
        return torch.stack([self.groups[number][place] for _, _, number, place in chosen])

    def _refine(self, start: Tensor, wanted: Tensor, space: Space, view: View, steps: int) -> Tensor:
        """Adam on latents (S, Z) in standard deviations, each start by itself; the rate falls to 0 as a cosine."""
        free = space.free
        longest = space.norms(start).clamp(min=space.longest or math.inf)  # an encoder may start farther out
        standard = start.clone().requires_grad_()
        rate = RATE["encoded" if self.encodes else "draw"]
        optimiser = torch.optim.Adam([standard], lr=rate)
        for step in range(steps):
            optimiser.param_groups[0]["lr"] = rate * 0.5 * (1 + math.cos(math.pi * step / steps))
            with torch.enable_grad():
                shown = self.model.decode(space.latents(standard).to(self.device))
                if not shown.requires_grad:  # a decoder without gradient, such as a table of blocks
                    break
                loss = (view.rows(shown) - wanted).square().sum()
            # Of the latents alone: no gradient is left in the model's parameters.
            standard.grad = torch.autograd.grad(loss, standard)[0] * free
            optimiser.step()
            with torch.no_grad():
                space.make_legal(standard, longest)
        return standard.detach()

    def _errors(self, standard: Tensor, wanted: Tensor, space: Space, view: View) -> Tensor:
        with torch.no_grad():
            shown = self.model.decode(space.latents(standard).to(self.device))
            return (view.rows(shown) - wanted).square().sum(1).cpu()

    def _decoded(self, latents: Tensor) -> Iterator[Tensor]:
        for block in latents.split(DECODED):
            with torch.no_grad():
                yield self.model.decode(block.to(self.device))


def _told(model: Model, pictures: Tensor, found: list[_Found]) -> Projection:
    starts, shown = (torch.cat(each) for each in zip(*((one.start_shows, one.shows) for one in found), strict=True))
    errors = _errors_of(pictures, shown, torch.cat([one.perceptual for one in found]))
    start_errors = _errors_of(pictures, starts, torch.cat([one.start_perceptual for one in found]))
    latents = torch.cat([one.latents for one in found])
    started_at = "encoded" if "encode" in verbs_of(model) else "best start"
    said = _said(model, torch.cat([one.off for one in found]))
    return Projection(latents, pictures, starts, shown, errors, start_errors, found[0].perceived_by, started_at, said)


def _errors_of(pictures: Tensor, shown: Tensor, perceptual: Tensor) -> Errors:
    rmse = (pictures.double() - shown.double()).square().flatten(1).mean(1).sqrt()
    return Errors(rmse.float(), (20 * (255 / rmse).log10()).float(), perceptual)


def _said(model: Model, off: Tensor) -> tuple[str, ...]:
    poor = int((off > POOR).sum())
    if not poor:
        return ()
    what = "The picture is" if len(off) == 1 else f"{poor} of {len(off)} pictures are"
    return (
        f"{what} not to be found in this {catalogue.name_of(model)}: the nearest is almost as far off as any other "
        "sample. Pictures like those it was trained on, framed like them, are found best.",
    )
