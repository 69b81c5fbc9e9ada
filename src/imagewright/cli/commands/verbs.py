"""The verbs of a trained model: each asks the public function of its name, and writes what comes with its record."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from imagewright.cli.values import Count, Flag

if TYPE_CHECKING:
    import torch

RunPath = Annotated[Path, Parameter(help="a run directory, or one of its weights files")]
Source = Annotated[str, Parameter(help="a folder, .zip, .npz ..., or a built-in set: digits, faces")]
At = Annotated[Count | None, Parameter(help="an earlier checkpoint of the run, by its images seen")]
Seed = Annotated[Count, Parameter(help="of all that is random; equal seeds give equal pictures")]
Force = Annotated[Flag, Parameter(help="write over what is there")]
SheetOut = Annotated[
    Path, Parameter(help="a sheet (.png, .jpg, .webp, .tif), raw pictures (.npz), or a folder for one file each")
]


def sample(
    run: RunPath,
    /,
    *,
    out: SheetOut,
    count: Count = 16,
    label: Annotated[str | None, Parameter(help="of this class, by name or number, where the model knows any")] = None,
    each_class: Annotated[Flag, Parameter(help="--count of every class: a row a class, a column a seed")] = False,
    attributes: Annotated[
        tuple[str, ...],
        Parameter(help="with these, where the model knows any: --attributes Smiling=1 Male=0", consume_multiple=True),
    ] = (),
    seed: Seed = 0,
    at: At = None,
    force: Force = False,
) -> None:
    """Draw new pictures from a trained model."""
    import torch

    import imagewright
    from imagewright.cli.output import Output
    from imagewright.output.provenance import make_record

    output = Output(out, force=force)
    model = imagewright.load(run, images_seen=at)
    values = _values_of(attributes)
    asked = {"label": label, "attributes": values, "each_class": each_class}
    settings = {"count": count} | {name: value for name, value in asked.items() if value}
    if each_class:
        classes = _classes_of(model, label, attributes)
        images = torch.cat([imagewright.sample(model, count, seed=seed, label=name) for name in classes])
        labels: dict[str, Any] = {"row_labels": classes, "column_labels": [str(index) for index in range(count)]}
        what = "samples of each class"
    else:
        images = imagewright.sample(model, count, seed=seed, label=label, attributes=values)
        labels = {"captions": [str(index) for index in range(count)]}
        what = " ".join(["samples", *(["of", label] if label else []), *(["with", *attributes] if attributes else [])])
    record = make_record("sample", **made_by(run, model, at), seed=seed, settings=settings)
    output.write(images, record, **labels, title=f"{record['model']}: {count} {what}, seed {seed}")


def _values_of(attributes: tuple[str, ...]) -> dict[str, float] | None:
    """`Smiling=1` or `Smiling`, as typed, to values."""
    from imagewright.errors import UserError

    values: dict[str, float] = {}
    for typed in attributes:
        name, _, value = typed.partition("=")
        try:
            values[name] = float(value or 1)
        except ValueError:
            raise UserError(
                f"{typed!r} is no attribute with its value: expected NAME=VALUE, as in Smiling=1."
            ) from None
    return values or None


def _classes_of(model: object, label: str | None, attributes: tuple[str, ...]) -> list[str]:
    from imagewright import catalogue
    from imagewright.capabilities import samples_classes
    from imagewright.errors import UserError

    if label is not None or attributes:
        raise UserError("--each-class draws every class: leave --label and --attributes out.")
    if not samples_classes(model):
        name = catalogue.name_of(model)  # type: ignore[arg-type]
        raise UserError(f"{name} knows no classes, so --each-class has none to draw: leave it out.")
    return list(model.class_names)


def reconstruct(
    run: RunPath,
    source: Source,
    /,
    *,
    out: SheetOut,
    count: Annotated[Count, Parameter(help="pictures, spread evenly over the source")] = 8,
    seed: Seed = 0,
    at: At = None,
    split: str | None = None,
    force: Force = False,
) -> None:
    """Show what a model keeps of pictures. A denoising model is given them damaged, and cleans them."""
    import torch

    import imagewright
    from imagewright.cli.output import Output
    from imagewright.output.provenance import COMPOSITE, ENHANCED, make_record
    from imagewright.verbs.apply import add_noise

    output = Output(out, force=force)
    model = imagewright.load(run, images_seen=at)
    images, names, classes = spread_of(model, source, count, split)
    damaged = add_noise(model, images, seed=seed)
    rebuilt = imagewright.reconstruct(model, images if damaged is None else damaged)
    rows = {"input": images, "noisy input": damaged, "reconstruction": rebuilt}
    shown = {label: pictures for label, pictures in rows.items() if pictures is not None}
    record = make_record(
        "reconstruct",
        **made_by(run, model, at),
        seed=None if damaged is None else seed,
        settings={"source": Path(source).name, "count": len(names)},
        source_type=COMPOSITE if output.is_sheet else ENHANCED,
    )
    if output.is_sheet:
        sheet = torch.cat(list(shown.values()))
        labels = classes or [Path(each).stem for each in names]
        output.write(
            sheet, record, row_labels=list(shown), column_labels=labels, title=f"{record['model']}: reconstructions"
        )
    else:
        output.write(rebuilt, record, names=names)


def score(
    run: RunPath,
    source: Source,
    /,
    *,
    out: Annotated[Path, Parameter(help="a .csv; the sheet of the extremes is written beside it as .png")],
    samples: Annotated[Count, Parameter(help="importance samples a picture, where a likelihood is estimated")] = 64,
    extremes: Annotated[Count, Parameter(help="pictures of the lowest and of the highest scores on the sheet")] = 8,
    seed: Seed = 0,
    at: At = None,
    split: str | None = None,
    force: Force = False,
) -> None:
    """One number a picture, higher is better explained: a table, and a sheet of the worst and the best explained."""
    import imagewright
    from imagewright.cli.output import show_scores, write_scores
    from imagewright.output.writing import check_suffix, refuse_existing
    from imagewright.verbs.apply import images_for

    check_suffix(out, [".csv"])
    refuse_existing([out, out.with_suffix(".png")], force=force)
    model = imagewright.load(run, images_seen=at)
    images = images_for(model, imagewright.open_images(source, split=split)).prepare()
    scores = imagewright.score(model, images, samples=samples, seed=seed)
    write_scores(out, images, scores, force=force)
    show_scores(out.with_suffix(".png"), images, scores, str(model.score_unit), extremes, force=force)


def made_by(run: Path, model: object, at: int | None) -> dict[str, Any]:
    """What made the pictures, for their record: the model's name, the run's, and the images the model has seen."""
    from imagewright import Run, catalogue

    if at is None and run.is_dir():
        at = Run(run).latest()[0].images_seen
    return {"model": catalogue.name_of(model), "run": run, "images_seen": at}  # type: ignore[arg-type]


def spread_of(
    model: object, source: str, count: int, split: str | None
) -> tuple[torch.Tensor, list[str], list[str] | None]:
    """Pictures from all over a source at the model's size, uint8 (N, C, H, W), names, and classes if known."""
    import imagewright
    from imagewright.cli.commands.data import spread
    from imagewright.verbs.apply import images_for

    return spread(images_for(model, imagewright.open_images(source, split=split)), count)  # type: ignore[arg-type]
