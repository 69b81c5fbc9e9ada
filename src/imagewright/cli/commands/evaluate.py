"""`imagewright evaluate RUN... --against SOURCE`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Group, Parameter

from imagewright.cli.commands.verbs import Distribution
from imagewright.cli.pictures import takes_pictures
from imagewright.cli.values import Count, Flag, LabelColumn, Size, within

if TYPE_CHECKING:
    from imagewright.metrics.evaluate import Evaluation
    from imagewright.runs.scores import Score

Names = Annotated[tuple[str, ...], Parameter(consume_multiple=True, negative="", show_default=False)]


@Parameter(name="*", group=Group("What is scored", sort_key=1))
@dataclass(frozen=True)
class PictureOptions:
    """Which pictures are scored, and against which reference."""

    against: Annotated[
        str | None, Parameter(help="the real pictures: any source; by default what each run was trained on")
    ] = None
    split: Annotated[str | None, Parameter(help="a part of --against, such as test")] = None
    labels: Annotated[Path | None, Parameter(help="a CSV, text or JSON file of the labels of --against")] = None
    label_column: LabelColumn = None
    count: Annotated[
        Count | None, within(1, help="samples of each run (10k), or pictures of a source (all of them)")
    ] = None
    reference_count: Annotated[Count | None, within(1, help="real pictures, chosen by the seed; all of them")] = None
    size: Annotated[Size | None, Parameter(help="at which sources are scored; a run has its own")] = None
    training: Annotated[
        str | None, Parameter(help="what the runs were trained on, for memorisation; by default what each run says")
    ] = None
    at: Annotated[Count | None, within(0, help="an earlier checkpoint of the run, by its images seen")] = None
    every_checkpoint: Annotated[Flag, Parameter(help="all checkpoints of the run: curves for its report")] = False
    sample_from: Annotated[
        Distribution,
        Parameter(
            help="samples of the prior, or of the density fitted to the latents, alone; by default both are scored",
        ),
    ] = None


@Parameter(name="*", group=Group("Metrics", sort_key=2))
@dataclass(frozen=True)
class MetricOptions:
    """Which metrics are computed, and in which features."""

    metrics: Annotated[
        Names, Parameter(help="fd kd ... (`imagewright metrics list`); options as in kd:subsets=50")
    ] = ()
    protocols: Annotated[Names, Parameter(help="a fixed recipe instead: fid50k_full, kid50k_full, is50k ...")] = ()
    features: Annotated[
        str | None,
        Parameter(
            help="inception (default), dinov2, efficientnet_lite0, random, pixels, classifier:RUN, file:NET.pt, "
            "python:MODULE:NAME"
        ),
    ] = None
    resize: Annotated[str | None, Parameter(help="the resize filter before the network, instead of its own")] = None


@Parameter(name="*", show=False)
@dataclass(frozen=True)
class FormerOptions:
    """Options of the self-check, which is `imagewright metrics check` now. Still accepted, not shown."""

    self_check: Flag = False
    corruptions: Names = ()
    others: str | None = None


PICTURES, METRICS, FORMER = PictureOptions(), MetricOptions(), FormerOptions()


@takes_pictures
def evaluate(
    *subjects: Annotated[str, Parameter(help="runs, or sources of pictures: a folder, .zip, .npz ...")],
    pictures: PictureOptions = PICTURES,
    metrics: MetricOptions = METRICS,
    former: FormerOptions = FORMER,
    out: Annotated[Path | None, Parameter(help="write the scores as .json or .csv as well")] = None,
    no_save: Annotated[Flag, Parameter(help="do not save the scores in the run directories")] = False,
    device: Annotated[Literal["auto", "cpu", "cuda", "mps"], Parameter(help="where to compute")] = "auto",
    seed: Annotated[Count, within(0, help="of the samples and of all random draws")] = 0,
    force: Annotated[Flag, Parameter(help="replace files that exist")] = False,
) -> None:
    """Score samples of runs, or any pictures, against real ones: a table here; JSON, CSV and a report in the run."""
    from imagewright import distributed
    from imagewright.errors import UserError
    from imagewright.output.writing import check_suffix, refuse_existing

    if former.self_check:
        _self_check(subjects, pictures, metrics, former, out, device=device, seed=seed, force=force)
        return
    if not subjects:
        raise UserError("Nothing to evaluate: name runs or folders of pictures, as in `imagewright evaluate RUN`.")
    if out is not None:
        check_suffix(out, [".json", ".csv"])
        refuse_existing([out], force=force)
    found = _compute(subjects, pictures, metrics, device=device, seed=seed, save=not no_save)
    if distributed.is_main():
        _show(found)
        if out is not None:
            print(found.write(out, force=force))
        if not no_save:
            _write_reports(subjects)


def _compute(
    subjects: Sequence[str], pictures: PictureOptions, metrics: MetricOptions, *, device: str, seed: int, save: bool
) -> Evaluation:
    import imagewright
    from imagewright.cli.progress import progress_bars

    real: Any = pictures.against
    opening = pictures.split, pictures.labels, pictures.label_column
    if real is not None and any(value is not None for value in opening):
        split, labels, column = opening
        real = imagewright.open_images(real, split=split, labels=labels, label_column=column)
    with progress_bars() as progress:
        return imagewright.evaluate(
            list(subjects),
            real,
            metrics=metrics.metrics or None,
            protocols=metrics.protocols,
            features=metrics.features,
            resize=metrics.resize,
            count=pictures.count,
            reference_count=pictures.reference_count,
            size=pictures.size,
            training=pictures.training,
            images_seen=pictures.at,
            every_checkpoint=pictures.every_checkpoint,
            sample_from=pictures.sample_from,
            seed=seed,
            device=device,
            save=save,
            progress=progress,
        )


def _self_check(
    subjects: Sequence[str],
    pictures: PictureOptions,
    metrics: MetricOptions,
    former: FormerOptions,
    out: Path | None,
    **options: Any,
) -> None:
    """Run `imagewright metrics check` for its former spelling, and name the new one."""
    from imagewright.cli.commands.metrics import check
    from imagewright.cli.ranks import refuse_ranks
    from imagewright.cli.show import say
    from imagewright.errors import UserError

    refuse_ranks("metrics check")
    if pictures.against is None or subjects:
        raise UserError(
            "The self-check uses real pictures alone, and is a command of its own: `imagewright metrics check SOURCE`."
        )
    say([f"--self-check is a command of its own now: imagewright metrics check {pictures.against} ..."])
    check(
        pictures.against,
        metrics=metrics.metrics,
        corruptions=former.corruptions,
        features=metrics.features,
        resize=metrics.resize,
        others=former.others,
        count=1_000 if pictures.count is None else pictures.count,
        size=pictures.size,
        split=pictures.split,
        labels=pictures.labels,
        label_column=pictures.label_column,
        out=out,
        **options,
    )


def _show(found: Evaluation) -> None:
    """Print the recipes in words and the table; notes on the error stream."""
    from imagewright.cli.commands.compare import show_table
    from imagewright.cli.show import say
    from imagewright.metrics.score_recipes import recipe_differences
    from imagewright.runs.report.score_tables import describe_recipes, explain_columns, make_columns

    columns = make_columns(found.scores)
    for line in describe_recipes(found.scores):
        print(line)
    show_table(_scores_by_subject(found), columns)
    say([*found.notes, *explain_columns(columns, recipe_differences)])


def _scores_by_subject(found: Evaluation) -> dict[str, list[Score]]:
    """Scores by subject; each checkpoint is a subject of its own if a run has several."""
    several = len({(score.subject, score.images_seen) for score in found.scores}) > len(
        {score.subject for score in found.scores}
    )
    rows: dict[str, list[Score]] = {}
    for score in found.scores:
        seen = f" at {score.images_seen:,}" if several and score.images_seen is not None else ""
        rows.setdefault(score.subject + seen, []).append(score)
    return rows


def _write_reports(subjects: Sequence[str]) -> None:
    """Update the report pages of the runs with the new scores."""
    from imagewright.runs.places import RECORD
    from imagewright.runs.points import split_point
    from imagewright.runs.report.page import write_report

    for path in dict.fromkeys(split_point(subject)[0] for subject in subjects):
        if (path / RECORD).exists():
            print(write_report(path))
