"""What a tour found, in a paragraph. It praises new pictures only if they are like the set, and no copies of it."""

from __future__ import annotations

from imagewright.pixels import size_text
from imagewright.runs.report.curves import short_number
from imagewright.runs.report.html import duration_text
from imagewright.runs.scores import Score
from imagewright.tours.plan import minutes_text
from imagewright.tours.ranking import (
    LIKE,
    LIKE_REAL,
    RANKED_BY,
    at_least,
    is_clearly_best,
    known_by_heart,
    praised_of,
    ranked,
    shares_of_real,
)
from imagewright.tours.record import TourRecord
from imagewright.tours.texts import LABELS

PCA = LABELS["pca"]
OVERRUN = 1.2  # of the minutes that were asked for: from there on the page says what the tour took

Scores = dict[str, list[Score]]


def summary(record: TourRecord, scores: Scores) -> str:
    """One paragraph of what was found."""
    lines = [_what_there_is(record)]
    best, known = ranked(record, scores), known_by_heart(record)
    if best:
        lines.append(best_sentence(record, best, scores))
    if known:
        they = "they know" if len(known) > 1 or known == [PCA] else "it knows"
        lines.append(f"Left out of the comparison, since {they} the pictures by heart: {', '.join(known)}.")
    elif best and not record.held_out:
        lines.append("The set is too small to hold pictures out: models are compared with those that they learned.")
    return " ".join(lines)


def _what_there_is(record: TourRecord) -> str:
    classes = f" of {record.classes} classes" if record.classes > 1 else ""
    what = {"pairs": "pairs of pictures", "two sets": "pictures (the first of two sets)"}.get(
        record.arrangement, "pictures"
    )
    found = [f"{record.pictures:,} {what}{classes}"]
    if record.used < record.pictures:
        found.append(f" ({record.used:,} of them used, spread evenly)")
    survey = record.part("set").values
    for name, said in (("duplicates", "equal"), ("near_duplicates", "nearly equal")):
        if survey.get(name):
            found.append(f", {survey[name]:,} of them {said} to an earlier one")
    return "".join(found) + "."


def best_sentence(record: TourRecord, best: list[tuple[str, Score]], scores: Scores) -> str:
    """The sentence on the best model, or that none makes new pictures like these yet.

    best: as `ranked` has them, one or more.
    """
    own = [] if PCA in known_by_heart(record) else scores.get(PCA, [])
    baseline = next((each for each in own if each.metric == RANKED_BY), None)
    praised = praised_of(best, record, scores)
    (name, score), *others = praised or best
    if baseline is not None and is_clearly_best(baseline, score):
        return (
            f"In {_time_taken(record)}, at {size_text(record.size)} pixels, no trained model came as "
            f"near to the pictures as the eigenfaces did ({_title(score)} {short_number(baseline.value)}; "
            f"{LABELS[name]} {short_number(score.value)}): give more minutes, or train one longer."
        )
    against = "" if baseline is None else _against(baseline, score)
    if not praised:
        return _none_yet(record, name, score, against, scores)
    value = f"{_title(score)} {short_number(score.value)}"
    within = f"within {_time_taken(record)}, at {size_text(record.size)} pixels"
    if len(best) == 1:
        return f"{LABELS[name]} reached {value}{against} {within}."
    said = f"The best new pictures {within}, are by {LABELS[name]} ({value}{against})"
    if not others or is_clearly_best(score, others[0][1]):
        return f"{said}."
    return f"{said}; {LABELS[others[0][0]]} is too near to it to tell the two apart by so few pictures."


def _none_yet(record: TourRecord, name: str, score: Score, against: str, scores: Scores) -> str:
    """What is said if no samples are like the pictures: the nearest model, and what is missing."""
    within = f"In {_time_taken(record)}, at {size_text(record.size)} pixels,"
    nearest = f"{LABELS[name]} ({_title(score)} {short_number(score.value)}{against})"
    real = shares_of_real(record)
    if not real:
        return f"{within} {nearest} came nearest to the pictures. Nothing tells here how good new ones are."
    own = {each.output: each for each in scores[LABELS[name]]}
    precision, recall = (f"{own[each].value if each in own else 0:.0%}" for each in LIKE_REAL)
    wanted = " and ".join(f"{real[each]:.0%}" for each in LIKE_REAL)
    is_near = "precision" in own and at_least(own["precision"]) >= LIKE * real["precision"]
    like = "as various as these" if is_near else "like these"
    return (
        f"{within} no model makes new pictures {like} yet. The nearest trained one is {nearest}: "
        f"{precision} of its pictures are near to real ones, and {recall} of the real ones near to some of its own (of "
        f"real pictures {wanted})."
    )


def _against(baseline: Score, score: Score) -> str:
    """The score of the eigenfaces beside that of a model which is not clearly worse."""
    value = short_number(baseline.value)
    if baseline.value < score.value:
        return f", where the eigenfaces have {value}, but so few pictures leave it open which is nearer"
    return f", against {value} of the eigenfaces"


def _title(score: Score) -> str:
    return score.title[:1].lower() + score.title[1:] if score.title[:2].istitle() else score.title


def _time_taken(record: TourRecord) -> str:
    """The time of the tour: that which was asked for, with that which it took if it is much more."""
    asked, taken = minutes_text(record.minutes), sum(part.seconds for part in record.parts)
    if taken < OVERRUN * 60 * record.minutes:
        return f"{asked} in all"
    return f"{duration_text(taken)} in all ({asked} {'was' if record.minutes == 1 else 'were'} asked)"
