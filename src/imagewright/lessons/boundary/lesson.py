"""Lesson: generative classifiers learn a density of each class, discriminative ones only the boundary between them.

Ng & Jordan 2001, "On discriminative vs. generative classifiers". The classifiers are the package's own models, fitted
to points of the plane from known densities.
"""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
from pydantic import Field

from imagewright.lessons.base import LessonOutput, Numbers, Seed, define_lesson
from imagewright.lessons.boundary import figures as draw
from imagewright.lessons.boundary.data import TwoClasses, different_covariances, equal_covariances, with_far_group
from imagewright.model import Model
from imagewright.models.shared.points import fit_classifier, log_probabilities
from imagewright.progress import ProgressCounter
from imagewright.seeds import derive_seed

CLASSIFIERS: dict[str, tuple[str, dict[str, Any]]] = {
    "linear GDA": ("gda", {"shrinkage": 0.0}),
    "quadratic GDA": ("gda", {"boundary": "quadratic", "shrinkage": 0.0}),
    "logistic regression": ("logistic_regression", {"penalty": 0.1}),
    "linear SVM": ("linear_svm", {}),
}
COUNTS = (6, 10, 20, 50, 100, 200, 500)
TEST_POINTS, TEST_SEED = 4000, 1  # all classifiers are tested on the same points
FAR = 7.0
FRAMES, LAST_FRAMES = 28, 6  # of an animation, and additional ones at its end


def fit_titled(title: str, data: TwoClasses, count: int, seed: int) -> Model:
    """The classifier of that title in `CLASSIFIERS`, fitted to `count` points sampled from the data."""
    model, options = CLASSIFIERS[title]
    return fit_classifier(model, options, *data.sample(count, seed), ("A", "B"))


def measure_error(model: Model, data: TwoClasses) -> float:
    """The share of test points that are misclassified."""
    points, labels = data.sample(TEST_POINTS, TEST_SEED)
    return float((log_probabilities(model, points).argmax(1) != labels).double().mean())


@define_lesson(figures=("boundaries", "training_points"), animations=("arriving", "moving"))
def boundary(
    output: LessonOutput,
    *,
    points: Annotated[int, Field(ge=6, le=5000, description="training points in the still figure")] = 120,
    repeats: Annotated[
        int, Field(ge=2, le=1000, description="random training sets that errors are averaged over")
    ] = 20,
    seed: Seed = 0,
) -> Numbers:
    """Boundaries of generative and discriminative classifiers, and their errors from few and from many points."""
    sets = {"equal": equal_covariances(), "different": different_covariances(), "far": with_far_group(FAR)}
    figure_seed = derive_seed(seed, "boundary", "drawn") % 2**32
    total = len(sets) * repeats + (2 * FRAMES + LAST_FRAMES if output.is_animated else 0) + 1
    counter = ProgressCounter(total, output.progress)
    models = {
        name: {title: fit_titled(title, data, points, figure_seed) for title in CLASSIFIERS}
        for name, data in sets.items()
    }
    still = {
        name: {title: measure_error(each, sets[name]) for title, each in own.items()} for name, own in models.items()
    }
    draw.boundaries(output, sets, models, still, points, figure_seed)
    counter.advance()
    errors = {name: {title: np.zeros((len(COUNTS), repeats)) for title in CLASSIFIERS} for name in sets}
    for name, data in sets.items():
        for repeat in range(repeats):
            own_seed = derive_seed(seed, "boundary", name, repeat) % 2**32
            for row, count in enumerate(COUNTS):
                for title in CLASSIFIERS:
                    errors[name][title][row, repeat] = measure_error(fit_titled(title, data, count, own_seed), data)
            counter.advance()
    least = {name: data.least_error(TEST_POINTS, TEST_SEED) for name, data in sets.items()}
    draw.training_points(output, sets, COUNTS, errors, least)
    if output.is_animated:
        _animate(output, figure_seed, counter)
    return _numbers(errors, least, still)


def _animate(output: LessonOutput, seed: int, counter: ProgressCounter) -> None:
    """Two animations: more and more training points, and a group that moves away."""
    two = ("linear GDA", "logistic regression")
    data = equal_covariances()
    arriving = []
    for count in np.unique(np.geomspace(4, 300, FRAMES).round().astype(int)):
        models = {title: fit_titled(title, data, int(count), seed) for title in two}
        arriving.append(draw.frame(data, models, int(count), seed, f"{count} training points"))
        counter.advance()
    output.animation("arriving", np.stack(arriving), 6.0)
    moving = []
    for distance in np.concatenate([np.linspace(0, FAR, FRAMES), np.full(LAST_FRAMES, FAR)]):
        data = with_far_group(float(distance))
        models = {title: fit_titled(title, data, 150, seed) for title in two}
        moving.append(draw.frame(data, models, 150, seed, f"a third of class B has moved by {distance:.1f}"))
        counter.advance()
    output.animation("moving", np.stack(moving), 8.0)


def _numbers(
    errors: dict[str, dict[str, np.ndarray]], least: dict[str, float], still: dict[str, dict[str, float]]
) -> Numbers:
    first, last = COUNTS[0], COUNTS[-1]

    def mean(name: str, title: str, row: int) -> str:
        return f"{errors[name][title][row].mean():.1%}"

    return {
        "summary": [
            f"If the classes are Gaussians of equal covariance, the error from {first} points is "
            f"{mean('equal', 'linear GDA', 0)} for linear GDA and {mean('equal', 'logistic regression', 0)} for "
            f"logistic regression; from {last} points {mean('equal', 'linear GDA', -1)} and "
            f"{mean('equal', 'logistic regression', -1)} (optimum: {least['equal']:.1%}).",
            f"If a third of a class lies far off, against the assumption of linear GDA, the errors from {last} points "
            f"are {mean('far', 'linear GDA', -1)} and {mean('far', 'logistic regression', -1)} (optimum: "
            f"{least['far']:.1%}): GDA fits the whole class, logistic regression only the boundary.",
        ],
        "counts": list(COUNTS),
        "errors": {
            name: {title: {"mean": each.mean(1), "deviation": each.std(1)} for title, each in own.items()}
            for name, own in errors.items()
        },
        "least_errors": least,
        "errors_in_the_figure": still,
    }
