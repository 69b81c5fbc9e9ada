"""What a tour found, in a paragraph. It praises new pictures only if they are like the set, and no copies of it."""

from __future__ import annotations

from imagewright.counts import minutes_text
from imagewright.errors import count_text
from imagewright.pixels import size_text
from imagewright.runs.report.curves import short_number
from imagewright.runs.report.html import duration_text
from imagewright.runs.scores import Score
from imagewright.tours.ranking import (
    LIKE,
    LIKE_REAL,
    RANKED_BY,
    at_least,
    at_most,
    is_ahead_in_shares,
    is_clearly_best,
    known_by_heart,
    ranked,
    shares_of_real,
    with_verdict,
)
from imagewright.tours.record import TourRecord
from imagewright.tours.texts import LABELS

PCA = LABELS["pca"]
ALONE = "the only trained model that is ranked"
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
    # The check counts both pictures of a pair, and both sets.
    whose = {"pairs": "their pictures", "two sets": "the pictures of both sets"}.get(record.arrangement, "them")
    survey = record.part("set").values
    for name, said in (("duplicates", "equal"), ("near_duplicates", "nearly equal")):
        if survey.get(name):
            found.append(f", {survey[name]:,} of {whose} {said} to an earlier one")
    return "".join(found) + "."


def best_sentence(record: TourRecord, best: list[tuple[str, Score]], scores: Scores) -> str:
    """The sentence on the best model, that none makes new pictures like these yet, or that it cannot be told.

    best: as `ranked` has them, one or more.
    """
    own = [] if PCA in known_by_heart(record) else scores.get(PCA, [])
    baseline = next((each for each in own if each.metric == RANKED_BY), None)
    praised = with_verdict("like", best, record, scores)
    (name, score), *others = praised or best
    is_ahead = is_ahead_in_shares(scores[LABELS[name]], own)
    if baseline is not None and is_clearly_best(baseline, score) and not is_ahead:
        return _behind(record, best, name, score, baseline)
    if not praised:
        return _unpraised(record, best, own, baseline, scores)
    against = "" if baseline is None else _against(baseline, score, is_ahead=is_ahead)
    value = f"{_title(score)} {short_number(score.value)}"
    within = f"within {_time_taken(record)}, at {size_text(record.size)} pixels"
    if len(best) == 1:
        return f"{LABELS[name]} reached {value}{against} {within}."
    said = f"The best new pictures {within}, are by {LABELS[name]} ({value}{against})"
    if not others or is_clearly_best(score, others[0][1]):
        return f"{said}."
    return f"{said}; {LABELS[others[0][0]]} is too near to it to tell the two apart by so few pictures."


def _behind(record: TourRecord, best: list[tuple[str, Score]], name: str, score: Score, baseline: Score) -> str:
    """What is said if the eigenfaces are clearly nearer to the pictures than the nearest trained model."""
    theirs, own = short_number(baseline.value), short_number(score.value)
    known = f"{_title(score)} {theirs} of the eigenfaces, {own} of {LABELS[name]}"
    said = (
        f"no trained model came as near to the pictures as the eigenfaces did ({known})"
        if len(best) > 1
        else f"{LABELS[name]}, {ALONE}, did not come as near to the pictures as the eigenfaces did ({known})"
    )
    return f"{_within(record)} {said}: give more minutes, or train one longer."


def _unpraised(
    record: TourRecord, best: list[tuple[str, Score]], of_pca: list[Score], baseline: Score | None, scores: Scores
) -> str:
    """What is said if nothing shows that samples are like the pictures: that they are not, or that it is open."""
    undecided = with_verdict("open", best, record, scores)
    name, score = (undecided or best)[0]
    is_ahead = is_ahead_in_shares(scores[LABELS[name]], of_pca)
    against = "" if baseline is None else _against(baseline, score, is_ahead=is_ahead)
    named = f"{LABELS[name]} ({_title(score)} {short_number(score.value)}{against})"
    real, found = shares_of_real(record), {each.output: each for each in scores[LABELS[name]]}
    if not real or not all(each in found for each in LIKE_REAL):
        came = f"{named} came nearest to the pictures" if len(best) > 1 else f"{named} is {ALONE}"
        return f"{_within(record)} {came}. Nothing tells here how good new ones are."
    precision, recall = (_share_text(found[each]) for each in LIKE_REAL)
    wanted = " and ".join(_share_text(real[each]) for each in LIKE_REAL)
    shares = (
        f"{precision} of its pictures are near to real ones, and {recall} of the real ones near to some of its own (of "
        f"real pictures {wanted})."
    )
    if undecided:
        counted = f"{record.scored:,} samples are" if record.held_out else f"{count_text(record.used, 'picture')} are"
        return f"{_within(record)} the new pictures of {named} may be like these; {counted} too few to tell: {shares}"
    is_near = at_least(found["precision"]) >= LIKE * at_most(real["precision"])
    like = "as various as these" if is_near else "like these"
    which = "The nearest trained one is" if len(best) > 1 else f"{ALONE[:1].upper()}{ALONE[1:]} is"
    return f"{_within(record)} no model makes new pictures {like} yet. {which} {named}: {shares}"


def _share_text(score: Score) -> str:
    """A share with its interval, in whole percent."""
    known = score.low is not None and score.high is not None
    return f"{score.value:.0%}" + (f" ({100 * at_least(score):.0f} to {at_most(score):.0%})" if known else "")


def _within(record: TourRecord) -> str:
    return f"In {_time_taken(record)}, at {size_text(record.size)} pixels,"


def _against(baseline: Score, score: Score, *, is_ahead: bool) -> str:
    """The score of the eigenfaces beside that of a model which is not clearly worse in every respect."""
    value = short_number(baseline.value)
    if is_clearly_best(baseline, score) and is_ahead:
        return f", where the eigenfaces have {value}, but less precision and recall"
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
