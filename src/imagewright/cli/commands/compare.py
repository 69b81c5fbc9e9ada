"""`imagewright compare RUN...`, and the table of scores that it shares with `evaluate`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from imagewright.cli.values import Count, Flag, within

if TYPE_CHECKING:
    from imagewright.runs.report.score_tables import Column
    from imagewright.runs.scores import Score


def compare(
    *runs: Annotated[Path, Parameter(help="two run directories or more; RUN@400k for one of its checkpoints")],
    out: Annotated[
        Path | None,
        Parameter(help="a page (.html): table, curves, samples of equal seeds; with --through-time also a picture"),
    ] = None,
    through_time: Annotated[
        Flag, Parameter(help="see each run, also a single one, at all its checkpoints: --out sheet.png, or a page")
    ] = False,
    count: Annotated[Count, within(1, 32, help="samples of each checkpoint on a picture through time")] = 8,
    curve: Annotated[
        str | None, Parameter(help="the curve under it, by name; by default a score, or else the losses")
    ] = None,
    seed: Annotated[Count, within(0, help="of the samples")] = 0,
    force: Annotated[Flag, Parameter(help="replace files that exist")] = False,
) -> None:
    """Compare runs by the scores that `evaluate` saved in them. Scores of different recipes never share a column."""
    import imagewright
    from imagewright.cli.pictures import say_notices
    from imagewright.cli.show import say
    from imagewright.errors import UserError
    from imagewright.output.writing import PICTURES, check_suffix, refuse_existing

    if out is None and through_time:
        raise UserError("Name a file for what --through-time shows: --out sheet.png, or --out page.html.")
    if out is not None:
        check_suffix(out, [".html", *(PICTURES if through_time else ())])
        refuse_existing([out], force=force)
    found = imagewright.compare(runs, through_time=through_time)
    if found.columns:
        show_table(found.scores, found.columns)
    say(found.notes)
    if out is not None and out.suffix.lower() != ".html":
        say(found.write_through_time(out, count=count, seed=seed, curve=curve, force=force))
        print(out)
    elif out is not None:
        say_notices(lambda: print(found.write(out, seed=seed, force=force)))


def show_table(subjects: Mapping[str, Sequence[Score]], columns: Sequence[Column]) -> None:
    """Print a table of scores: a row for each subject, or transposed if there are more columns than subjects."""
    from rich.markup import escape
    from rich.table import Table

    from imagewright.cli.show import console
    from imagewright.runs.report.score_tables import arrow, format_score

    table = Table(box=None, pad_edge=False)
    cells = {
        name: [format_score(score) if (score := column.cell(scores)) else "-" for column in columns]
        for name, scores in subjects.items()
    }
    titles = [column.title + arrow(column.better) for column in columns]
    if len(subjects) < len(columns):
        table.add_column("")
        for name in subjects:
            table.add_column(escape(name), justify="right", overflow="fold")
        for place, title in enumerate(titles):
            table.add_row(escape(title), *(row[place] for row in cells.values()))
    else:
        table.add_column("", overflow="fold")
        for title in titles:
            table.add_column(escape(title), justify="right")
        for name, row in cells.items():
            table.add_row(escape(name), *row)
    console().print(table)
