"""The plan of a tour: which parts a set of pictures has, and how the minutes are split over them. Pure functions."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from imagewright.catalogue_entries import Needs
from imagewright.counts import minutes_text
from imagewright.errors import DataError
from imagewright.model_choice import least_minutes, passed_over, recommend_models

Arrangement = Literal["pictures", "pairs", "two sets"]
Kind = Literal["set", "components", "model", "translation"]

LEAST_PICTURES = 8
LEAST_OF_A_CLASS, MOST_CLASSES = 4, 100  # of labels that a model can be conditional on
HELD_OUT_FROM, HELD_OUT_SHARE, MOST_HELD_OUT = 400, 5, 1_000  # pictures; one of so many is held out
SHORTEST = 0.5  # minutes of a tour: the parts that are in every one take so much of a usual processor
LEAST_SECONDS = 10.0  # of a part that trains: less is taken by starting and scoring it
# In less time than a network needs for new pictures a small one learns more: a VAE of 64 pixels reaches the same bound
# in half of the processor's time (docs/measurements.md).
SMALL_BELOW = 1.0  # minutes of training
SMALL = {"autoencoder": {"width": 16}, "vae": {"width": 16, "latent_dim": 16}}
# Seconds of parts of which a newcomer sees noise after less.
LEAST_TO_LEARN = {"vae_gan": 60.0, "cgan": 60.0, "pix2pix": 40.0, "cut": 60.0}
# pix2pix shows walls and windows from some 600 images on, CUT flowers of the other colour from some 1,000 on (155 s of
# a CPU): smears before (docs/measurements.md).
LEAST_ON_CPU = {"autoencoder": 40.0, "vae_gan": 80.0, "pix2pix": 90.0, "cut": 270.0}
LONGEST = 10_000  # minutes that are looked through for those in which a part has enough
LEAST_OF_FIRST = 0.5  # of the time that a part was given at first: earlier ones that overran leave it so much
LEAST_TRAINED = 0.5  # of the time of a part that trains, however long an earlier one took for everything else
BEGUN_FROM = 0.75  # of the least seconds of a part: if earlier parts left less, it is left out
SHARE_TRAINED = 0.75  # of the time of a part; the rest scores and shows what was learned
MOST_TRAINED = 0.9  # of it, where an earlier part has shown that the rest takes little
LEAST_SCORED, MOST_SCORED = 64, 1_000
SHARE_SCORED = 0.12  # of the time
GANS = {"dcgan": "DCGAN", "r3gan": "R3GAN", "stylegan2": "StyleGAN2"}
ADVERSARIAL = (*GANS, "vae_gan", "cgan")  # networks whose new pictures need the time that `model_choice` gives them
UNHURRIED = 20  # minutes of a tour on a GPU, from which on a larger model than DCGAN is worth it


@dataclass(frozen=True)
class TourTraits:
    """What a set of pictures has, by which the parts are chosen.

    pictures: how many.
    arrangement: plain pictures, pairs of an input and a target, or two sets.
    per_class: pictures of each class; empty without labels.
    """

    pictures: int
    arrangement: Arrangement = "pictures"
    per_class: tuple[int, ...] = ()

    @property
    def has_classes(self) -> bool:
        """Whether there are enough pictures of each of two or more classes."""
        return 2 <= len(self.per_class) <= MOST_CLASSES and min(self.per_class) >= LEAST_OF_A_CLASS


@dataclass(frozen=True)
class TourPart:
    """One part of a tour.

    name: its folder, unique in a tour.
    title: its heading.
    kind: what is done.
    weight: its share of the minutes.
    model: that is trained, by its name in the catalogue; None for the set itself.
    rank: parts of a higher number are left out first if the minutes are few; 0: never.
    """

    name: str
    title: str
    kind: Kind
    weight: float
    model: str | None = None
    rank: int = 0


def preferred_gan(pictures: int, *, accelerator: bool, minutes: float) -> str:
    """The adversarial model to take: the first recommended one if a GPU has the time for it, else the quick one."""
    if not accelerator or minutes < UNHURRIED:
        return "dcgan"
    return next((each.model for each in recommend_models("pictures", pictures) if each.model in GANS), "dcgan")


def all_parts(traits: TourTraits, gan: str) -> list[TourPart]:
    """Every part that suits the pictures, in the order of the page. Raises `DataError` for too few pictures."""
    if traits.pictures < LEAST_PICTURES:
        raise DataError(
            f"A tour needs {LEAST_PICTURES} pictures at least, and there are {traits.pictures}: add pictures. Some "
            "hundred or more show what a model can learn."
        )
    parts = [
        TourPart("set", "The set", "set", 0.5),
        TourPart("pca", "Eigenfaces: principal components", "components", 0.3, "pca"),
        TourPart("autoencoder", "Autoencoder", "model", 1.0, "autoencoder", 1),
        TourPart("vae", "Variational autoencoder (VAE)", "model", 1.0, "vae"),
        TourPart(gan, GANS[gan], "model", 1.4, gan, 3),
        TourPart("vae_gan", "VAE-GAN", "model", 1.3, "vae_gan", 6),
    ]
    if traits.has_classes:
        parts.append(TourPart("cgan", "Conditional GAN", "model", 1.3, "cgan", 5))
    if traits.arrangement == "pairs":
        parts.append(TourPart("pix2pix", "Translation from pairs: pix2pix", "translation", 2.0, "pix2pix", 2))
    if traits.arrangement == "two sets":
        parts.append(TourPart("cut", "Translation between two sets: CUT", "translation", 3.0, "cut", 4))
    return parts


def choose_parts(parts: Sequence[TourPart], minutes: float, *, accelerator: bool) -> list[TourPart]:
    """The parts that the minutes suffice for: those of the highest rank are left out first."""
    chosen = list(parts)
    while True:
        shares = share_minutes(chosen, minutes)
        least = {part.name: least_seconds(part, accelerator=accelerator) for part in chosen}
        if all(60 * shares[part.name] >= least[part.name] for part in chosen if part.rank):
            return chosen
        chosen.remove(max((part for part in chosen if part.rank), key=lambda part: part.rank))


def minutes_for(parts: Sequence[TourPart], part: TourPart, *, accelerator: bool) -> int:
    """The whole minutes from which on a tour of `parts` has time for `part`."""
    enough = (each for each in range(1, LONGEST) if part in choose_parts(parts, each, accelerator=accelerator))
    return next(enough, LONGEST)


def least_seconds(part: TourPart, *, accelerator: bool) -> float:
    """The seconds below which a part is left out: less time shows nothing of the method, and others make use of it.

    For new pictures the rule is that of `train auto`: on a CPU a network is trained half a minute at least.
    """
    least = LEAST_TO_LEARN.get(part.name, LEAST_SECONDS)
    if accelerator:
        return least
    least = LEAST_ON_CPU.get(part.name, least)
    return max(least, 60 * least_minutes(accelerator=False) / SHARE_TRAINED) if part.name in ADVERSARIAL else least


def share_minutes(
    parts: Sequence[TourPart], minutes: float, spent: Mapping[str, float] | None = None
) -> dict[str, float]:
    """The minutes of each part that is left, by its name: what is left of the time, by weight.

    minutes: of the whole tour.
    spent: seconds that finished parts took. A part that took longer leaves less to the others, and the other way round;
        each of them has never less than `LEAST_SECONDS` (or its first share if that is smaller), nor than half of its
        first share, so that the tour takes longer than its minutes rather than show models that learned nothing.
    """
    done = spent or {}
    left = [part for part in parts if part.name not in done]
    remaining = max(0.0, minutes - sum(done.values()) / 60)
    whole = sum(part.weight for part in left)
    at_first = {part.name: minutes * part.weight / sum(each.weight for each in parts) for part in left}
    least = {name: max(min(LEAST_SECONDS / 60, share), LEAST_OF_FIRST * share) for name, share in at_first.items()}
    return {part.name: max(least[part.name], remaining * part.weight / whole) for part in left}


def minutes_in_place(
    part: TourPart, left: Sequence[TourPart], minutes: float, spent: Mapping[str, float], *, accelerator: bool
) -> int | None:
    """The whole minutes of a tour that has time for `part` here, if this one has too little; None if it has enough.

    A part that `choose_parts` cannot leave out has enough. So has one that lacks a quarter of its least.

    part: that is about to begin.
    left: the parts that are not done, with it.
    minutes: of the whole tour.
    spent: seconds that finished parts took.
    """
    if not part.rank:
        return None
    gone, whole = sum(spent.values()), sum(each.weight for each in left)
    least = least_seconds(part, accelerator=accelerator)
    if (60 * minutes - gone) * part.weight / whole >= BEGUN_FROM * least:
        return None
    return math.ceil((gone + least * whole / part.weight) / 60)


def short_notes(minutes: float) -> list[str]:
    """What is said of a tour that takes longer than its minutes, however they are split; none of others."""
    if minutes >= SHORTEST:
        return []
    return [
        f"{minutes_text(minutes)} are less than a tour takes: the set, the eigenfaces and a short training of a VAE "
        "are in each, and take half a minute or more together."
    ]


def few_notes(traits: TourTraits, *, accelerator: bool) -> list[str]:
    """What `train auto` says of too few pictures for a network that makes new ones; none if it takes a network."""
    count, classes = traits.pictures, len(traits.per_class) if traits.has_classes else 0
    needs: Needs = "classes" if classes else "pictures"
    if recommend_models(needs, count, classes, accelerator=accelerator)[0].model != "pca":
        return []
    passed = passed_over(needs, count, classes, accelerator=accelerator)
    return [f"{count:,} pictures are few for {each.model}: {each.reason}" for each in passed]


def short_options(model: str, minutes: float, *, accelerator: bool) -> dict[str, int]:
    """The options of a network whose training is too short for the usual one; {}: none.

    model: its name in the catalogue.
    minutes: planned for the training.
    """
    return dict(SMALL.get(model, {})) if minutes < SMALL_BELOW and not accelerator else {}


def training_minutes(share: float, besides: float | None = None) -> float:
    """The minutes of training in a part that has `share` minutes.

    besides: minutes that an earlier such part took for everything else on this machine, of which twice is left for it;
        half of the share is trained at least. None before the first one: `SHARE_TRAINED` is trained.
    """
    if besides is None:
        return SHARE_TRAINED * share
    return min(MOST_TRAINED * share, max(LEAST_TRAINED * share, share - 2 * besides))


def scored_pictures(minutes: float, models: int, pictures: int, rate: float) -> int:
    """How many samples of each model are scored, so that scores take a small share of the minutes.

    minutes: of the whole tour.
    models: how many are scored, each with so many samples; real pictures count as three.
    pictures: of the set.
    rate: pictures a second through the network in whose features they are compared, as measured here.
    """
    affordable = int(60 * minutes * SHARE_SCORED * rate / (models + 3))
    return max(2, min(max(LEAST_SCORED, affordable), MOST_SCORED, pictures))


def held_out_count(pictures: int) -> int:
    """Pictures that no model is trained on, to score against; 0 for sets that are too small for it."""
    return min(MOST_HELD_OUT, pictures // HELD_OUT_SHARE) if pictures >= HELD_OUT_FROM else 0
