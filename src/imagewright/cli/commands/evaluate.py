"""`imagewright evaluate RUN... --against SOURCE` and `imagewright compare RUN...`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from imagewright.cli.values import Count, Flag, Size

if TYPE_CHECKING:
    from imagewright.metrics.evaluate import Evaluation
    from imagewright.runs.report.score_tables import Column
    from imagewright.runs.scores import Score

Names = Annotated[tuple[str, ...], Parameter(consume_multiple=True)]


def evaluate(
    *subjects: Annotated[str, Parameter(help="runs, or sources of pictures: a folder, .zip, .npz ...")],
    against: Annotated[
        str | None, Parameter(help="the real pictures: any source; by default what each run was trained on")
    ] = None,
    metrics: Annotated[
        Names, Parameter(help="fd kd precision_recall ... A wrong name lists them; options as in kd:subsets=50")
    ] = (),
    protocol: Annotated[Names, Parameter(help="a fixed recipe instead: fid50k_full, kid50k_full, is50k ...")] = (),
    features: Annotated[
        str | None,
        Parameter(help="inception (default), dinov2, random, pixels, classifier:RUN, file:NET.pt, python:MODULE:NAME"),
    ] = None,
    resize: Annotated[str | None, Parameter(help="the filter before the network, instead of its own")] = None,
    count: Annotated[
        Count | None, Parameter(help="samples of each run (10k), or pictures of a source (all of them)")
    ] = None,
    reference_count: Annotated[Count | None, Parameter(help="real pictures, chosen by the seed; all of them")] = None,
    size: Annotated[Size | None, Parameter(help="at which sources are judged; a run has its own")] = None,
    split: Annotated[str | None, Parameter(help="a part of --against, such as test")] = None,
    labels: Annotated[Path | None, Parameter(help="a CSV or JSON file of the labels of --against")] = None,
    training: Annotated[
        str | None, Parameter(help="what the runs were trained on, for memorisation; by default what each run says")
    ] = None,
    at: Annotated[Count | None, Parameter(help="an earlier checkpoint of the run, by its images seen")] = None,
    every_checkpoint: Annotated[Flag, Parameter(help="all checkpoints that are kept: curves for the report")] = False,
    self_check: Annotated[
        Flag, Parameter(help="instead: do these metrics see blur, noise, lost modes, copies of --against?")
    ] = False,
    corruptions: Annotated[Names, Parameter(help="for --self-check: blur noise mode_dropping ...")] = (),
    others: Annotated[
        str | None, Parameter(help="for --self-check --corruptions contamination: pictures of another kind")
    ] = None,
    out: Annotated[
        Path | None, Parameter(help="the scores as .json or .csv as well; of --self-check a figure, .png")
    ] = None,
    no_save: Annotated[Flag, Parameter(help="leave the run directories as they are")] = False,
    device: Annotated[Literal["auto", "cpu", "cuda", "mps"], Parameter(help="where to compute")] = "auto",
    seed: Annotated[Count, Parameter(help="of the samples and of all that is drawn")] = 0,
    force: Annotated[Flag, Parameter(help="write over what is there")] = False,
) -> None:
    """Score what runs make, or any pictures, against real ones: a table here, JSON, CSV and a report in the run."""
    import imagewright
    from imagewright import distributed
    from imagewright.cli.progress import progress_bars
    from imagewright.errors import UserError
    from imagewright.output.writing import check_suffix, refuse_existing

    if self_check:
        from imagewright.cli.commands.self_check import show_self_check

        if against is None or subjects:
            raise UserError("--self-check looks at real pictures alone: name them with --against, and no run.")
        images = imagewright.open_images(against, size, split=split, labels=labels).prepare()
        mixed_in = None if others is None else imagewright.open_images(others)
        show_self_check(
            images,
            metrics,
            corruptions,
            features,
            resize,
            count,
            out,
            others=mixed_in,
            device=device,
            seed=seed,
            force=force,
        )
        return
    if not subjects:
        raise UserError("Nothing to evaluate: name runs or folders of pictures, as in `imagewright evaluate RUN`.")
    if out is not None:
        check_suffix(out, [".json", ".csv"])
        refuse_existing([out], force=force)
    real: Any = against
    if against is not None and (split is not None or labels is not None):
        real = imagewright.open_images(against, split=split, labels=labels)
    with progress_bars() as progress:
        found = imagewright.evaluate(
            list(subjects),
            real,
            metrics=metrics or None,
            protocols=protocol,
            features=features,
            resize=resize,
            count=count,
            reference_count=reference_count,
            size=size,
            training=training,
            images_seen=at,
            every_checkpoint=every_checkpoint,
            seed=seed,
            device=device,
            save=not no_save,
            progress=progress,
        )
    if distributed.is_main():
        _show(found)
        if out is not None:
            _write(out, found.scores, force=force)
        if not no_save:
            _refresh(subjects)


def _show(found: Evaluation) -> None:
    """By which recipe, the table, and what to read with it."""
    from imagewright.cli.show import say
    from imagewright.metrics.recipes import differences
    from imagewright.runs.report.score_tables import describe_recipes, explain_columns, make_columns

    columns = make_columns(found.scores)
    for line in describe_recipes(found.scores):
        print(line)
    show_table(_by_subject(found), columns)
    say([*found.said, *explain_columns(columns, differences)])


def compare(
    *runs: Annotated[Path, Parameter(help="two run directories or more")],
    out: Annotated[Path | None, Parameter(help="a page (.html): table, curves, samples of equal seeds")] = None,
    seed: Annotated[Count, Parameter(help="of the samples on the page")] = 0,
    force: Annotated[Flag, Parameter(help="write over what is there")] = False,
) -> None:
    """Runs beside each other by the scores that `evaluate` left in them. Unlike recipes never share a column."""
    import imagewright
    from imagewright.cli.show import say
    from imagewright.metrics.comparison import write_comparison
    from imagewright.output.writing import check_suffix, refuse_existing

    if out is not None:
        check_suffix(out, [".html"])
        refuse_existing([out], force=force)
    found = imagewright.compare(runs)
    if found.columns:
        show_table(found.scores, found.columns)
    say(found.said)
    if out is not None:
        print(write_comparison(found, out, seed=seed, force=force))


def show_table(subjects: Mapping[str, Sequence[Score]], columns: Sequence[Column]) -> None:
    """Print subjects by rows and scores by columns; by columns where there are many of them."""
    from rich.table import Table

    from imagewright.cli.show import console
    from imagewright.runs.report.score_tables import arrow, format_score

    table = Table(box=None, pad_edge=False)
    cells = {
        name: [format_score(score) if (score := column.cell(scores)) else "-" for column in columns]
        for name, scores in subjects.items()
    }
    titles = [column.title + arrow(column.better) for column in columns]
    if len(subjects) < len(columns):  # a terminal is higher than wide
        table.add_column("")
        for name in subjects:
            table.add_column(name, justify="right", overflow="fold")
        for place, title in enumerate(titles):
            table.add_row(title, *(row[place] for row in cells.values()))
    else:
        table.add_column("", overflow="fold")
        for title in titles:
            table.add_column(title, justify="right")
        for name, row in cells.items():
            table.add_row(name, *row)
    console().print(table)


def _by_subject(found: Evaluation) -> dict[str, list[Score]]:
    """Scores by subject; of several checkpoints of a run, each is a row of its own."""
    several = len({(score.subject, score.images_seen) for score in found.scores}) > len(
        {score.subject for score in found.scores}
    )
    rows: dict[str, list[Score]] = {}
    for score in found.scores:
        seen = f" at {score.images_seen:,}" if several and score.images_seen is not None else ""
        rows.setdefault(score.subject + seen, []).append(score)
    return rows


def _write(out: Path, scores: Sequence[Score], *, force: bool) -> None:
    from imagewright.output.writing import new_file
    from imagewright.runs.scores import as_csv, as_json

    text = as_csv(scores) if out.suffix.lower() == ".csv" else as_json(scores)
    with new_file(out, force=force) as file:
        file.write(text.encode())
    print(out)


def _refresh(subjects: Sequence[str]) -> None:
    """The pages of the runs, with the new scores."""
    from imagewright.runs.report.page import write_report
    from imagewright.runs.run import RECORD

    for subject in dict.fromkeys(subjects):
        if (Path(subject) / RECORD).exists():
            print(write_report(subject))
