"""`imagewright cluster SOURCE`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from imagewright.cli.pictures import takes_pictures
from imagewright.cli.show import mark_told
from imagewright.cli.values import Count, Flag, LabelColumn, within


@takes_pictures
def cluster(
    source: Annotated[str, Parameter(help="a folder, .zip, IDX, .npz ..., or a built-in set")],
    /,
    *,
    out: Annotated[Path, Parameter(help="a folder for the table, the sheet and the map")],
    clusters: Annotated[str, Parameter(help="how many, or auto")] = "auto",
    method: Annotated[Literal["kmeans", "gmm"], Parameter(help="k-means, or a mixture of Gaussians")] = "kmeans",
    space: Annotated[
        Literal["looks", "pixels", "edges"] | None,
        Parameter(help="what to compare: looks (pixels and edges, the default), pixels or edges"),
    ] = None,
    run: Annotated[Path | None, Parameter(help="compare the latents of this run instead")] = None,
    features: Annotated[
        str | None,
        Parameter(help="compare a network's features instead: efficientnet_lite0, random ...; identity: who faces are"),
    ] = None,
    map_by: Annotated[Literal["tsne", "pca"], Parameter(name="--map", help="layout of the map")] = "tsne",
    thumbnails: Annotated[Flag, Parameter(help="draw pictures on the map as well as marks")] = False,
    split: Annotated[str | None, Parameter(help="a part of the source, such as train")] = None,
    labels: Annotated[Path | None, Parameter(help="a file of labels (CSV, text, JSON), to compare with")] = None,
    label_column: LabelColumn = None,
    seed: Annotated[Count, within(0, help="random seed; equal seeds give equal clusters")] = 0,
    force: Annotated[Flag, Parameter(help="replace files that exist")] = False,
    former: Annotated[str | None, Parameter(name="--in", show=False)] = None,
) -> None:
    """Cluster pictures: a sheet with a row a cluster, a map, a table."""
    import imagewright
    from imagewright.analysis.clusters.clusters import SPACES, output_paths
    from imagewright.cli.progress import progress_bar
    from imagewright.errors import UserError
    from imagewright.output.writing import refuse_existing

    refuse_existing(output_paths(out), force=force)
    if clusters != "auto" and not clusters.isdecimal():
        raise UserError(f"clusters={clusters}, but expected a whole number or auto.")
    if former in SPACES:
        space = former  # type: ignore[assignment]
    elif former is not None:
        run = Path(former)
    with progress_bar("clustering") as progress:
        found = imagewright.cluster(
            source,
            clusters="auto" if clusters == "auto" else int(clusters),
            method=method,
            space=space or "looks",
            run=run,
            features=features,
            labels=labels,
            label_column=label_column,
            split=split,
            seed=seed,
            progress=progress,
        )
    paths = found.write(out, layout=map_by, thumbnails=thumbnails, force=force)
    mark_told(found.notes)
    print("\n".join([*found.lines(), *map(str, paths)]))
