"""`imagewright components SOURCE`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from imagewright.cli.commands.data import Source, Split
from imagewright.cli.values import Count, Flag, Size

if TYPE_CHECKING:
    from imagewright.analysis.components.components import Components


def components(
    source: Source,
    /,
    *,
    out: Annotated[Path, Parameter(help="a folder for four figures and components.json")],
    method: Annotated[
        Literal["pca", "ica", "lda", "random"],
        Parameter(help="principal (eigenfaces), independent, discriminant (needs labels), or random directions"),
    ] = "pca",
    components: Annotated[
        Count | None, Parameter(help="how many; by default 150 (ica 64), or the most that there are")
    ] = None,
    size: Annotated[Size | None, Parameter(help="64, or HEIGHTxWIDTH; at most 128 a side by default")] = None,
    channels: Annotated[Literal[1, 3, 4] | None, Parameter(help="1 grey, 3 RGB, 4 RGBA")] = None,
    picture: Annotated[Count, Parameter(help="index of the picture to rebuild and decompose, from 0")] = 0,
    split: Split = None,
    labels: Annotated[Path | None, Parameter(help="a CSV or JSON file of labels, for lda")] = None,
    seed: Annotated[Count, Parameter(help="random seed")] = 0,
    force: Annotated[Flag, Parameter(help="replace files that exist")] = False,
) -> None:
    """Decompose a set of pictures: the mean, its components, how many are needed, one picture as their sum."""
    import imagewright
    from imagewright.analysis.components.figures import FILES, write_components
    from imagewright.cli.progress import progress_bar
    from imagewright.errors import UserError
    from imagewright.output.writing import refuse_existing

    if out.exists() and not out.is_dir():
        raise UserError(f"out={out} is a file, but several files are written: name a folder.")
    refuse_existing([out / name for name in FILES], force=force)
    with progress_bar("components") as progress:
        found = imagewright.components(
            source,
            method,
            components,
            size=size,
            channels=channels,
            picture=picture,
            seed=seed,
            progress=progress,
            split=split,
            labels=labels,
        )
    for path in write_components(found, out, force=force):
        print(path)
    print("\n".join(lines_of(found)))


def lines_of(found: Components) -> list[str]:
    """The result in sentences."""
    from imagewright.analysis.components.figures import NAMES

    images, parts = found.images, found.decomposition
    shown = len(parts.directions)
    what = f"{shown} {NAMES[found.method]} explain" if shown > 1 else f"one {NAMES[found.method][:-1]} explains"
    lines = [
        f"{len(images):,} pictures of {images.height}x{images.width}x{images.channels}: {what} "
        f"{float(parts.shares[shown - 1]):.1%} of the variance."
    ]
    known = len(parts.shares)
    counts = [
        f"{share:.0%}: {'more than ' if count is None else ''}{count or known:,}"
        for share, count in found.counts.items()
    ]
    lines.append(
        f"Components that explain {', '.join(counts)}." + (f" Before the elbow: {found.elbow}." if found.elbow else "")
    )
    weights = [f"{float(weight):+.2f} x {place}" for place, weight in enumerate(found.weights[:6], 1)]
    end = " ..." if shown > len(weights) else "."
    lines.append(f"{Path(images.name(found.shown)).name} is near the mean {' '.join(weights)}{end}")
    if not found.facts.get("rotation_settled", True):
        lines.append("The rotation did not converge, so these components are unreliable: ask for fewer.")
    if "epsilon_guaranteed" in found.facts:
        lines.append(_guarantee(found, shown))
    return lines


def _guarantee(found: Components, dimensions: int) -> str:
    from imagewright.models.linear.random_projection import dimensions_for

    epsilon, measured = found.facts["epsilon_guaranteed"], found.facts["distances_kept"]
    measured_text = f"Squared distances between {measured['pictures']} pictures became {measured['least']:.2f} to "
    measured_text += f"{measured['most']:.2f} times what they were. "
    if epsilon is not None:
        return measured_text + f"The bound of Johnson and Lindenstrauss allows {1 - epsilon:.2f} to {1 + epsilon:.2f}."
    needed = dimensions_for(0.5, len(found.images))
    return (
        measured_text
        + f"{dimensions} dimensions are too few for any bound (Johnson-Lindenstrauss): 50% takes {needed:,}."
    )
