"""The page of a tour: one self-contained HTML file, written anew from `tour.json` and the figures after each part."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

from imagewright.errors import count_text
from imagewright.files import write_whole
from imagewright.pixels import size_text
from imagewright.runs.places import RECORD
from imagewright.runs.report.curves import short_number
from imagewright.runs.report.html import duration_text, page, picture, text
from imagewright.runs.report.score_tables import describe_recipes, html_table
from imagewright.runs.run import Run
from imagewright.runs.scores import Score
from imagewright.tours.plan import minutes_text
from imagewright.tours.record import FIGURES, PAGE, PartRecord, TourFigure, TourRecord
from imagewright.tours.scoring import (
    HIDDEN,
    REAL,
    columns_of,
    is_clearly_best,
    known_by_heart,
    ranked,
    scores_of,
)
from imagewright.tours.texts import ABOUT, LABELS

REAL_ROW, PCA = "row-real.webp", LABELS["pca"]
OVERRUN = 1.2  # of the minutes that were asked for: from there on the page says what the tour took
COLUMN, ROW_WIDTH = 940, 800  # pixels that a figure and a row of samples may be wide
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
    """Write `tour.html` of what is known so far, replacing an earlier one; returns its path."""
    runs = runs_of(folder, record)
    scores = scores_of(record, runs)
    name = Path(record.source).stem or "pictures"
    body = [
        f"<h1>A tour of {text(name)}</h1>",
        f'<p class="lead">{text(summary(record, scores))}</p>',
        _progress(folder, record),
        _contents(record),
        _side_by_side(folder, record),
        _scores(record, scores),
        *(_part(folder, record, part) for part in record.parts),
        _next(folder, record, scores),
        _notes(record),
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


def summary(record: TourRecord, scores: dict[str, list[Score]]) -> str:
    """One paragraph of what was found."""
    classes = f" of {record.classes} classes" if record.classes > 1 else ""
    what = {"pairs": "pairs of pictures", "two sets": "pictures (the first of two sets)"}.get(
        record.arrangement, "pictures"
    )
    found = [f"{record.pictures:,} {what}{classes}"]
    survey = record.part("set").values
    for name, said in (("duplicates", "equal"), ("near_duplicates", "nearly equal")):
        if survey.get(name):
            found.append(f", {survey[name]:,} of them {said} to an earlier one")
    lines = ["".join(found) + "."]
    best, known = ranked(record, scores), known_by_heart(record)
    if best:
        lines.append(_best_sentence(record, best, scores))
    if known:
        they = "they know" if len(known) > 1 or known == [PCA] else "it knows"
        lines.append(f"Left out of the comparison, since {they} the pictures by heart: {', '.join(known)}.")
    elif best and not record.held_out:
        lines.append("The set is too small to hold pictures out: models are compared with those that they learned.")
    return " ".join(lines)


def _best_sentence(record: TourRecord, best: list[tuple[str, Score]], scores: dict[str, list[Score]]) -> str:
    (name, score), *others = best
    title = score.title[:1].lower() + score.title[1:] if score.title[:2].istitle() else score.title
    value = f"{title} {short_number(score.value)}"
    own = [] if PCA in known_by_heart(record) else scores.get(PCA, [])
    baseline = next((each for each in own if each.metric == score.metric), None)
    against = "" if baseline is None else f", against {short_number(baseline.value)} of the eigenfaces"
    if baseline is not None and baseline.value < score.value:
        return (
            f"In {_time_taken(record)}, at {size_text(record.size)} pixels, no trained model came as "
            f"near to the pictures as the eigenfaces did ({title} {short_number(baseline.value)}; {LABELS[name]} "
            f"{short_number(score.value)}): give more minutes, or train one longer."
        )
    within = f"within {_time_taken(record)}, at {size_text(record.size)} pixels,"
    if not others:
        return f"{LABELS[name]} reached {value}{against} {within.rstrip(',')}."
    if is_clearly_best(score, others[0][1]):
        return f"The best new pictures {within} are by {LABELS[name]} ({value}{against})."
    near = LABELS[others[0][0]]
    return (
        f"The best new pictures {within} are by {LABELS[name]} ({value}{against}); {near} is too near to it to tell "
        "the two apart by so few pictures."
    )


def _time_taken(record: TourRecord) -> str:
    """The time of the tour: that which was asked for, with that which it took if it is much more."""
    asked, taken = minutes_text(record.minutes), sum(part.seconds for part in record.parts)
    if taken < OVERRUN * 60 * record.minutes:
        return f"{asked} in all"
    return f"{duration_text(taken)} in all ({asked} {'was' if record.minutes == 1 else 'were'} asked)"


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
        f'<p class="faint">{text(line.rstrip(":"))}.</p>'
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
        "PSNR says how near reconstructions are. An arrow shows the better direction, bold the best model."
    )
    table = html_table(scores, columns, unranked=(REAL, *known_by_heart(record)))
    return f"<h2>Scores</h2><p>{text(about)}</p>{table}{''.join(lines)}"


def _part(folder: Path, record: TourRecord, part: PartRecord) -> str:
    if part.state == "failed":
        return f"<h2>{text(part.title)}</h2><p>This part ended with an error: {text(part.error)}</p>"
    if part.state != "done":
        return ""
    known = [part.by_heart] if part.by_heart else []
    facts = "".join(f"<li>{text(fact)}</li>" for fact in [*part.facts, *known])
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


def _next(folder: Path, record: TourRecord, scores: dict[str, list[Score]]) -> str:
    """What to train longer: the best model that samples, the one that translates, and how to use a run."""
    rows = []
    for name, _ in ranked(record, scores)[:1]:
        part = record.part(name)
        rows.append(f"<p>{text(LABELS[name])} is the best of the trained models. Train it longer:</p>")
        rows.append(_command(part.command or ""))
        used = shlex.join(["imagewright", "sample", str(folder / name), "--count", "64", "--out", "samples.png"])
        rows.append(f"<p>More pictures by the model as it is:</p>{_command(used)}")
    for part in record.parts:
        if part.kind == "translation" and part.state == "done":
            rows.append(f"<p>Train {text(LABELS[part.name])} longer:</p>{_command(part.command or '')}")
    return f"<h2>What to do next</h2>{''.join(rows)}" if rows else ""


def _notes(record: TourRecord) -> str:
    if not record.notes:
        return ""
    return "<h2>Notes</h2><ul>" + "".join(f"<li>{text(note)}</li>" for note in record.notes) + "</ul>"


def _command(command: str) -> str:
    return f"<pre><code>{text(command)}</code></pre>"


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
