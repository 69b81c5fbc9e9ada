"""The figures of classifiers: learning curves, regions in a plane, samples by class, confusion, mistakes.

Each stays readable with many classes: where there are more than fit, the commonest are shown and the title says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from imagewright.analysis.classifiers.comparison import Comparison, fitted
from imagewright.analysis.classifiers.confusion import Confusion
from imagewright.analysis.classifiers.splits import Labelled
from imagewright.capabilities import samples_classes, verbs_of
from imagewright.images import Images
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

CLASS_COLOURS = (*COLOURS, "#999999", "#8C564B")  # ten that differ in lightness or hue, to any eye
MOST_CLASSES = len(CLASS_COLOURS)
PLANE_POINTS = 2000  # that classifiers of the plane are fitted to
DRAWN_POINTS = 250
PLANE_SIDE = 240  # points of the plane asked about, along an axis
SAMPLES_EACH = 2
NUMBERED_CLASSES = 25  # up to here the cells of a confusion matrix have room for numbers
NAMED_CLASSES = 60


def write_curves(comparison: Comparison, path: Path, *, force: bool = False) -> None:
    """Accuracy against the number of training pictures: mean and standard deviation over the splits."""
    with new_figure(8.5, 5.2) as figure:
        axes = figure.subplots()
        for number, (name, contender) in enumerate(comparison.contenders.items()):
            shares = 100 * comparison.accuracies[name]
            axes.errorbar(
                comparison.counts,
                shares.mean(1),
                yerr=shares.std(1) if shares.shape[1] > 1 else None,
                color=CLASS_COLOURS[number],
                marker=mark_of(number),
                linestyle="-" if contender.generative else "--",
                markerfacecolor=CLASS_COLOURS[number] if contender.generative else "white",
                capsize=3,
                label=f"{contender.title} ({'generative' if contender.generative else 'discriminative'})",
            )
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
        axes.legend(loc="lower right")
        save_figure(figure, path, force=force)


# Regions


def write_regions(comparison: Comparison, path: Path, *, force: bool = False) -> dict[str, float]:
    """Which class each contender gives to the points of the plane of the first two components.

    Returns the accuracies in the plane, on the pictures held out, of the classes shown.
    """
    split, shown = comparison.first_split, commonest(comparison.first_split.training.labels)
    names = tuple(comparison.class_names[label] for label in shown)
    plane = _plane_of(split.training.points, sorted_by_variance=comparison.sorted_by_variance)
    training = _of_classes(plane(split.training), shown).first(PLANE_POINTS)
    judged = _of_classes(plane(split.held_out), shown)
    low, high = (torch.quantile(training.points, share, dim=0) for share in (0.005, 0.995))
    edges = torch.stack([low - 0.1 * (high - low), high + 0.1 * (high - low)])
    grid = torch.cartesian_prod(*(torch.linspace(float(start), float(end), PLANE_SIDE) for start, end in edges.T))
    accuracies = {}
    columns = min(3, len(comparison.contenders))
    rows = -(-len(comparison.contenders) // columns)
    with new_figure(4.2 * columns, 4.0 * rows + 0.4) as figure:
        cells = np.atleast_1d(figure.subplots(rows, columns)).flatten()
        for axes, (name, contender) in zip(cells, comparison.contenders.items(), strict=False):
            model = fitted(contender, training, names)
            said = log_probabilities(model, grid).argmax(1).reshape(PLANE_SIDE, PLANE_SIDE).T.numpy()
            right = log_probabilities(model, judged.points).argmax(1) == judged.labels
            accuracies[name] = float(right.double().mean())
            _draw_regions(axes, said, edges.numpy(), training.first(DRAWN_POINTS), names)
            kind = "generative" if contender.generative else "discriminative"
            axes.set_title(f"{contender.title} ({kind}): {accuracies[name]:.0%}")
        for axes in cells[len(comparison.contenders) :]:
            axes.remove()
        few = _of_how_many(shown, comparison.class_names)
        figure.suptitle(
            f"Decision regions in the plane of the first two components{few}; {len(training.labels):,} training "
            "pictures, accuracy on those held out"
        )
        save_figure(figure, path, force=force)
    return accuracies


def commonest(labels: Tensor, most: int = MOST_CLASSES) -> list[int]:
    """The classes with most pictures, at most that many, in the order of their numbers."""
    counts = torch.bincount(labels)
    return sorted(label for label in counts.argsort(descending=True, stable=True)[:most].tolist() if counts[label] > 0)


def _of_how_many(shown: Sequence[int], class_names: Sequence[str]) -> str:
    return "" if len(shown) == len(class_names) else f", the {len(shown)} commonest of {len(class_names)} classes"


def _plane_of(points: Tensor, *, sorted_by_variance: bool) -> Any:
    """A function from labelled points to labelled points of the plane in which these vary most.

    Principal components come in their order, but scaled to equal variances: the first two are the plane already.
    """
    if sorted_by_variance:
        axes, mean = torch.eye(points.shape[1])[:, :2], torch.zeros(points.shape[1])
    else:
        mean = points.mean(0)
        axes = torch.linalg.eigh(torch.cov(points.double().T)).eigenvectors.flip(1)[:, :2].float()
    return lambda labelled: Labelled((labelled.points - mean) @ axes, labelled.labels)


def _of_classes(labelled: Labelled, shown: Sequence[int]) -> Labelled:
    """The points of these classes, with new numbers: places in `shown`."""
    place = torch.full((int(labelled.labels.max()) + 1,), -1)
    for number, label in enumerate(shown):
        if label < len(place):
            place[label] = number
    numbers = place[labelled.labels]
    return Labelled(labelled.points[numbers >= 0], numbers[numbers >= 0])


def _draw_regions(axes: Axes, said: np.ndarray, edges: np.ndarray, drawn: Labelled, names: Sequence[str]) -> None:
    from matplotlib.colors import to_rgb
    from matplotlib.patheffects import withStroke

    colours = np.array([to_rgb(CLASS_COLOURS[number]) for number in range(len(names))])
    (left, bottom), (right, top) = edges
    extent = (left, right, bottom, top)
    axes.imshow(0.35 * colours[said] + 0.65, origin="lower", extent=extent, aspect="auto", interpolation="nearest")
    for label in np.unique(said):
        axes.contour(said == label, levels=[0.5], extent=extent, colors="black", linewidths=0.7)
    for number in range(len(names)):
        own = drawn.points[drawn.labels == number].numpy()
        axes.plot(
            *own.T,
            mark_of(number),
            color=colours[number],
            markersize=4.5,
            markeredgecolor="#222222",
            markeredgewidth=0.3,
        )
    halo = [withStroke(linewidth=2.5, foreground="white")]
    for label, (row, column) in _middles(said).items():
        x, y = left + (column + 0.5) / PLANE_SIDE * (right - left), bottom + (row + 0.5) / PLANE_SIDE * (top - bottom)
        name = names[label] if len(names[label]) <= 14 else f"{names[label][:12]}..."
        axes.text(x, y, name, ha="center", va="center", fontsize=9, fontweight="bold", path_effects=halo)
    axes.set(xlim=(left, right), ylim=(bottom, top), xticks=[], yticks=[])
    axes.grid(visible=False)


def _middles(said: np.ndarray) -> dict[int, tuple[int, int]]:
    """Where each region is widest: (row, column) of the point farthest from its border."""
    from scipy.ndimage import distance_transform_edt

    middles = {}
    for label in np.unique(said):
        inside = distance_transform_edt(np.pad(said == label, 1))[1:-1, 1:-1]  # the plane's edge is a border, too
        row, column = np.unravel_index(int(inside.argmax()), inside.shape)
        if inside[row, column] >= PLANE_SIDE / 60:  # a narrower one has no room for a name
            middles[int(label)] = (int(row), int(column))
    return middles


# Pictures


def write_samples(comparison: Comparison, images: Images, path: Path, seed: int, *, force: bool = False) -> bool:
    """Samples of each class from the generative contenders, under real pictures; whether there was anything to draw."""
    split = comparison.first_split
    generative = {name: each for name, each in comparison.contenders.items() if each.generative}
    if not generative or "decode" not in verbs_of(split.encoder):
        return False
    training = split.training.first(comparison.counts[-1])
    shown = commonest(training.labels)
    wanted = torch.tensor(shown).repeat(SAMPLES_EACH)
    assert images.labels is not None
    examples = [int(np.flatnonzero(images.labels == label)[0]) for label in shown]
    pictures, labels = [images.batch(np.array(examples)).images], ["a real one"]
    for name, contender in generative.items():
        model = fitted(contender, training, comparison.class_names)
        assert samples_classes(model)
        generator = torch.Generator().manual_seed(derive_seed(seed, "samples", name))
        with torch.inference_mode():
            latents = model.sample_latents(len(wanted), generator, labels=wanted).unflatten(
                1, split.encoder.latent_shape
            )
            pictures.append(to_uint8(split.encoder.decode(latents)))  # type: ignore[operator]
        labels += [contender.title] + [""] * (SAMPLES_EACH - 1)
    few = _of_how_many(shown, comparison.class_names)
    title = f"Samples of each class{few}, from {len(training.labels):,} pictures"
    record = make_record(
        "classify",
        model=", ".join(each.model for each in generative.values()),
        seed=seed,
        settings={"pictures": len(training.labels)},
        source_type=COMPOSITE,
    )
    columns = [comparison.class_names[label] for label in shown]
    sheet = draw_grid(torch.cat(pictures), row_labels=labels, column_labels=columns, title=title)
    write_image(sheet, path, record, force=force)
    return True


def write_confusion(confusion: Confusion, path: Path, title: str, *, force: bool = False) -> None:
    """The confusion matrix: rows of the true class, shaded by their shares, with counts where they fit."""
    from matplotlib.colors import PowerNorm

    counts, names = confusion.matrix(), confusion.class_names
    shares = counts / counts.sum(1, keepdims=True).clip(min=1)
    classes = len(names)
    side = float(np.clip(1.8 + 0.42 * classes, 4.5, 13.0))
    every = -(-classes // NAMED_CLASSES)
    small = float(np.clip(250 / max(classes, 1), 4.5, 9.5))
    with new_figure(side + 1.2, side) as figure:
        axes = figure.subplots()
        # By square roots: a mistake made in 1 % of a class is to be seen, too.
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
        axes.set(xlabel="said to be", ylabel="is", title=title)
        figure.colorbar(drawn, ax=axes, shrink=0.8, label="% of the true class")
        save_figure(figure, path, force=force)


def mistakes_sheet(confusion: Confusion, images: Images, count: int) -> Sheet | None:
    """The mistakes that the classifier is surest of: their classes, what they were taken for; None without one."""
    mistakes = confusion.mistakes()
    chosen = mistakes[:count]
    if len(chosen) == 0 or confusion.truth is None:
        return None
    names = confusion.class_names
    captions = [
        f"{names[confusion.truth[row]]} as {names[confusion.said[row]]}, "
        f"{confusion.probabilities[row, confusion.said[row]]:.0%}"
        for row in chosen
    ]
    title = f"the surest {len(chosen)} of {len(mistakes):,} mistakes: what it is, what it was taken for"
    return Sheet(images.batch(chosen).images, captions=captions, title=title)
