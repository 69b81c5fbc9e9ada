"""Pivotal tuning: the weights of a model are tuned until found latents decode to their pictures.

Roich et al. 2021, arXiv:2106.05744: latents are held, and the decoder learns (section 3.2); other latents near them
keep their images (locality regularisation, section 3.3). Departures: the objective is that of the projection; several
pictures are learned together. Shape letters: N pictures, Z numbers of a flattened latent.
"""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from imagewright import catalogue, optimizers
from imagewright.errors import RunError, UserError
from imagewright.latent.projection.objective import Objective
from imagewright.latent.projection.search_space import SearchSpace
from imagewright.model import Model
from imagewright.progress import Progress
from imagewright.runs import places
from imagewright.runs.lock import lock_run
from imagewright.runs.run import Run
from imagewright.runs.weights import read_tensors, write_tensors
from imagewright.seeds import derive_seed
from imagewright.verbs.blocks import evaluating
from imagewright.versions import versions
from imagewright.views import View

STEPS = 350
LEARNING_RATE = 3e-4  # of Adam
LOCALITY = 0.1  # weight of the locality regularisation
REACH = 30 / math.sqrt(512)  # deviations from a pivot, a number of the latent, at which other images are to stay
BATCH = 4


@dataclass(frozen=True)
class Tuned:
    """A model that was tuned to pictures.

    model: with new weights, in the space of the latents.
    run: the run that it was written to.
    images: uint8 (N, C, H, W), what the latents decode to now.
    """

    model: Model = field(repr=False)
    run: Path
    images: Tensor


def tune(
    model: Model,
    latents: Tensor,
    pictures: Tensor,
    objective: Objective,
    space: SearchSpace,
    *,
    steps: int,
    seed: int,
    progress: Progress | None = None,
) -> Model:
    """A copy of a model whose weights were tuned so that latents (N, *latent_shape) decode to pictures.

    pictures: (N, C, H, W) in [-1, 1].
    objective: of the projection, with the features of the model before.
    space: of the latents.
    steps: of Adam, for each of which up to 4 pictures are decoded.
    """
    tuned: Any = copy.deepcopy(model)
    device, generator = model.device, torch.Generator().manual_seed(derive_seed(seed, "tuning"))
    before: Any = model
    with evaluating(model), evaluating(tuned), torch.enable_grad():
        weights = _weights_in_use(tuned, latents[:1].to(device))
        optimizer = optimizers.Adam(weights, lr=LEARNING_RATE)
        for step in range(steps):
            chosen = torch.arange(step * BATCH, step * BATCH + min(BATCH, len(latents))) % len(latents)
            pivots, wanted = latents[chosen].to(device), pictures[chosen].to(device)
            near = _near(pivots, space, generator).to(device)
            with torch.no_grad():
                kept = torch.cat([objective.rows(wanted), objective.rows(before.decode(near)) * math.sqrt(LOCALITY)])
            made = objective.rows(tuned.decode(torch.cat([pivots, near])))
            made = torch.cat([made[: len(pivots)], made[len(pivots) :] * math.sqrt(LOCALITY)])
            loss = (made - kept).square().sum() / len(pivots)
            for weight, gradient in zip(weights, torch.autograd.grad(loss, weights), strict=True):
                weight.grad = gradient
            optimizer.step()
            if progress is not None:
                progress(step + 1, steps)
        optimizer.zero_grad()
    result: Model = tuned
    return result


def _weights_in_use(model: Any, latents: Tensor) -> list[Tensor]:
    """The parameters that images depend on, given latents."""
    every = [weight for weight in model.parameters() if weight.requires_grad]
    images = model.decode(latents)
    if not images.requires_grad:
        raise UserError(f"{catalogue.name_of(model)} has no weights that its images depend on, so none can be tuned.")
    found = torch.autograd.grad(images.sum(), every, allow_unused=True)
    return [weight for weight, gradient in zip(every, found, strict=True) if gradient is not None]


def _near(pivots: Tensor, space: SearchSpace, generator: torch.Generator) -> Tensor:
    """Latents (N, *latent_shape) in a random direction from each pivot."""
    standard = space.standardise(pivots.cpu().flatten(1))
    direction = torch.randn(standard.shape, generator=generator) * space.free
    direction *= REACH * math.sqrt(max(1, int(space.free.sum()))) / direction.norm(dim=1, keepdim=True).clamp(min=1e-12)
    moved = standard + direction
    space.clamp_to_prior_(moved, torch.full((len(moved),), space.longest or math.inf))
    return space.to_latents(moved)


def check_tuned_run(model: Model, out: str | Path, *, force: bool) -> None:
    """Raise before long work: `RunError` if a run cannot be written at a place, `UserError` for a model of no run."""
    origin = _base_of(model).origin
    if origin is None:
        raise UserError(f"tuned={out} writes a new run of a run: give the run's folder, or a model that was loaded.")
    if origin.path.resolve() == Path(out).resolve():
        raise UserError(f"tuned={out} is the run itself, which stays as it is: give another folder.")
    _check_place(Path(out), force=force)


def _check_place(out: Path, *, force: bool) -> None:
    """Raise `RunError` if a tuned run cannot be written: only another tuned run is replaced, and by `force` alone."""
    if (out / places.RECORD).exists():
        if not force:
            raise RunError(f"{out} holds a run already: replace it by --force (force=True), or give another folder.")
        if "tuned" not in Run(out).record:
            raise RunError(f"{out} holds a run that was trained, which --force does not replace: give another folder.")
    elif out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise RunError(f"{out} is there already and is no tuned run: give a new or empty folder for it.")


def _base_of(model: Model) -> Model:
    while isinstance(model, View):
        model = model.base
    return model


def write_tuned_run(tuned: Model, out: str | Path, names: list[str], *, force: bool = False) -> Run:
    """Write a run with the weights of a tuned model: one checkpoint, at the images that its training had seen.

    names: of the pictures, for the record.
    Raises `RunError` if there is a run already, unless `force`.
    """
    base = _base_of(tuned)
    assert base.origin is not None, "a tuned model was loaded from a run"
    former, seen = _former_records(base)
    record = former | {"versions": versions(), "tuned": {"run": base.origin.path.name, "pictures": names}}
    out = Path(out)
    _check_place(out, force=force)
    with lock_run(out):
        places.recover(out)
        run = Run.create(out, record, force=force)
        try:
            state = {name: tensor.detach().cpu() for name, tensor in base.state_dict().items()}
            weights = {key: record[key] for key in ("model", "config", "absent") if key in record}
            write_tensors(run.checkpoint_at(seen).weights, state, weights | {"images_seen": seen})
        finally:
            places.restore(run.path)
    return run


def _former_records(base: Model) -> tuple[dict[str, Any], int]:
    """The record of the run, or of the weights file, that a model was loaded from, and the images it had seen."""
    assert base.origin is not None
    path, seen = base.origin.path, base.origin.images_seen or 0
    if path.is_dir():
        run = Run(path)
        _, stored = read_tensors(run.checkpoint_at(seen).weights)
        return run.record | ({"absent": stored["absent"]} if "absent" in stored else {}), seen
    _, stored = read_tensors(path)
    return {key: stored[key] for key in ("model", "config", "absent") if key in stored}, int(stored["images_seen"])
