"""What the hub reads of a card: library, tags, task, licence, sets, and the scores as a model index."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from imagewright import catalogue
from imagewright.hub.licences import licence_metadata
from imagewright.runs.cleaning import described_sets
from imagewright.runs.scores import FROM_PRIOR, Score

LIBRARY = "imagewright"
ON_THE_HUB = {  # named sets that are on the hub too
    "mnist": "ylecun/mnist",
    "fashion-mnist": "zalando-datasets/fashion_mnist",
    "cifar10": "uoft-cs/cifar10",
}
TRANSLATES, SAMPLES, CLASSIFIES = "image-to-image", "unconditional-image-generation", "image-classification"
ENCODES = "image-feature-extraction"


def task_of(model: str) -> str:
    """The hub's name of what a model does, by its verbs and what it is trained on.

    >>> task_of("dcgan"), task_of("pix2pix"), task_of("linear_svm"), task_of("autoencoder")
    ('unconditional-image-generation', 'image-to-image', 'image-classification', 'image-to-image')
    """
    entry = catalogue.entry_of(model)
    if "translate" in entry.verbs or entry.needs in ("pairs", "two sets", "people"):
        return TRANSLATES
    if "sample" in entry.verbs:
        return SAMPLES
    if "classify" in entry.verbs:
        return CLASSIFIES
    return TRANSLATES if "reconstruct" in entry.verbs else ENCODES


def card_metadata(
    record: Mapping[str, Any], scores: Sequence[Score], *, name: str, licence: str, people: bool
) -> dict[str, Any]:
    """The front matter of a card, as JSON values.

    record: the published content of run.json.
    scores: of the published checkpoint.
    name: of the model in the repository.
    licence: checked (`licences.check_licence`).
    people: whether the pictures show people.
    """
    model = str(record["model"])
    entry = catalogue.entry_of(model)
    own = [model, entry.family, *(["faces"] if people else [])]
    tags = [LIBRARY, *(each.replace("_", "-") for each in own)]
    sets = [ON_THE_HUB[source] for source in _sources(record) if source in ON_THE_HUB]
    finite = [score for score in scores if math.isfinite(score.value)]
    return {
        "library_name": LIBRARY,
        **licence_metadata(licence),
        "pipeline_tag": task_of(model),
        "tags": list(dict.fromkeys(tags)),
        **({"datasets": sets} if sets else {}),
        **({"metrics": list(dict.fromkeys(score.output for score in finite))} if finite else {}),
        **({"model-index": [_index(record, finite, name)]} if finite else {}),
    }


def _index(record: Mapping[str, Any], scores: Sequence[Score], name: str) -> dict[str, Any]:
    """The scores as the hub's index of results: one result for each set that the pictures are compared with."""
    by_set: dict[str, list[Score]] = {}
    for score in scores:
        by_set.setdefault(str((score.recipe.get("reference") or {}).get("source") or "none"), []).append(score)
    return {
        "name": name,
        "results": [
            {
                "task": {"type": task_of(str(record["model"]))},
                "dataset": {"type": ON_THE_HUB.get(source, source.replace(" ", "-")), "name": source},
                "metrics": [
                    {"type": score.output, "name": title_of(score), "value": score.value, "verified": False}
                    for score in own
                ],
            }
            for source, own in by_set.items()
        ],
    }


def title_of(score: Score) -> str:
    """The name of a score, with the distribution of its samples if that is not the model's default."""
    return f"{score.title}{FROM_PRIOR}" if score.sampled_from == "prior" else score.title


def _sources(record: Mapping[str, Any]) -> list[str]:
    return list(dict.fromkeys(str(each.get("source", "")) for each in described_sets(record).values()))
