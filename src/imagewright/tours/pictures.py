"""The pictures of a tour: opened as plain pictures, pairs or two sets, at one size that every model supports."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from imagewright.images import Images, open_images
from imagewright.images.arrangement import arrangement_of
from imagewright.images.equal_pictures import check_pairs_differ, check_sets_differ
from imagewright.images.selection import pick_evenly, select_evenly
from imagewright.images.sources.finding import find_source
from imagewright.seeds import derive_seed
from imagewright.tours.plan import Arrangement, TourPart, TourTraits, held_out_count
from imagewright.training.arranging import arrange
from imagewright.training.reporting import Say
from imagewright.training.sizes import choose_size, fit_size, match_shape

PAIR = ("input", "target")
PAIRED_MODEL, UNPAIRED_MODEL = "pix2pix", "cut"
ADVICE = "there is nothing to translate. Name another second folder, or for a tour of these pictures one folder alone."
SHARE_READ = 0.1  # of the minutes, for decoding the pictures once
ALWAYS_USED, MOST_A_MINUTE = 1_000, 5_000  # pictures of a tour, however slowly and however fast they are read
TIMED = 32
FITS = 4  # rounds in which all models may change the size; they settle in two


@dataclass(frozen=True)
class TourPictures:
    """The pictures of a tour.

    arrangement: plain pictures, pairs of an input and a target, or two sets.
    own: at their own size; of pairs with both layers, of two sets the first.
    second: of two sets the second, at its own size; else None.
    """

    arrangement: Arrangement
    own: Images
    second: Images | None = None

    @property
    def traits(self) -> TourTraits:
        """What the parts are chosen by."""
        labels, names = self.own.labels, self.own.class_names
        counts = () if labels is None or names is None else np.bincount(labels[labels >= 0], minlength=len(names))
        return TourTraits(len(self.own), self.arrangement, tuple(int(count) for count in counts if count))

    def spread(self, most: int) -> TourPictures:
        """At most so many of them (of two sets: of each), spread evenly, as sets of their own."""
        second = None if self.second is None else pick_evenly(self.second, most)
        return TourPictures(self.arrangement, pick_evenly(self.own, most), second)


@dataclass(frozen=True)
class SizedPictures:
    """The pictures of a tour at the size of its models.

    whole: all of them.
    trained: those that models learn.
    reference: those that samples are compared with: held out, or the trained ones if the set is small.
    translated: what a model that translates is trained on; None for plain pictures.
    """

    whole: Images
    trained: Images
    reference: Images
    translated: Any = None

    @property
    def held_out(self) -> int:
        """How many pictures no model is trained on."""
        return len(self.whole) - len(self.trained)


def open_tour(source: Any, other: Any, opening: Mapping[str, Any], say: Say) -> TourPictures:
    """Open the pictures of a tour, and find out how they are arranged.

    source, other: as the user gave them; `other` is None without a second set.
    opening: options of `open_images`.
    say: called with sentences on what was found.

    Raises `UserError` for sources that cannot be opened.
    """
    found = find_arrangement(source, other)
    if found == "two sets":
        sets = {"a": source, "b": other} if other is not None else source
        sources, rest = arrange(UNPAIRED_MODEL, sets, opening, say)
        first, second = (open_images(each, **rest) for each in dict(sources).values())
        check_sets_differ((first, second), ADVICE)
        return TourPictures("two sets", first, second)
    if found == "pairs":
        sources = dict(zip(PAIR, (source, other), strict=True)) if other is not None else source
        sources, rest = arrange(PAIRED_MODEL, sources, opening, say)
        return _open_pairs(sources, rest)
    opened = open_images(source, **opening)
    if opened.width == 2 * opened.height and len(opened.layers) == 1 and isinstance(source, str | Path):
        sources, rest = arrange(PAIRED_MODEL, source, opening, say)
        return _open_pairs(sources, rest)
    return TourPictures("pictures", opened)


def readable_count(images: Images, minutes: float) -> int:
    """How many of the pictures a tour of so many minutes uses: all, unless reading them takes too much of its time.

    The rate is measured here, by a few of them.
    """
    if len(images) <= ALWAYS_USED:
        return len(images)
    began = time.monotonic()
    select_evenly(images, TIMED)
    rate = TIMED / max(1e-6, time.monotonic() - began)
    return min(len(images), max(ALWAYS_USED, int(minutes * min(MOST_A_MINUTE, 60 * SHARE_READ * rate))))


def _open_pairs(sources: Any, rest: Mapping[str, Any]) -> TourPictures:
    images = open_images(sources, **rest)
    check_pairs_differ(images, ADVICE)
    return TourPictures("pairs", images)


def find_arrangement(source: Any, other: Any) -> Arrangement:
    """How the pictures are arranged, by the names of folders and files; no picture is opened.

    Two sources, or folders A and B, are pairs if most names of the smaller one are in the other too.
    """
    if other is not None:
        return "pairs" if _have_equal_names(_names(source), _names(other)) else "two sets"
    found = arrangement_of(Path(source).expanduser()) if isinstance(source, str | Path) else "pictures"
    return found if found in ("pairs", "two sets") else "pictures"


def _names(source: Any) -> set[str]:
    found = find_source(source, None)
    return {Path(found.name(index)).stem for index in range(len(found))}


def _have_equal_names(one: set[str], two: set[str]) -> bool:
    return 2 * len(one & two) > min(len(one), len(two))


def fit_pictures(
    pictures: TourPictures,
    parts: Sequence[TourPart],
    *,
    gan: str,
    minutes: float,
    accelerator: bool,
    seed: int,
    say: Say,
    size: tuple[int, int] | None = None,
) -> SizedPictures:
    """The pictures at one size for all models: that of the shortest training, which every model supports.

    parts: that are carried out.
    gan: the adversarial model, by whose rule the size is chosen.
    minutes: of the shortest training.
    accelerator: whether models are trained on a GPU.
    seed: of the choice of held-out pictures.
    say: called with sentences on what was chosen.
    size: (height, width) of a tour that goes on; None if it is not chosen yet.
    """
    if size is None:
        models = [part.model for part in parts if part.model is not None]
        size = _size_of_all(pictures, models, gan=gan, minutes=minutes, accelerator=accelerator)
    whole = pictures.own.with_size(size)
    trained, reference = _hold_out(whole, seed)
    translated: Any = None
    if pictures.arrangement == "pairs":
        translated = trained
    if pictures.second is not None:
        translated = {"a": trained, "b": match_shape(_free(pictures.second, pictures.second), whole, say)}
    return SizedPictures(whole, trained, reference, translated)


def _size_of_all(
    pictures: TourPictures, models: Sequence[str], *, gan: str, minutes: float, accelerator: bool
) -> tuple[int, int]:
    """The (height, width) that suits the time, and that every model supports."""
    # A training chooses the size of its own; here no sentence names one model, since the size is that of all.
    whole = choose_size(gan, pictures.own, {}, minutes=minutes, accelerator=accelerator, say=lambda _: None)
    for _ in range(FITS):
        before = whole.size
        for model in () if pictures.own.size_given else models:
            whole = fit_size(model, _free(pictures.own, whole), lambda _: None)
        if whole.size == before:
            break
    return whole.size


def _free(own: Images, sized: Images) -> Images:
    """The pictures at the size of `sized`, as if the user had given none."""
    found = own.with_size(sized.size)
    found.size_given = False
    return found


def _hold_out(whole: Images, seed: int) -> tuple[Images, Images]:
    """The pictures that are learned, and those that samples are compared with."""
    count = held_out_count(len(whole))
    if not count:
        return whole, whole
    order = np.random.default_rng(derive_seed(seed, "tour", "held out")).permutation(len(whole))
    return whole.subset(np.sort(order[count:])), whole.subset(np.sort(order[:count]))
