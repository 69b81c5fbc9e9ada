"""Figures of classifiers: learning curves, decision regions in a plane, samples by class, confusion, mistakes.

If there are more classes than a figure can show, the most common ones are shown and the title says so.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from imagewright.analysis.classifiers.splits import LabelledFeatures
from imagewright.analysis.sheets import shorten_middle
from imagewright.capabilities import Decodes, answers, samples_classes
from imagewright.models.shared.points import log_probabilities
from imagewright.output.figures import COLOURS, SEQUENTIAL, mark_of, new_figure, save_figure
from imagewright.output.grids import draw_grid
from imagewright.output.provenance import COMPOSITE, make_record
from imagewright.output.sheets import Sheet
from imagewright.output.writing import write_image
from imagewright.pixels import to_uint8
from imagewright.seeds import derive_seed

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from imagewright.analysis.classifiers.comparison import ClassifierComparison
    from imagewright.analysis.classifiers.confusion import Confusion

CLASS_COLOURS = (*COLOURS, "#999999", "#8C564B")  # ten that colour-blind readers can distinguish
MOST_CLASSES = len(CLASS_COLOURS)
PLANE_POINTS = 2000  # that classifiers of the plane are fitted to
DRAWN_POINTS = 250
PLANE_SIDE = 240  # points of the plane that are classified, along an axis
LABEL = 14  # characters of a class name in the plane
SAMPLES_EACH = 2
SHIFT = 0.03  # between two classifiers, along the logarithmic axis of the curves
CHANCE = "chance: always the commonest class"
NUMBERED_CLASSES = 25  # with more, the cells of a confusion matrix have no room for numbers
NAMED_CLASSES = 60  # with more, only some classes are named


def write_curves(comparison: ClassifierComparison, path: Path, *, force: bool = False) -> None:
    """Accuracy against the number of training pictures: mean and standard deviation over the splits, and chance.

    Classifiers are moved apart a little along the axis, so that their error bars do not cover one another.
    """
    beside = np.exp(SHIFT * (np.arange(len(comparison.classifiers)) - (len(comparison.classifiers) - 1) / 2))
    with new_figure(8.5, 5.2) as figure:
        axes = figure.subplots()
        for number, (name, classifier) in enumerate(comparison.classifiers.items()):
            shares = 100 * comparison.accuracies[name]
            axes.errorbar(
                np.array(comparison.counts) * beside[number],
                shares.mean(1),
                yerr=shares.std(1) if shares.shape[1] > 1 else None,
                color=CLASS_COLOURS[number],
                marker=mark_of(number),
                linestyle="-" if classifier.generative else "--",
                markerfacecolor=CLASS_COLOURS[number] if classifier.generative else "white",
                capsize=3,
                label=f"{classifier.title} ({'generative' if classifier.generative else 'discriminative'})",
            )
        axes.axhline(100 * comparison.chance, color="#777777", linestyle=":", linewidth=1.2, label=CHANCE)
        repeats = next(iter(comparison.accuracies.values())).shape[1]
        axes.set_xscale("log")
        axes.set_xticks(comparison.counts, [f"{count:,}" for count in comparison.counts], rotation=30)
        axes.minorticks_off()
        spread = "" if repeats == 1 else f"; bars: one standard deviation over {repeats} random splits"
        axes.set(
            xlabel=f"training pictures ({comparison.features}{spread})",
            ylabel="accuracy, %",
            title=f"Generative against discriminative classifiers\n{comparison.held_out}",
        )
        axes.legend(loc="best")
        save_figure(figure, path, force=force)


# Regions


def write_regions(comparison: ClassifierComparison, path: Path, *, force: bool = False) -> dict[str, float]:
    """Decision regions of each classifier, fitted again in the plane of the first two principal components.

    Returns the accuracies in the plane, on test pictures of the classes shown, by classifier.
    """
    split, shown = comparison.first_split, most_common_classes(comparison.first_split.training.labels)
    names = tuple(comparison.class_names[label] for label in shown)
    project = _fit_plane(split.training.points, sorted_by_variance=comparison.sorted_by_variance)
    training = _select_classes(project(split.training), shown).first(PLANE_POINTS)
    test = _select_classes(project(split.test), shown)
    low, high = (torch.quantile(training.points, share, dim=0) for share in (0.005, 0.995))
    edges = torch.stack([low - 0.1 * (high - low), high + 0.1 * (high - low)])
    grid = torch.cartesian_prod(*(torch.linspace(float(start), float(end), PLANE_SIDE) for start, end in edges.T))
    accuracies = {}
    columns = min(3, len(comparison.classifiers))
    rows = -(-len(comparison.classifiers) // columns)
    with new_figure(4.2 * columns, 4.0 * rows + 0.4) as figure:
        cells = np.atleast_1d(figure.subplots(rows, columns)).flatten()
        for axes, (name, classifier) in zip(cells, comparison.classifiers.items(), strict=False):
            model = classifier.fit(training, names)
            regions = log_probabilities(model, grid).argmax(1).reshape(PLANE_SIDE, PLANE_SIDE).T.numpy()
            right = log_probabilities(model, test.points).argmax(1) == test.labels
            accuracies[name] = float(right.double().mean())
            _draw_regions(axes, regions, edges.numpy(), training.first(DRAWN_POINTS), names)
            kind = "generative" if classifier.generative else "discriminative"
            axes.set_title(f"{classifier.title} ({kind}): {accuracies[name]:.0%}")
        for axes in cells[len(comparison.classifiers) :]:
            axes.remove()
        few = _selection_note(shown, comparison.class_names)
        marks, labels = cells[0].get_legend_handles_labels()
        figure.legend(marks, labels, loc="outside lower center", ncols=min(5, len(names)), title="training pictures of")
        figure.suptitle(
            f"Decision regions in the plane of the first two components{few}; {len(training.labels):,} training "
            "pictures, accuracy on those held out"
        )
        save_figure(figure, path, force=force)
    return accuracies


def most_common_classes(labels: Tensor, most: int = MOST_CLASSES) -> list[int]:
    """The `most` classes of most pictures, in ascending order of their numbers."""
    counts = torch.bincount(labels)
    return sorted(label for label in counts.argsort(descending=True, stable=True)[:most].tolist() if counts[label] > 0)


def _selection_note(shown: Sequence[int], class_names: Sequence[str]) -> str:
    return "" if len(shown) == len(class_names) else f", the {len(shown)} most common of {len(class_names)} classes"


def _fit_plane(points: Tensor, *, sorted_by_variance: bool) -> Callable[[LabelledFeatures], LabelledFeatures]:
    """The projection of labelled features onto the plane of largest variance of `points` (N, D).

    Latents of PCA are sorted by variance but scaled to equal variances, so that their plane is that of the first two.
    """
    if sorted_by_variance:
        axes, mean = torch.eye(points.shape[1])[:, :2], torch.zeros(points.shape[1])
    else:
        mean = points.mean(0)
        axes = torch.linalg.eigh(torch.cov(points.double().T)).eigenvectors.flip(1)[:, :2].float()
    return lambda labelled: LabelledFeatures((labelled.points - mean) @ axes, labelled.labels)


def _select_classes(labelled: LabelledFeatures, shown: Sequence[int]) -> LabelledFeatures:
    """The features of the classes `shown`, renumbered by their places in `shown`."""
    place = torch.full((int(labelled.labels.max()) + 1,), -1)
    for number, label in enumerate(shown):
        if label < len(place):
            place[label] = number
    numbers = place[labelled.labels]
    return LabelledFeatures(labelled.points[numbers >= 0], numbers[numbers >= 0])


def _draw_regions(
    axes: Axes, regions: np.ndarray, edges: np.ndarray, drawn: LabelledFeatures, names: Sequence[str]
) -> None:
    """Draw the predicted class of each point of the plane, and some training pictures.

    regions: class numbers, (rows, columns).
    edges: ((left, bottom), (right, top)) of the plane.
    drawn: the pictures.
    names: of the classes.
    """
    from matplotlib.colors import to_rgb
    from matplotlib.patheffects import withStroke

    colours = np.array([to_rgb(CLASS_COLOURS[number]) for number in range(len(names))])
    (left, bottom), (right, top) = edges
    extent = (left, right, bottom, top)
    axes.imshow(0.35 * colours[regions] + 0.65, origin="lower", extent=extent, aspect="auto", interpolation="nearest")
    for label in np.unique(regions):
        axes.contour(regions == label, levels=[0.5], extent=extent, colors="black", linewidths=0.7)
    for number in range(len(names)):
        own = drawn.points[drawn.labels == number].numpy()
        axes.plot(
            *own.T,
            mark_of(number),
            color=colours[number],
            markersize=4.5,
            markeredgecolor="#222222",
            markeredgewidth=0.3,
            label=shorten_middle(names[number], LABEL),
        )
    halo = [withStroke(linewidth=2.5, foreground="white")]
    for label, (row, column) in _find_middles(regions).items():
        x, y = left + (column + 0.5) / PLANE_SIDE * (right - left), bottom + (row + 0.5) / PLANE_SIDE * (top - bottom)
        axes.text(
            x,
            y,
            shorten_middle(names[label], LABEL),
            ha="center",
            va="center",
            fontsize=9,
            fontweight="bold",
            path_effects=halo,
        )
    axes.set(xlim=(left, right), ylim=(bottom, top), xticks=[], yticks=[])
    axes.set(xlabel="first principal component", ylabel="second")
    axes.grid(visible=False)


def _find_middles(regions: np.ndarray) -> dict[int, tuple[int, int]]:
    """The (row, column) of each region farthest from its border, by class; none for regions too narrow for a name."""
    from scipy.ndimage import distance_transform_edt

    middles = {}
    for label in np.unique(regions):
        inside = distance_transform_edt(np.pad(regions == label, 1))[1:-1, 1:-1]  # the plane's edge is a border too
        row, column = np.unravel_index(int(inside.argmax()), inside.shape)
        if inside[row, column] >= PLANE_SIDE / 60:
            middles[int(label)] = (int(row), int(column))
    return middles


# Pictures


def write_samples(comparison: ClassifierComparison, path: Path, *, force: bool = False) -> bool:
    """Samples of each class from the generative classifiers, below real pictures.

    Returns False, and writes nothing, without generative classifiers or if the encoder does not decode.
    """
    split, images = comparison.first_split, comparison.images
    generative = {name: each for name, each in comparison.classifiers.items() if each.generative}
    decoder = split.encoder
    if not generative or not answers(decoder, Decodes):
        return False
    training = split.training.first(comparison.counts[-1])
    shown = most_common_classes(training.labels)
    wanted = torch.tensor(shown).repeat(SAMPLES_EACH)
    assert images.labels is not None
    examples = [int(np.flatnonzero(images.labels == label)[0]) for label in shown]
    pictures, labels = [images.batch(np.array(examples)).images], ["a real one"]
    for name, classifier in generative.items():
        model = classifier.fit(training, comparison.class_names)
        assert samples_classes(model)
        generator = torch.Generator().manual_seed(derive_seed(comparison.seed, "samples", name))
        with torch.inference_mode():
            latents = model.sample_latents(len(wanted), generator, labels=wanted).unflatten(1, decoder.latent_shape)
            pictures.append(to_uint8(decoder.decode(latents)))
        labels += [classifier.title] + [""] * (SAMPLES_EACH - 1)
    few = _selection_note(shown, comparison.class_names)
    title = f"Samples of each class{few}, from {len(training.labels):,} pictures"
    record = make_record(
        "classify",
        model=", ".join(each.model for each in generative.values()),
        seed=comparison.seed,
        settings={"pictures": len(training.labels)},
        source_type=COMPOSITE,
    )
    columns = [comparison.class_names[label] for label in shown]
    sheet = draw_grid(torch.cat(pictures), row_labels=labels, column_labels=columns, title=title)
    write_image(sheet, path, record, force=force)
    return True


def write_confusion(confusion: Confusion, path: Path, title: str, *, force: bool = False) -> None:
    """The confusion matrix, shaded by shares of each row (true class), with counts if they fit."""
    from matplotlib.colors import PowerNorm

    counts, names = confusion.matrix(), confusion.class_names
    shares = counts / counts.sum(1, keepdims=True).clip(min=1)
    classes = len(names)
    side = float(np.clip(1.8 + 0.42 * classes, 4.5, 13.0))
    every = -(-classes // NAMED_CLASSES)
    small = float(np.clip(250 / max(classes, 1), 4.5, 9.5))
    with new_figure(side + 1.2, side) as figure:
        axes = figure.subplots()
        # On a square root scale, so that a mistake made for 1 % of a class is visible.
        drawn = axes.imshow(100 * shares, cmap=SEQUENTIAL, norm=PowerNorm(0.5, 0, 100), interpolation="nearest")
        ticks = np.arange(0, classes, every)
        cut = [name if len(name) <= 18 else f"{name[:16]}..." for name in names]
        upright = max(map(len, cut)) > 2
        axes.set_xticks(ticks, [cut[tick] for tick in ticks], rotation=90 if upright else 0, fontsize=small)
        axes.set_yticks(ticks, [cut[tick] for tick in ticks], fontsize=small)
        axes.grid(visible=False)
        if classes <= NUMBERED_CLASSES:
            size = 7.5 if counts.max() >= 1000 else 9.0
            for (row, column), count in np.ndenumerate(counts):
                ink = "black" if shares[row, column] > 0.3 else "white"
                if count:
                    axes.text(column, row, f"{count}", ha="center", va="center", color=ink, fontsize=size)
        axes.set(xlabel="predicted class", ylabel="true class", title=title)
        figure.colorbar(drawn, ax=axes, shrink=0.8, label="% of the true class")
        save_figure(figure, path, force=force)


def mistakes_sheet(confusion: Confusion, count: int) -> Sheet | None:
    """The most confident mistakes with their true and predicted classes; None if there are none.

    Each part of a caption has a line of its own, so that a long name cuts off neither the other name nor the number.
    """
    mistakes = confusion.mistakes()
    chosen = mistakes[:count]
    if len(chosen) == 0 or confusion.truth is None:
        return None
    names = confusion.class_names
    captions = [
        f"{names[confusion.truth[row]]}\nas {names[confusion.predicted[row]]}\n"
        f"{confusion.probabilities[row, confusion.predicted[row]]:.0%}"
        for row in chosen
    ]
    title = f"the {len(chosen)} most confident of {len(mistakes):,} mistakes: true class as predicted class"
    return Sheet(confusion.images.batch(chosen).images, captions=captions, title=title)
