"""The models of a tour by their scores: which are ranked, which know the pictures by heart, which deserve praise."""

from __future__ import annotations

from typing import Literal

from imagewright.model_choice import VERY_FEW
from imagewright.runs.scores import Score, score_from
from imagewright.tours.record import TourRecord
from imagewright.tours.texts import LABELS

Verdict = Literal["like", "unlike", "open"]
RANKED_BY = "kd"
LIKE_REAL = ("precision", "recall")
LIKE = 0.5
"""Of what one half of the set has to the other: samples of such a precision and recall are like the pictures.

Observed at 32 pixels, of 60 and 400 flowers, faces and shapes in the features `random` (docs/measurements.md): noise,
blurred pictures, smooth blobs, the mean and pictures under noise have less of one or both; the GANs of a tour of 20
minutes that show flowers have more.
"""


def ranked(record: TourRecord, scores: dict[str, list[Score]]) -> list[tuple[str, Score]]:
    """(name of the part, score) of the models that sample, the best first.

    Without the components, which are the baseline, and without models that know the pictures by heart: they score well
    and make nothing new.
    """
    found = []
    for part in record.parts:
        own = scores.get(LABELS.get(part.name, ""), [])
        score = next((each for each in own if each.metric == RANKED_BY), None)
        if part.state == "done" and part.kind == "model" and score is not None and part.by_heart is None:
            found.append((part.name, score))
    return sorted(found, key=lambda each: each[1].value)


def with_verdict(
    wanted: Verdict, best: list[tuple[str, Score]], record: TourRecord, scores: dict[str, list[Score]]
) -> list[tuple[str, Score]]:
    """Those of the ranked models of whose samples that can be said (`verdict_of`), the best first."""
    return [each for each in best if verdict_of(record, scores[LABELS[each[0]]]) == wanted]


def known_by_heart(record: TourRecord) -> list[str]:
    """The short names of the models that know the pictures by heart."""
    return [LABELS[part.name] for part in record.parts if part.state == "done" and part.by_heart is not None]


def is_clearly_best(first: Score, second: Score) -> bool:
    """Whether the interval of the better score ends before that of the other begins."""
    return first.high is not None and second.low is not None and first.high < second.low


def is_ahead_in_shares(own: list[Score], others: list[Score]) -> bool:
    """Whether samples have more precision and more recall than others, one of them by the whole intervals."""
    mine, theirs = ({each.output: each for each in scores} for scores in (own, others))
    if not all(name in mine and name in theirs for name in LIKE_REAL):
        return False
    return all(mine[name].value > theirs[name].value for name in LIKE_REAL) and any(
        at_least(mine[name]) > at_most(theirs[name]) for name in LIKE_REAL
    )


def verdict_of(record: TourRecord, own: list[Score]) -> Verdict:
    """What can be said of a model's samples: they are like the pictures and as various, they are not, or it is open.

    "like": precision and recall are both at least `LIKE` of those of real pictures; "unlike": one of them is less. Each
    by the whole intervals of the model and of the real pictures, so that few samples decide nothing by chance.
    "open": neither. Samples of a set without held-out pictures are never found to be like it: they are compared with
    pictures that the model learned from, and blends of those pass (docs/measurements.md). They may be
    unlike even those.

    own: the scores of the model.
    """
    real, found = shares_of_real(record), {each.output: each for each in own}
    if not real or not all(name in found for name in LIKE_REAL):
        return "open"
    if any(at_most(found[name]) < LIKE * at_least(real[name]) for name in LIKE_REAL):
        return "unlike"
    is_like = all(at_least(found[name]) >= LIKE * at_most(real[name]) for name in LIKE_REAL)
    return "like" if is_like and record.held_out else "open"


def shares_of_real(record: TourRecord) -> dict[str, Score]:
    """Precision and recall of real pictures; {} if they are not known, or there are too few to say anything by them."""
    real = {each.output: each for each in real_scores(record) if each.output in LIKE_REAL}
    return real if len(real) == len(LIKE_REAL) and record.used >= VERY_FEW else {}


def at_least(score: Score) -> float:
    """The lower bound of a score's interval, or its value if it has none."""
    return score.value if score.low is None else score.low


def at_most(score: Score) -> float:
    """The upper bound of a score's interval, or its value if it has none."""
    return score.value if score.high is None else score.high


def real_scores(record: TourRecord) -> list[Score]:
    """The scores of real pictures: of those of the training, or of a small set of one half against the other."""
    return [score_from(each) for part in record.parts for each in part.values.get("real", [])]
