"""The page of a tour: one self-contained HTML file, written anew from `tour.json` and the figures after each part."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

from imagewright.counts import minutes_text
from imagewright.errors import count_text
from imagewright.files import write_whole
from imagewright.runs.places import RECORD
from imagewright.runs.report.html import duration_text, page, picture, text
from imagewright.runs.report.score_tables import describe_recipes, html_table
from imagewright.runs.run import Run
from imagewright.runs.scores import Score
from imagewright.tours.headline import ALONE, summary
from imagewright.tours.paths import is_name_alone, set_name, shown_command, shown_record, shown_text
from imagewright.tours.ranking import known_by_heart, ranked, with_verdict
from imagewright.tours.record import FIGURES, PAGE, PartRecord, TourFigure, TourRecord
from imagewright.tours.scoring import HIDDEN, REAL, columns_of, scores_of
from imagewright.tours.texts import ABOUT, LABELS

REAL_ROW = "row-real.webp"
COLUMN, ROW_WIDTH = 940, 800  # pixels that a figure and a row of samples may be wide
Scores = dict[str, list[Score]]
STYLE = """
body { max-width: 1000px; line-height: 1.55; } h1 { font-size: 1.9rem; font-weight: 650; letter-spacing: -.01em; }
h2 { font-size: 1.3rem; margin-top: 3.2rem; } p { max-width: 68ch; margin: .6rem 0; } ul { padding-left: 1.2rem; }
.lead { font-size: 1.1rem; } figure { margin: 1rem 0; } figure img { border-radius: 3px; }
figure.drawing { max-width: 560px; } nav { margin: 1rem 0; line-height: 2; } nav a { margin-right: 1.1rem; }
a { color: inherit; text-decoration-color: var(--faint); text-underline-offset: 3px; }
.rows { background: var(--card); border-radius: 8px; padding: .8rem; }
.rows div { display: grid; grid-template-columns: 8.5rem 1fr; gap: .8rem; align-items: center; margin: .45rem 0; }
.time { color: var(--faint); font-size: .9rem; }
pre { background: var(--card); border-radius: 8px; padding: .7rem .9rem; overflow-x: auto; margin: .6rem 0; }
pre code { overflow-wrap: normal; } .option { white-space: nowrap; }
.doctor { border-left: 3px solid var(--line); padding-left: .8rem; }
@media (max-width: 520px) { .rows div { grid-template-columns: 1fr; gap: .2rem; margin: .8rem 0; } }
"""


def write_page(folder: Path, record: TourRecord) -> Path:
    """Write `tour.html` of what is known so far, replacing an earlier one; returns its path.

    Its texts and commands name no path of this machine above the set (`paths.py`).
    """
    runs = runs_of(folder, record)
    scores = scores_of(record, runs)
    name, shown = Path(set_name(record.source)).stem, shown_record(record)
    body = [
        f"<h1>A tour of {text(name)}</h1>",
        f'<p class="lead">{text(summary(record, scores))}</p>',
        _progress(folder, record),
        _contents(shown),
        _side_by_side(folder, shown),
        _scores(record, scores),
        *(_part(folder, shown, part) for part in shown.parts),
        _next(folder, shown, scores),
        _left_out(folder, record),
        _notes(shown, record),
    ]
    write_whole(folder / PAGE, page(f"A tour of {name}", [each for each in body if each], STYLE))
    return folder / PAGE


def runs_of(folder: Path, record: TourRecord) -> dict[str, Run]:
    """The runs of the parts that are done, by the name of the part."""
    found = {}
    for part in record.parts:
        if part.model is not None and part.state == "done" and (folder / part.name / RECORD).exists():
            found[part.name] = Run(folder / part.name)
    return found


def _progress(folder: Path, record: TourRecord) -> str:
    if record.is_whole:
        taken = sum(part.seconds for part in record.parts)
        return f'<p class="time">{len(record.parts)} parts in {duration_text(taken)}.</p>'
    done = sum(part.state == "done" for part in record.parts)
    now = next((part.title for part in record.parts if part.state == "under way"), None)
    said = f"{done} of {count_text(len(record.parts), 'part')} done" + (f"; now: {now}" if now else "")
    stopped = "If it was stopped, this command goes on" if now else "This command goes on"
    return f'<p class="time">{text(said)}. {stopped}:</p>{_command(record.command(folder))}'


def _contents(record: TourRecord) -> str:
    links = [f'<a href="#{text(part.name)}">{text(part.title)}</a>' for part in record.parts if part.state == "done"]
    return f"<nav>{' '.join(links)}</nav>" if len(links) > 1 else ""


def _side_by_side(folder: Path, record: TourRecord) -> str:
    rows = [("Real pictures", REAL_ROW)]
    rows += [(LABELS[part.name], part.row) for part in record.parts if part.state == "done" and part.row]
    if len(rows) < 2:
        return ""
    shown = "".join(
        f"<div><span>{text(label)}</span>{_embedded(folder, file, f'{label}: eight pictures', ROW_WIDTH)}</div>"
        for label, file in rows
    )
    return (
        f'<h2>Side by side</h2><p>New pictures of seed {record.seed}, none chosen.</p><div class="rows">{shown}</div>'
    )


def _scores(record: TourRecord, scores: dict[str, list[Score]]) -> str:
    if not scores:
        return ""
    columns = columns_of(scores)
    lines = [
        f'<p class="faint">{text(shown_text(line.rstrip(":"), (record.source, record.other or "")))}.</p>'
        for line in describe_recipes([score for own in scores.values() for score in own if score.output not in HIDDEN])
    ]
    compared = (
        f"{record.held_out:,} pictures that no model was trained on"
        if record.held_out
        else "the training pictures, since the set is small: a model that repeats them scores well, and one that knows "
        "them by heart is not ranked"
    )
    about = (
        f"Samples are compared with {compared}. The kernel distance is 0 if nothing tells them apart. Precision is the "
        "share of samples that look like real pictures, recall the share of real pictures that are like samples; "
        "PSNR says how near reconstructions are. In brackets: 95 % intervals, of the samples alone. An arrow shows the "
        "better direction, bold the best value, which may be so by chance where intervals overlap."
    )
    table = html_table(scores, columns, unranked=(REAL, *known_by_heart(record)))
    return f"<h2>Scores</h2><p>{text(about)}</p>{table}{''.join(lines)}"


def _part(folder: Path, record: TourRecord, part: PartRecord) -> str:
    if part.state == "failed":
        return f"<h2>{text(part.title)}</h2><p>This part ended with an error: {text(part.error)}</p>"
    if part.state != "done":
        return ""
    known = [part.by_heart] if part.by_heart else []
    facts = "".join(f"<li>{_with_options(fact)}</li>" for fact in [*part.facts, *known])
    doctor = "".join(f'<p class="doctor">Doctor: {_with_options(line)}</p>' for line in part.doctor)
    figures = "".join(_figure(folder, figure) for figure in part.figures)
    trained = f", {duration_text(part.trained_seconds)} of it training" if part.trained_seconds >= 1 else ""
    report = f' <a href="{text(part.name)}/report.html">Its report</a>' if part.model else ""
    return (
        f'<h2 id="{text(part.name)}">{text(part.title)}</h2><p>{text(ABOUT[part.name])}</p>'
        + (f"<ul>{facts}</ul>" if facts else "")
        + figures
        + doctor
        + f'<p class="time">Took {duration_text(part.seconds)}{trained}.{report}</p>'
        + (_command(part.command) if part.command else "")
    )


def _with_options(line: str) -> str:
    """A sentence with its options of the command line unbroken over lines."""
    return re.sub(r"--[a-z][a-z-]*", r'<span class="option">\g<0></span>', text(line))


def _next(folder: Path, record: TourRecord, scores: Scores) -> str:
    """What to train longer: the best model that samples, the one that translates, and how to use a run."""
    rows = []
    best = ranked(record, scores)
    praised = with_verdict("like", best, record, scores)
    for name, _ in (praised or best)[:1]:
        part = record.part(name)
        which = f"{'the best' if praised else 'the nearest to the pictures'} of the trained models"
        which = which if len(best) > 1 else ALONE
        rows.append(f"<p>{text(LABELS[name])} is {which}. Train it longer:</p>")
        rows.append(_command(part.command or ""))
        used = shlex.join(["imagewright", "sample", str(folder / name), "--count", "64", "--out", "samples.png"])
        rows.append(f"<p>More pictures by the model as it is:</p>{_command(used)}")
    for part in record.parts:
        if part.kind == "translation" and part.state == "done":
            rows.append(f"<p>Train {text(LABELS[part.name])} longer:</p>{_command(part.command or '')}")
    return f"<h2>What to do next</h2>{''.join(rows)}" if rows else ""


def _left_out(folder: Path, record: TourRecord) -> str:
    """The methods that the minutes do not suffice for, those that they need, and the command of a tour that has all."""
    if not record.left_out:
        return ""
    longest = max(each.minutes for each in record.left_out)
    longer = folder.parent / f"{folder.name or 'tour'}-{longest}"  # "." has no name
    return (
        "<h2>What needs more minutes</h2><p>A network that makes new pictures, or translates, learns little in too "
        f"short a training, so {minutes_text(record.minutes)} went to what can be learned in them. Left out: "
        f"{text(record.names_left_out())}. A tour with all of them:</p>{_command(record.command(longer, longest))}"
    )


def _notes(record: TourRecord, unshown: TourRecord) -> str:
    """The notes of the tour.

    record: as it is shown.
    unshown: as it is, whose paths are known.
    """
    alone = [set_name(each) for each in (unshown.source, unshown.other) if each and is_name_alone(each)]
    notes = [*record.notes, *(f"The commands name {name}: put the path of it in its place." for name in alone)]
    if not notes:
        return ""
    return "<h2>Notes</h2><ul>" + "".join(f"<li>{text(note)}</li>" for note in notes) + "</ul>"


def _command(command: str) -> str:
    """A command line; a command of a part is shown already, which changes nothing a second time."""
    return f"<pre><code>{text(shown_command(command))}</code></pre>"


def _figure(folder: Path, figure: TourFigure) -> str:
    if Path(figure.file).suffix == ".svg":
        shown, kind = _drawn(folder, figure.file), ' class="drawing"'
    else:
        shown, kind = _embedded(folder, figure.file, figure.caption), ""
    return f"<figure{kind}>{shown}<figcaption>{text(figure.caption)}</figcaption></figure>" if shown else ""


def _drawn(folder: Path, file: str) -> str:
    """A drawing within the page; nothing if its file is gone or is no text."""
    try:
        return (folder / FIGURES / Path(file).name).read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        return ""


def _embedded(folder: Path, file: str | None, alt: str, widest: int = COLUMN) -> str:
    """A figure within the page, enlarged by a whole multiple up to `widest` pixels; nothing if its file is gone."""
    if file is None:
        return ""
    try:
        data = (folder / FIGURES / Path(file).name).read_bytes()
        return picture(data, alt, sharp=True, kind="webp", widest=widest)
    except OSError:
        return ""
