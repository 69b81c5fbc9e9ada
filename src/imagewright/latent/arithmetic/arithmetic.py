"""Arithmetic with pictures: `man with glasses - man + woman`.

Radford et al. 2016, arXiv:1511.06434, section 6.3.2 and figure 7: each term is the mean of several latents, since
single ones are unstable; the result is shown with others around it. There uniform noise of 0.25 is added to latents in
[-1, 1]; here normal noise of `spread` standard deviations.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from imagewright.capabilities import Decodes, latent_parts_of, require, verbs_of
from imagewright.errors import UserError
from imagewright.latent import store as kept
from imagewright.latent.arithmetic.sets import Names, Operand, checked_sets
from imagewright.latent.arithmetic.terms import Term, parse
from imagewright.latent.editing.edit import lawful
from imagewright.latent.inputs import run_of
from imagewright.model import Model
from imagewright.seeds import derive_seed
from imagewright.verbs.apply import ImagesLike, RunLike, decode, resolve_model, sample_latents

DRAWS = 256


@dataclass(frozen=True)
class Result:
    """The sum of `terms`: its latent (*latent shape) and picture uint8 (C, H, W).

    `around`: pictures of latents near it, uint8 (M, C, H, W). `operands` and `means` (uint8, None for a direction):
    what each term stands for, and the picture of its mean.
    """

    expression: str
    terms: list[Term]
    operands: list[Operand]
    means: list[Tensor | None]
    latent: Tensor
    image: Tensor
    around: Tensor
    said: tuple[str, ...]
    kept: Path | None = None


def arithmetic(
    run: RunLike,
    expression: str,
    *,
    sets: Mapping[str, ImagesLike] | None = None,
    source: ImagesLike | None = None,
    spread: float = 0.25,
    around: int = 8,
    seed: int = 0,
    save: str | None = None,
    force: bool = False,
) -> Result:
    """Add and subtract means of pictures, kept points and directions: "man with glasses - man + woman".

    A term is a set of `sets` (its name, and a folder or other set of pictures, or an expression of labels), a name
    kept in the run, a seed, a picture file, a folder, or labels of `source` as in `Male & Eyeglasses & !Smiling`; a
    factor may stand before it, `0.5 * anna`. + and - stand between spaces. `around`: how many pictures near the result,
    `spread` standard deviations away in each place. `save` keeps the result in the run as points of that name.
    Raises `UserError` with the place of the mistake.
    """
    model = resolve_model(run)
    home = run_of(run)
    if save is not None:
        if home is None:
            raise UserError(f"save={save} keeps the result in a run: give the run's folder, not a model or a file.")
        kept.place_of(home, save, force=force)
    if not 0 <= spread < float("inf") or around < 0:
        raise UserError(f"spread={spread} and around={around}, but both are 0 or more.")
    terms = parse(expression)
    checked_sets(sets or {})
    require(model, Decodes)
    names = Names(run, model, sets or {}, source, seed)
    operands = [names.operand(term, expression) for term in terms]
    said = [*names.said, *_of_weights(terms, operands)]
    latent = torch.stack([term.factor * each.mean for term, each in zip(terms, operands, strict=True)]).sum(0)
    latent = lawful(model, latent[None])[0]
    near = _near(model, latent, spread, around, seed)
    pictures = decode(model, torch.cat([latent[None], near]))
    means = [None if each.is_direction else decode(model, each.mean[None])[0] for each in operands]
    path = None
    if save is not None and home is not None:
        record = {"found": f"arithmetic: {expression}", "names": [expression]}
        path = kept.keep(home, model, save, "points", {"latents": latent[None]}, record, force=force)
    return Result(
        expression, terms, operands, means, latent, pictures[0], pictures[1:], tuple(dict.fromkeys(said)), path
    )


def _of_weights(terms: list[Term], operands: list[Operand]) -> list[str]:
    """A sum of points is where pictures are if their factors add up to 1: say so where they do not."""
    total = sum(term.factor for term, each in zip(terms, operands, strict=True) if not each.is_direction)
    if abs(total - 1) < 1e-6:
        return []
    if all(each.is_direction for each in operands):
        return ["All terms are directions: they are added to the middle of the latents."]
    return [f"The factors of the points add up to {total:g} and not to 1, so the result may lie where no pictures are."]


def _near(model: Model, latent: Tensor, spread: float, count: int, seed: int) -> Tensor:
    """(count, *latent shape) around a latent: normal, `spread` times as wide as the model's draws; noise parts only."""
    generator = torch.Generator().manual_seed(derive_seed(seed, "around"))
    noise = torch.randn(count, latent.numel(), generator=generator)
    wide = torch.ones(latent.numel())
    if "sample" in verbs_of(model):
        wide = sample_latents(model, DRAWS, seed).flatten(1).std(0)
    free = torch.zeros(latent.numel())
    for part in latent_parts_of(model):
        if part.kind == "normal" or part.is_noise:
            free[part.places] = 1
    return latent + (spread * noise * wide * free).reshape(count, *latent.shape)
