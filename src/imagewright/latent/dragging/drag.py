"""Drag points of a picture to other places, and the latent follows.

Pan et al. 2023, "Drag Your GAN", arXiv:2305.10973: each step moves the features around the points one pixel nearer to
their goals, and then looks where the points are now. Departures: any decoder with gradients, by a map that is found
in it (`features.py`); Adam's steps are in standard deviations of the latents, which stay within the prior's largest
norm; what may move is given by a distance to the lines from the points to their goals, instead of a painted mask.
Shape letters: P points, C H W picture.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from imagewright import catalogue, optimizers
from imagewright.capabilities import Decodes, require, verbs_of
from imagewright.errors import UserError
from imagewright.latent import store
from imagewright.latent.dragging.features import FeatureMaps
from imagewright.latent.dragging.motion import follow, motion_loss, near_lines, patches_at
from imagewright.latent.inputs import Input, resolve_inputs
from imagewright.latent.projection.search_space import (
    SearchSpace,
    sample_groups,
    space_from_latents,
    space_from_samples,
)
from imagewright.model import Model
from imagewright.notebooks import NotebookDisplay
from imagewright.pixels import size_text, to_uint8
from imagewright.reprs import MORE, SHOWS, short_repr
from imagewright.runs.loading import training_notes
from imagewright.verbs.apply import RunLike, resolve_model
from imagewright.verbs.blocks import evaluating

if TYPE_CHECKING:
    from imagewright.output.sheets import Sheet

Place = tuple[float, float]
RATE = 0.02  # standard deviations of the prior a step
SAMPLES = 256  # of the prior, on which the deviations are measured
HELD_WEIGHT = 20.0  # of what must not move, relative to the motion (the authors' lambda)
NEAR = 1.0  # pixels from its goal: a point has arrived, also in the paper
MOST_POINTS, MOST_STEPS = 16, 10_000


@dataclass(frozen=True, eq=False)
class DragStep:
    """A drag under way.

    step, steps: those done, and the most there may be.
    points: (P, 2), where the points are now.
    distances: (P,), pixels to their goals.
    latents: (1, *latent_shape).
    picture: uint8 (C, H, W), of these latents.
    """

    step: int
    steps: int
    points: Tensor
    distances: Tensor
    latents: Tensor
    picture: Tensor


@dataclass(frozen=True)
class Dragged(NotebookDisplay):
    """The result of a drag.

    latents: float32 (1, *latent_shape).
    image, start_image: uint8 (C, H, W), of the latents and of those before.
    starts, points, goals: (P, 2) places (x, y) in pixels: before, where they came to, and where they should be.
    distances: (P,), pixels that are left.
    steps: that were made.
    label: of the input.
    notes: for the user.
    model: that the latents are of.
    settings: for a record.
    saved: the file that the latents were saved in, or None.
    """

    latents: Tensor
    image: Tensor
    start_image: Tensor
    starts: Tensor
    points: Tensor
    goals: Tensor
    distances: Tensor
    steps: int
    label: str
    notes: tuple[str, ...]
    model: Model = field(repr=False)
    settings: dict[str, Any]
    saved: Path | None = None

    def __repr__(self) -> str:
        what = f"{self.label}, {len(self.points)} points after {self.steps} steps"
        return short_repr(self, what, ".latents, .image", SHOWS, MORE)

    def lines(self) -> list[str]:
        """How far each point came, a line each."""
        places = zip(self.starts, self.goals, self.points, self.distances, strict=True)
        return [
            f"{_text(start)} to {_text(goal)}: came to {_text(point)}, {float(left):.1f} pixels from it"
            for start, goal, point, left in places
        ]

    def to_dict(self) -> dict[str, Any]:
        """Settings and result, as JSON values: the record of saved latents."""
        return {"names": [self.label], "found": f"drag {self.label}", "steps_made": self.steps, **self.settings}

    def sheet(self) -> Sheet:
        """The picture before and after, with the points."""
        from imagewright.latent.dragging.sheet import drag_sheet

        return drag_sheet(self)


def drag(
    run: RunLike,
    given: Input | None,
    moves: Sequence[tuple[Place, Place]],
    *,
    latents: Tensor | None = None,
    steps: int = 80,
    around: float | None = None,
    rate: float = RATE,
    watch: Callable[[DragStep], bool | None] | None = None,
    save: str | None = None,
    force: bool = False,
    model: Model | None = None,
) -> Dragged:
    """Move points of a picture to other places: the latent changes until what is there has come there.

    run: a run, its directory, a weights file or a model, whose decoder has gradients.
    given: a seed, a picture, or a name saved in the run; None with `latents`.
    moves: for each point its place (x, y) in pixels and the place where it shall be, such as [((20, 30), (28, 30))].
    latents: instead of an input, (1, *latent_shape).
    steps: of Adam at most; it ends as soon as all points are within a pixel of their goals.
    around: pixels around the way of each point that may change; all others are held. By default all may change.
    rate: of Adam, in standard deviations of the latents.
    watch: called after each step; what it returns ends the drag if it is False.
    save: save the latents in the run under this name.
    force: write over saved latents of that name.
    model: the run's model, if it is loaded already.
    Raises `UserError` for places outside the picture, and for a model that cannot decode or has no gradients.
    """
    if not 1 <= steps <= MOST_STEPS:
        raise UserError(f"steps={steps}, but a drag has 1 to {MOST_STEPS:,} steps.")
    if not 0 < rate <= 10 or (around is not None and not 0 < around < math.inf):
        raise UserError("The rate and the distance around (around=) must be more than 0, and a rate at most 10.")
    directory = None if save is None else store.check_save(run, [save], force=force)
    model = resolve_model(run) if model is None else model
    require(model, Decodes)
    starts, goals = _places(moves, model.config.size)
    notes, label = training_notes(model), "latents"
    if latents is None:
        resolved = resolve_inputs(run, [0 if given is None else given], model=model)
        latents, label, notes = resolved.latents[:1], resolved.labels[0], [*notes, *resolved.notes]
    settings = {"moves": [[list(map(float, place)) for place in move] for move in moves], "steps": steps, "rate": rate}
    settings |= {} if around is None else {"around": around}
    with evaluating(model), torch.inference_mode(False), torch.enable_grad():
        first, last = _search(model, latents.clone(), starts, goals, steps, around, rate, watch)
    found = Dragged(
        last.latents, last.picture, first.picture, starts, last.points, goals, last.distances, last.step, label,
        tuple(dict.fromkeys([*notes, *_notes_on(last)])), model, settings,
    )  # fmt: skip
    if directory is None or save is None:
        return found
    path = store.save(directory, model, save, "latents", {"latents": found.latents}, found.to_dict(), force=force)
    return replace(found, saved=path)


def _search(
    model: Model,
    latents: Tensor,
    starts: Tensor,
    goals: Tensor,
    steps: int,
    around: float | None,
    rate: float,
    watch: Callable[[DragStep], bool | None] | None,
) -> tuple[DragStep, DragStep]:
    """The first state and the last one."""
    device = model.device
    space, maps = _space_of(model, latents), FeatureMaps(model, latents.to(device))
    standard = space.standardise(latents.flatten(1)).requires_grad_()
    longest = space.norms(standard.detach()).clamp(min=space.longest or math.inf)
    held = None if around is None else ~near_lines(starts, goals, model.config.size, around).to(device)
    optimizer = optimizers.Adam([standard], lr=rate)
    points, goals = starts.to(device), goals.to(device)
    radius, reach = radii(model.config.size)

    def state(step: int, pictures: Tensor) -> DragStep:
        distances = (goals - points).norm(dim=1).cpu()
        picture = to_uint8(pictures.detach())[0].cpu()
        return DragStep(step, steps, points.cpu(), distances, space.to_latents(standard.detach()).clone(), picture)

    pictures, features = maps.decode(space.to_latents(standard).to(device))
    if not features.requires_grad:
        raise UserError(
            f"The decoder of {catalogue.name_of(model)} has no gradients, by which points are moved: use a run of "
            "another model, such as vae or dcgan."
        )
    before = features.detach()
    first = last = state(0, pictures)
    wanted = patches_at(before, points)
    for step in range(1, steps + 1):
        loss = motion_loss(features, points, goals, radius)
        if held is not None:
            loss = loss + HELD_WEIGHT * ((features - before).abs().mean((0, 1)) * held).mean()
        standard.grad = torch.autograd.grad(loss, standard)[0] * space.free
        optimizer.step()
        with torch.no_grad():
            space.clamp_to_prior_(standard, longest)
        pictures, features = maps.decode(space.to_latents(standard).to(device))
        with torch.no_grad():
            points = follow(features, points, wanted, reach)
        last = state(step, pictures)
        if (watch is not None and watch(last) is False) or bool((last.distances <= NEAR).all()):
            break
    return first, last


def radii(size: tuple[int, int]) -> tuple[float, float]:
    """Pixels around a point that are moved, and within which it is looked for: 6 and 12 at 256, 2 and 3 at 64."""
    side = max(size)
    return max(2.0, side * 6 / 256), max(3.0, side * 12 / 256)


def _space_of(model: Model, latents: Tensor) -> SearchSpace:
    if "sample" in verbs_of(model):
        return space_from_samples(model, sample_groups(model, SAMPLES, 0, None))
    return space_from_latents(model, latents)


def _places(moves: Sequence[tuple[Place, Place]], size: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """Starts and goals, (P, 2) each. Raises `UserError` for none, too many, and places outside the picture."""
    if not 1 <= len(moves) <= MOST_POINTS:
        raise UserError(f"{len(moves)} points were given, but 1 to {MOST_POINTS} can be dragged at once.")
    height, width = size
    for x, y in (place for move in moves for place in move):
        if not (0 <= x <= width - 1 and 0 <= y <= height - 1):
            raise UserError(
                f"The place {x:g},{y:g} is not in a picture of {size_text(size)}: X is from 0 to {width - 1} from the "
                f"left, Y from 0 to {height - 1} from the top."
            )
    pairs = torch.tensor(moves, dtype=torch.float32)
    return pairs[:, 0], pairs[:, 1]


def _notes_on(last: DragStep) -> list[str]:
    far = last.distances[last.distances > NEAR]
    if not len(far):
        return []
    what = "The point is" if len(last.distances) == 1 else f"{len(far)} of {len(last.distances)} points are"
    return [
        f"{what} up to {float(far.max()):.1f} pixels from the goal after {last.step} steps: more steps come nearer, "
        "unless the model has no such picture."
    ]


def _text(place: Tensor) -> str:
    return ",".join(f"{float(each):.3g}" for each in place)
