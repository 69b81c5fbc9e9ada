"""`imagewright classify`: classify pictures with a run, or compare classifiers on labelled pictures."""

from __future__ import annotations

from json import dumps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from imagewright.cli.values import Count, Counts, Flag, Size, Words

if TYPE_CHECKING:
    from imagewright.analysis.classifiers.confusion import Confusion
    from imagewright.images import Images

CURVES, REGIONS, SAMPLES, TABLE, RESULTS = "curves.png", "regions.png", "samples.png", "results.csv", "results.json"


def classify(
    run_or_source: Annotated[str, Parameter(help="a run that classifies; or, without SOURCE, labelled pictures")],
    source: Annotated[str | None, Parameter(help="the pictures to classify with the run")] = None,
    /,
    *,
    out: Annotated[
        Path, Parameter(help="with a run: a .csv, with figures beside it; else a folder for the comparison")
    ],
    at: Annotated[Count | None, Parameter(help="an earlier checkpoint of the run, by its images seen")] = None,
    mistakes: Annotated[Count, Parameter(help="with a run: pictures on the sheet of the most confident mistakes")] = 32,
    models: Annotated[
        Words,
        Parameter(help="linear_gda, quadratic_gda, naive_bayes, logistic_regression, linear_svm; by default all"),
    ] = (),
    counts: Annotated[
        Counts, Parameter(help="numbers of training pictures: --counts 100 1k 10k; by default a 1-2-5 series")
    ] = (),
    repeats: Annotated[Count, Parameter(help="random splits to average the accuracies over")] = 5,
    components: Annotated[
        Count | None, Parameter(help="principal components to use as features; by default at most 64")
    ] = None,
    encoder: Annotated[Path | None, Parameter(help="a run whose latents to use as features instead")] = None,
    test_source: Annotated[str | None, Parameter(help="test pictures; else a share of SOURCE is held out")] = None,
    test_split: Annotated[
        str | None, Parameter(help="the part of --test-source, or of the source, to test on, such as test")
    ] = None,
    test_share: Annotated[float, Parameter(help="the share of each class that is held out for testing")] = 0.25,
    size: Annotated[Size | None, Parameter(help="64, or HEIGHTxWIDTH; by default at most 64 a side")] = None,
    split: Annotated[str | None, Parameter(help="a part of the source, such as train")] = None,
    labels: Annotated[Path | None, Parameter(help="a CSV or JSON file of labels")] = None,
    seed: Annotated[Count, Parameter(help="random seed of splits and samples; equal seeds give equal results")] = 0,
    force: Annotated[Flag, Parameter(help="replace files that exist")] = False,
) -> None:
    """Classify pictures with a run; or compare generative and discriminative classifiers on labelled pictures."""
    from imagewright.errors import UserError

    if source is not None:
        comparing = {"models": models, "counts": counts, "components": components, "encoder": encoder}
        for name, value in (comparing | {"test_source": test_source, "test_split": test_split, "size": size}).items():
            if value:
                option = f"--{name.replace('_', '-')}"
                raise UserError(
                    f"{option} belongs to a comparison of classifiers, which takes no run: leave out one of them."
                )
        _apply(run_or_source, source, out, at, mistakes, split, labels, force=force)
        return
    if at is not None:
        raise UserError("--at needs a run, but none was named: `imagewright classify RUN SOURCE --out FILE.csv`.")
    options = {
        "models": models,
        "counts": counts,
        "repeats": repeats,
        "components": components,
        "test_share": test_share,
        "seed": seed,
    }
    test_set = None if test_source is None and test_split is None else (test_source or run_or_source, test_split)
    _compare(run_or_source, out, test_set, encoder, size, split, labels, options, force=force)


def _apply(
    run: str,
    source: str,
    out: Path,
    at: int | None,
    mistakes: int,
    split: str | None,
    labels: Path | None,
    *,
    force: bool,
) -> None:
    """Write the table of predictions of a run; with labels also the confusion matrix and the mistakes."""
    import imagewright
    from imagewright.analysis.classifiers.confusion import confusion_of
    from imagewright.analysis.classifiers.figures import mistakes_sheet, write_confusion
    from imagewright.cli.output import write_sheet
    from imagewright.errors import UserError
    from imagewright.output.writing import check_suffix, refuse_existing
    from imagewright.verbs.apply import images_for

    check_suffix(out, [".csv"])
    if mistakes < 1:
        raise UserError(f"mistakes={mistakes}, but there must be at least one picture.")
    confusion_path, mistakes_path = (out.with_name(f"{out.stem}-{what}.png") for what in ("confusion", "mistakes"))
    refuse_existing([out, confusion_path, mistakes_path], force=force)
    model = imagewright.load(run, images_seen=at)
    imagewright.capabilities.require(model, "classify", run)
    images = images_for(model, imagewright.open_images(source, split=split, labels=labels)).prepare()
    confusion = confusion_of(model, images)
    _write_table(out, confusion, images, force=force)
    print(out)
    if confusion.unknown:
        print(f"left out of the accuracy, as the run was not trained on them: {', '.join(confusion.unknown[:12])}")
    if confusion.accuracy is None:
        print(f"{len(images):,} pictures, without labels to compare with")
        return
    assert confusion.mean_class_accuracy is not None
    summary = f"{confusion.accuracy:.2%} of {len(confusion.judged):,} pictures right"
    write_confusion(confusion, confusion_path, f"{Path(run).name}: {summary}", force=force)
    print(confusion_path)
    sheet = mistakes_sheet(confusion, images, mistakes)
    if sheet is not None:
        write_sheet(sheet, mistakes_path, force=force)
    print(f"{summary}, by classes {confusion.mean_class_accuracy:.2%} on average")


def _write_table(path: Path, confusion: Confusion, images: Images, *, force: bool) -> None:
    """Write a CSV file of `name,label,probability`, the true class if known, and the probability of each class."""
    from imagewright.output.tables import write_table

    names = confusion.class_names
    truth = [] if confusion.truth is None or images.class_names is None else ["truth"]
    rows = []
    for index, (predicted, probabilities) in enumerate(zip(confusion.said, confusion.probabilities, strict=True)):
        row = [images.name(index), names[predicted], f"{probabilities[predicted]:.6g}"]
        if truth:
            row.append(images.class_names[images.labels[index]])  # type: ignore[index]
        rows.append([*row, *(f"{each:.6g}" for each in probabilities)])
    header = ["name", "label", "probability", *truth, *(f"probability of {name}" for name in names)]
    write_table(path, header, rows, force=force)


def _compare(
    source: str,
    out: Path,
    test_set: tuple[str, str | None] | None,
    encoder: Path | None,
    size: tuple[int, int] | None,
    split: str | None,
    labels: Path | None,
    options: dict[str, Any],
    *,
    force: bool,
) -> None:
    """Write the folder of figures and tables of a comparison."""
    import imagewright
    from imagewright.analysis.classifiers import figures as draw
    from imagewright.analysis.classifiers.comparison import chosen_contenders, compare
    from imagewright.analysis.spaces import at_working_size
    from imagewright.cli.progress import progress_bar
    from imagewright.errors import UserError
    from imagewright.files import write_whole
    from imagewright.output.tables import write_table
    from imagewright.output.writing import refuse_existing
    from imagewright.verbs.apply import images_for

    if out.suffix or out.is_file():
        raise UserError(f"--out {out} must be a folder: the comparison writes several files into it.")
    refuse_existing([out / name for name in (CURVES, REGIONS, SAMPLES, TABLE, RESULTS)], force=force)
    chosen_contenders(options["models"])
    model = None if encoder is None else imagewright.load(encoder)
    if model is not None:
        imagewright.capabilities.require(model, "encode", str(encoder))
    images = imagewright.open_images(source, size, split=split, labels=labels)
    images = images_for(model, images) if model is not None else images if size else at_working_size(images)
    test = None
    if test_set is not None:
        test = imagewright.open_images(test_set[0], images.size, images.channels, split=test_set[1]).prepare()
    with progress_bar("preparing") as progress:
        images.prepare(progress)
    with progress_bar("comparing") as progress:
        comparison = compare(images, test=test, encoder=model, progress=progress, **options)
    draw.write_curves(comparison, out / CURVES, force=force)
    plane = draw.write_regions(comparison, out / REGIONS, force=force)
    if draw.write_samples(comparison, images, out / SAMPLES, options["seed"], force=force):
        print(out / SAMPLES)
    results = comparison.to_dict() | {
        "source": images.describe(),
        "seed": options["seed"],
        "accuracy_in_the_plane": plane,
    }
    write_table(out / TABLE, *comparison.table(), force=force)
    write_whole(out / RESULTS, dumps(results, indent=2, default=str) + "\n")
    for name in (CURVES, REGIONS, TABLE, RESULTS):
        print(out / name)
    print("\n".join(comparison.lines()))
