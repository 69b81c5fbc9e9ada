"""`imagewright classify`: classify pictures with a run, or compare classifiers on labelled pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from imagewright.cli.pictures import takes_pictures
from imagewright.cli.values import Count, Counts, Flag, LabelColumn, Size, Words, within

MISTAKES = 32


@takes_pictures
def classify(
    run_or_source: Annotated[str, Parameter(help="a run that classifies; or, without SOURCE, labelled pictures")],
    source: Annotated[str | None, Parameter(help="the pictures to classify with the run")] = None,
    /,
    *,
    out: Annotated[
        Path, Parameter(help="with a run: a .csv file, figures are written beside it; else a folder for the comparison")
    ],
    at: Annotated[Count | None, within(0, help="an earlier checkpoint of the run, by its images seen")] = None,
    mistakes: Annotated[
        Count | None, within(1, help="with a run: pictures on the sheet of the most confident mistakes; by default 32")
    ] = None,
    models: Annotated[
        Words,
        Parameter(help="linear_gda, quadratic_gda, naive_bayes, logistic_regression, linear_svm; by default all"),
    ] = (),
    counts: Annotated[
        Counts, within(1, help="numbers of training pictures: --counts 100 1k 10k; by default a 1-2-5 series")
    ] = (),
    repeats: Annotated[
        Count | None, within(1, help="random splits to average the accuracies over; by default 5")
    ] = None,
    components: Annotated[
        Count | None, within(1, help="principal components to use as features; by default at most 64")
    ] = None,
    encoder: Annotated[Path | None, Parameter(help="a run whose latents to use as features instead")] = None,
    test_source: Annotated[
        str | None, Parameter(help="test pictures; by default a share of the source is held out")
    ] = None,
    test_split: Annotated[
        str | None, Parameter(help="the part of --test-source, or of the source, to test on, such as test")
    ] = None,
    test_share: Annotated[
        float | None,
        within(0, 1, above=True, below=True, help="share of each class held out for testing; by default 0.25"),
    ] = None,
    size: Annotated[Size | None, Parameter(help="64, or WIDTHxHEIGHT; by default at most 64 a side")] = None,
    split: Annotated[str | None, Parameter(help="a part of the source, such as train")] = None,
    labels: Annotated[Path | None, Parameter(help="a CSV, text or JSON file of labels")] = None,
    label_column: LabelColumn = None,
    seed: Annotated[
        Count | None, within(0, help="random seed of the splits; equal seeds give equal results; by default 0")
    ] = None,
    force: Annotated[Flag, Parameter(help="replace files that exist")] = False,
) -> None:
    """Classify pictures with a run; or compare generative and discriminative classifiers on labelled pictures."""
    from imagewright.errors import UserError

    if source is not None:
        comparison_options = {
            "--models": models,
            "--counts": counts,
            "--components": components,
            "--encoder": encoder,
            "--test-source": test_source,
            "--test-split": test_split,
            "--test-share": test_share,
            "--repeats": repeats,
            "--seed": seed,
            "--size": size,
        }
        for option, value in comparison_options.items():
            if value not in (None, ()):
                raise UserError(
                    f"{option} is for a comparison of classifiers, which takes no run: leave out the run or {option}."
                )
        _classify(run_or_source, source, out, at, mistakes or MISTAKES, split, (labels, label_column), force=force)
        return
    for option, given in {"--at": at, "--mistakes": mistakes}.items():
        if given is not None:
            raise UserError(
                f"{option} needs a run, but none was named: `imagewright classify RUN SOURCE --out FILE.csv`."
            )
    import imagewright
    from imagewright.analysis.classifiers.comparison import FILES, select_classifiers
    from imagewright.cli.progress import progress_bars
    from imagewright.cli.show import say
    from imagewright.output.writing import refuse_existing

    if out.suffix or out.is_file():
        raise UserError(f"--out {out} must be a folder: the comparison writes several files into it.")
    refuse_existing([out / name for name in FILES], force=force)
    select_classifiers(models)
    with progress_bars() as progress:
        found = imagewright.compare_classifiers(
            run_or_source,
            models=models,
            counts=counts,
            repeats=repeats or 5,
            components=components,
            encoder=encoder,
            test=test_source,
            test_split=test_split,
            test_share=0.25 if test_share is None else test_share,
            size=size,
            split=split,
            labels=labels,
            label_column=label_column,
            seed=seed or 0,
            progress=progress,
        )
    say(dict.fromkeys([*found.images.notes, *found.notes]))
    paths = found.write(out, force=force)
    print("\n".join([*map(str, paths), *found.lines()]))


def _classify(
    run: str,
    source: str,
    out: Path,
    at: int | None,
    mistakes: int,
    split: str | None,
    labels: tuple[Path | None, str | None],
    *,
    force: bool,
) -> None:
    """Write the predictions of a run, and with labels (a file and its column) the figures of its accuracy."""
    import imagewright
    from imagewright.analysis.classifiers.confusion import measure_confusion, output_paths
    from imagewright.capabilities import Classifies, require
    from imagewright.cli.show import say
    from imagewright.output.writing import refuse_existing

    paths = output_paths(out)
    refuse_existing(paths, force=force)
    model = imagewright.load(run, images_seen=at)
    require(model, Classifies, run)
    file, column = labels
    images = imagewright.open_images(source, split=split, labels=file, label_column=column)
    found = measure_confusion(model, images)
    say(dict.fromkeys([*images.notes, *found.notes]))
    written = found.write(out, title=Path(run).name, mistakes=mistakes, force=force)
    print("\n".join([*map(str, written), *found.lines()]))
