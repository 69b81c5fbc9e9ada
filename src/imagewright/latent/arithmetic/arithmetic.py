"""Arithmetic with pictures: `man with glasses - man + woman`.

Radford et al. 2016, arXiv:1511.06434, section 6.3.2 and figure 7: each term is the mean of several latents, since
results with single latents are unstable, and the result is shown with variations. They add uniform noise of 0.25 to
latents in [-1, 1]; here the noise is normal, of `spread` standard deviations.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from imagewright.capabilities import Decodes, latent_parts_of, require, verbs_of
from imagewright.errors import UserError
from imagewright.latent import store
from imagewright.latent.arithmetic.operands import Operand, OperandResolver, check_set_names
from imagewright.latent.arithmetic.terms import Term, parse_expression
from imagewright.latent.editing.edit import clamp_to_prior
from imagewright.model import Model
from imagewright.notebooks import NotebookDisplay
from imagewright.reprs import SHOWS, short_repr
from imagewright.runs.loading import training_notes
from imagewright.seeds import derive_seed
from imagewright.verbs.apply import ImagesLike, RunLike, decode, resolve_model, sample_latents

if TYPE_CHECKING:
    from imagewright.output.sheets import Sheet

SAMPLES = 256  # on which the deviation of the prior is measured


@dataclass(frozen=True)
class ArithmeticResult(NotebookDisplay):
    """The sum of terms.

    expression: as given.
    terms: of the expression.
    operands: what each term is resolved to.
    means: uint8 (C, H, W) for each term, its mean decoded; None for a direction.
    latent: float32 (*latent shape), the sum.
    image: uint8 (C, H, W), the sum decoded.
    variations: uint8 (M, C, H, W), latents near the sum decoded.
    notes: for the user.
    model: that the latent is of.
    settings: of the arithmetic, for a record; with the `seed` of the variations.
    saved: the file that the sum was saved in, or None.
    """

    expression: str
    terms: list[Term]
    operands: list[Operand]
    means: list[Tensor | None]
    latent: Tensor
    image: Tensor
    variations: Tensor
    notes: tuple[str, ...]
    model: Model = field(repr=False)
    settings: dict[str, Any]
    seed: int
    saved: Path | None = None

    def __repr__(self) -> str:
        return short_repr(self, self.expression, f".image and {len(self.variations)} .variations", SHOWS)

    def to_dict(self) -> dict[str, Any]:
        """The expression, its terms and the settings, as JSON values; without latents and pictures."""
        terms = [
            {"factor": term.factor, "operand": term.text, "count": operand.count, "direction": operand.is_direction}
            for term, operand in zip(self.terms, self.operands, strict=True)
        ]
        return {**self.settings, "seed": self.seed, "terms": terms}

    def sheet(self) -> Sheet:
        """Each term's pictures over their mean, the sum, and variations of it."""
        from imagewright.latent.arithmetic.sheet import arithmetic_sheet

        return arithmetic_sheet(self)


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
    model: Model | None = None,
) -> ArithmeticResult:
    """Add and subtract mean latents: "man with glasses - man + woman".

    run: a run, its directory, a weights file or a model.
    expression: terms with + and - between spaces. A term is a set's name, a name saved in the run, a seed, a picture
        file, a folder, or labels of `source` such as `Male & Eyeglasses & !Smiling`. A factor may precede it:
        `0.5 * anna`.
    sets: pictures, or an expression of labels of `source`, by name.
    source: labelled pictures.
    spread: of the variations, in standard deviations of the prior.
    around: how many variations.
    seed: of the variations.
    save: save the sum in the run under this name.
    force: write over saved latents of that name.
    model: the run's model, if it is loaded already.
    Raises `UserError` with the position of a mistake in the expression.
    """
    model = resolve_model(run) if model is None else model
    directory = None if save is None else store.check_save(run, [save], force=force)
    if not 0 <= spread < float("inf") or around < 0:
        raise UserError(f"spread={spread} and around={around}, but both are 0 or more.")
    terms = parse_expression(expression)
    check_set_names(sets or {})
    require(model, Decodes)
    resolver = OperandResolver(run, model, sets or {}, source, seed)
    operands = [resolver.resolve(term, expression) for term in terms]
    latent = torch.stack([term.factor * each.mean for term, each in zip(terms, operands, strict=True)]).sum(0)
    latent = clamp_to_prior(model, latent[None])[0]
    near = _sample_near(model, latent, spread, around, seed)
    pictures = decode(model, torch.cat([latent[None], near]))
    result = ArithmeticResult(
        expression,
        terms,
        operands,
        [None if each.is_direction else decode(model, each.mean[None])[0] for each in operands],
        latent,
        pictures[0],
        pictures[1:],
        tuple(dict.fromkeys([*training_notes(model), *resolver.notes, *_weights_note(terms, operands)])),
        model,
        {"expression": expression, "sets": {name: _describe(value) for name, value in (sets or {}).items()}}
        | {"spread": spread},
        seed,
    )
    if save is None or directory is None:
        return result
    record = {"found": f"arithmetic: {expression}", "names": [expression]}
    path = store.save(directory, model, save, "latents", {"latents": latent[None]}, record, force=force)
    return replace(result, saved=path)


def _describe(pictures: ImagesLike) -> str:
    """A set of pictures in a record: as typed, or in a word."""
    return str(pictures) if isinstance(pictures, str | Path) else getattr(pictures, "source", "pictures")


def _weights_note(terms: list[Term], operands: list[Operand]) -> list[str]:
    """A note unless the factors of latents sum to 1: otherwise the sum may lie outside the prior's range."""
    total = sum(term.factor for term, each in zip(terms, operands, strict=True) if not each.is_direction)
    if abs(total - 1) < 1e-6:
        return []
    if all(each.is_direction for each in operands):
        return ["All terms are directions: they are added to the latent 0."]
    return [f"The factors of the inputs add up to {total:g} and not to 1, so the result may lie where no pictures are."]


def _sample_near(model: Model, latent: Tensor, spread: float, count: int, seed: int) -> Tensor:
    """Latents (count, *latent shape) with normal noise of `spread` deviations of the prior; noise parts only."""
    generator = torch.Generator().manual_seed(derive_seed(seed, "around"))
    noise = torch.randn(count, latent.numel(), generator=generator)
    deviation = torch.ones(latent.numel())
    if "sample" in verbs_of(model):
        deviation = sample_latents(model, SAMPLES, seed).flatten(1).std(0)
    free = torch.zeros(latent.numel())
    for part in latent_parts_of(model):
        if part.kind == "normal" or part.is_noise:
            free[part.places] = 1
    return latent + (spread * noise * deviation * free).reshape(count, *latent.shape)
