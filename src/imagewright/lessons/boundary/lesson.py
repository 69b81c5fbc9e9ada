"""Lesson: two ways to a boundary. Learn what each class looks like (generative), or only what tells them apart.

Ng & Jordan 2001, "On discriminative vs. generative classifiers". The classifiers are the package's own models, fitted
to points of the plane whose true densities are known.
"""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
from pydantic import Field

from imagewright.lessons.base import Numbers, Place, Seed, lesson
from imagewright.lessons.boundary import figures as draw
from imagewright.lessons.boundary.data import TwoClasses, alike, unlike, with_far_group
from imagewright.model import Model
from imagewright.models.shared.points import classifier_of_points, log_probabilities
from imagewright.seeds import derive_seed

CLASSIFIERS: dict[str, tuple[str, dict[str, Any]]] = {
    "linear GDA": ("gda", {"shrinkage": 0.0}),
    "quadratic GDA": ("gda", {"boundary": "quadratic", "shrinkage": 0.0}),
    "logistic regression": ("logistic_regression", {"penalty": 0.1}),
    "linear SVM": ("linear_svm", {}),
}
COUNTS = (6, 10, 20, 50, 100, 200, 500)
JUDGED, JUDGED_SEED = 4000, 1  # the new points are the same for all, so that their differences are not chance
FAR = 7.0
FRAMES, HELD = 28, 6  # of an animation; and at its end, where nothing moves any more


def fitted(title: str, data: TwoClasses, count: int, seed: int) -> Model:
    """A classifier fitted to the first `count` points of the data."""
    model, options = CLASSIFIERS[title]
    return classifier_of_points(model, options, *data.sample(count, seed), ("A", "B"))


def error_of(model: Model, data: TwoClasses) -> float:
    """The share of new points that get the wrong class."""
    points, labels = data.sample(JUDGED, JUDGED_SEED)
    return float((log_probabilities(model, points).argmax(1) != labels).double().mean())


@lesson(figures=("boundaries", "training_points"), animations=("arriving", "moving"))
def boundary(
    place: Place,
    *,
    points: Annotated[int, Field(ge=6, le=5000, description="training points in the still figure")] = 120,
    repeats: Annotated[
        int, Field(ge=2, le=1000, description="random training sets that errors are averaged over")
    ] = 20,
    seed: Seed = 0,
) -> Numbers:
    """Boundaries of generative and discriminative classifiers, and their errors from few and from many points."""
    sets = {"alike": alike(), "unlike": unlike(), "far": with_far_group(FAR)}
    drawn_with = derive_seed(seed, "boundary", "drawn") % 2**32
    total = len(sets) * repeats + (2 * FRAMES + HELD if place.is_animated else 0) + 1
    done = 0

    def progressed() -> None:
        nonlocal done
        done += 1
        place.progress(done, total)

    models = {
        name: {title: fitted(title, data, points, drawn_with) for title in CLASSIFIERS} for name, data in sets.items()
    }
    still = {name: {title: error_of(each, sets[name]) for title, each in own.items()} for name, own in models.items()}
    draw.boundaries(place, sets, models, still, points, drawn_with)
    progressed()
    errors = {name: {title: np.zeros((len(COUNTS), repeats)) for title in CLASSIFIERS} for name in sets}
    for name, data in sets.items():
        for repeat in range(repeats):
            own_seed = derive_seed(seed, "boundary", name, repeat) % 2**32
            for row, count in enumerate(COUNTS):
                for title in CLASSIFIERS:
                    errors[name][title][row, repeat] = error_of(fitted(title, data, count, own_seed), data)
            progressed()
    least = {name: data.least_error(JUDGED, JUDGED_SEED) for name, data in sets.items()}
    draw.training_points(place, sets, COUNTS, errors, least)
    if place.is_animated:
        _animate(place, drawn_with, progressed)
    return _numbers(errors, least, still)


def _animate(place: Place, seed: int, progressed: Any) -> None:
    """Points that arrive, and a group that moves away."""
    two = ("linear GDA", "logistic regression")
    data = alike()
    arriving = []
    for count in np.unique(np.geomspace(4, 300, FRAMES).round().astype(int)):
        models = {title: fitted(title, data, int(count), seed) for title in two}
        arriving.append(draw.frame(data, models, int(count), seed, f"{count} training points have arrived"))
        progressed()
    place.animation("arriving", np.stack(arriving), 6.0)
    moving = []
    for distance in np.concatenate([np.linspace(0, FAR, FRAMES), np.full(HELD, FAR)]):
        data = with_far_group(float(distance))
        models = {title: fitted(title, data, 150, seed) for title in two}
        moving.append(draw.frame(data, models, 150, seed, f"a third of class B has moved by {distance:.1f}"))
        progressed()
    place.animation("moving", np.stack(moving), 8.0)


def _numbers(
    errors: dict[str, dict[str, np.ndarray]], least: dict[str, float], still: dict[str, dict[str, float]]
) -> Numbers:
    first, last = COUNTS[0], COUNTS[-1]

    def mean(name: str, title: str, row: int) -> str:
        return f"{errors[name][title][row].mean():.1%}"

    return {
        "summary": [
            f"Where each class is one Gaussian of the same shape, linear GDA errs by {mean('alike', 'linear GDA', 0)} "
            f"from {first} points and logistic regression by {mean('alike', 'logistic regression', 0)}; from {last} by "
            f"{mean('alike', 'linear GDA', -1)} and {mean('alike', 'logistic regression', -1)} (at best "
            f"{least['alike']:.1%}).",
            f"Where a third of a class lies far off, which breaks what linear GDA supposes, they err by "
            f"{mean('far', 'linear GDA', -1)} and {mean('far', 'logistic regression', -1)} from {last} (at best "
            f"{least['far']:.1%}): the one fits all of the class, the other only the boundary.",
        ],
        "counts": list(COUNTS),
        "errors": {
            name: {title: {"mean": each.mean(1), "deviation": each.std(1)} for title, each in own.items()}
            for name, own in errors.items()
        },
        "least_errors": least,
        "errors_in_the_figure": still,
    }
