"""Near-duplicates: the same picture resized, recompressed, brightened or slightly cropped.

Every picture and six windows of it, each like a crop of the picture, have a perceptual hash of 64 bits, so that near
pairs are found without a comparison of all with all. Each pair with near hashes is then compared by its pixels: only
the pixels decide whether two pictures are the same.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from imagewright.images.checks.alignment import STEPS, agreement
from imagewright.images.checks.perceptual_hashes import WINDOWS, HashTable

CANDIDATES = 4
"""Each picture is compared by its pixels with so many others: the ones with the nearest hashes."""
COMPARED_AT_MOST = 100_000  # pairs, the nearest first: a set of similar pictures has nearly endless pairs
CANDIDATES_IN_MEMORY = 2**22


@dataclass(frozen=True)
class Threshold:
    """The least correlations of two pictures, after alignment, that count as the same picture."""

    intensity: float
    gradients: float


ORDINARY = Threshold(0.95, 0.96)
STRICT = Threshold(0.997, 0.995)
"""For sets whose distinct pictures correlate up to 0.99, such as handwritten digits."""
SIMILAR, SIMILAR_SHARE, SIMILAR_LEAST = 0.8, 0.005, 2
"""A set gets the strict threshold if enough pairs of distinct pictures have gradients that correlate above `SIMILAR`:
more than `SIMILAR_SHARE` of its pictures, more than `SIMILAR_LEAST`, and more than an eighth of its near-duplicates."""
SAMPLED = 1000  # pairs that decide this
WORTH_ALIGNING, WORTH_ALIGNING_STRICT = 0.3, 0.9  # correlation of gradients before alignment, from which it is worth it

Look = Callable[[np.ndarray, bool], np.ndarray]
"""`look(places, second)`: small pictures (n, 32, 32) of the first set, or of the second one."""


@dataclass(frozen=True)
class Candidates:
    """Pairs whose hashes are near.

    Attributes:
        first: int64 (P,), places in the first set.
        second: int64 (P,), places in the second set, or in the first again.
        window: int64 (P,), the window of the first picture that resembles the second one; if negative, -window is the
            window of the second picture that resembles the first one.
        bits: int64 (P,), differing bits.
    """

    first: np.ndarray
    second: np.ndarray
    window: np.ndarray
    bits: np.ndarray

    def select(self, which: np.ndarray) -> Candidates:
        """Some of the pairs."""
        return Candidates(self.first[which], self.second[which], self.window[which], self.bits[which])


def find_candidates(own: np.ndarray, others: np.ndarray | None = None) -> Candidates:
    """The pairs with the nearest hashes, within one set or of two sets.

    own: uint64 (N, W), the hashes of one set.
    others: uint64 (M, W), those of another set; None for pairs within the first.
    Returns up to `CANDIDATES` pairs for each picture of the first set; each pair once.
    """
    within = others is None
    tables = [(own, HashTable(own[:, 0] if others is None else others[:, 0]), False)]
    if others is not None:
        tables.append((others, HashTable(own[:, 0]), True))
    if not len(own) or not len(own if others is None else others):
        none = np.zeros(0, np.int64)
        return Candidates(none, none, none, none)
    pairs: list[Candidates] = []
    for queries, table, swapped in tables:
        for window in range(1 if swapped else 0, len(WINDOWS)):
            for asked, places, bits in table.near(queries[:, window], thorough=window == 0):
                wanted = asked != places if within else np.ones(len(asked), bool)
                # Within a set, a pair of whole pictures is found from both ends: one is enough.
                wanted &= (asked < places) | (not within or window > 0)
                found = Candidates(asked[wanted], places[wanted], np.full(int(wanted.sum()), window), bits[wanted])
                pairs.append(_swap(found) if swapped else found)
                if sum(len(each.bits) for each in pairs) > CANDIDATES_IN_MEMORY:
                    pairs = [_select_nearest(pairs, within)]
    return _select_nearest(pairs, within)


def _swap(found: Candidates) -> Candidates:
    """The pairs with first and second exchanged."""
    return Candidates(found.second, found.first, -found.window, found.bits)


def _select_nearest(pairs: Sequence[Candidates], within: bool) -> Candidates:
    """Each pair once, with its nearest window, and for each first picture only its nearest `CANDIDATES`."""
    parts = zip(*((each.first, each.second, each.window, each.bits) for each in pairs), strict=True)
    found = Candidates(*(np.concatenate(part) for part in parts))
    low, high = np.minimum(found.first, found.second), np.maximum(found.first, found.second)
    keys = (low, high) if within else (found.first, found.second)
    order = np.lexsort((found.bits, keys[1], keys[0]))
    same = np.zeros(len(order), bool)
    same[1:] = (keys[0][order][1:] == keys[0][order][:-1]) & (keys[1][order][1:] == keys[1][order][:-1])
    order = order[~same]
    order = order[np.lexsort((found.bits[order], keys[0][order]))]
    first = keys[0][order]
    rank = np.arange(len(order)) - np.searchsorted(first, first)
    return found.select(order[rank < CANDIDATES])


@dataclass(frozen=True)
class Pairs:
    """Pairs that are the same picture: `first`, `second` int64 (P,); the threshold; a sentence on the search, or ""."""

    first: np.ndarray
    second: np.ndarray
    threshold: Threshold
    note: str = ""


def select_same(found: Candidates, look: Look, pictures: int) -> Pairs:
    """The candidates that are the same picture, by their pixels.

    pictures: how many pictures there are in all, which tells a few similar pictures from a set of similar ones.
    """
    note = ""
    if len(found.bits) > COMPARED_AT_MOST:
        note = f"Of {len(found.bits):,} pairs of similar pictures the {COMPARED_AT_MOST:,} nearest were compared."
        found = found.select(np.argsort(found.bits, kind="stable")[:COMPARED_AT_MOST])
    sample = np.unique(np.linspace(0, max(len(found.bits) - 1, 0), SAMPLED).astype(int))[: len(found.bits)]
    _, gradients, same = _compare(found.select(sample), look, ORDINARY)
    scale = len(found.bits) / max(len(sample), 1)
    similar = ((gradients >= SIMILAR) & ~same).sum() * scale
    is_similar_set = similar > max(SIMILAR_SHARE * pictures, SIMILAR_LEAST, same.sum() * scale / 8)
    threshold = STRICT if is_similar_set else ORDINARY
    if is_similar_set:
        note = (
            "Distinct pictures of this set look much alike: only pictures that agree almost wholly count as the same. "
            + note
        ).strip()
    same = _compare(found, look, threshold)[2]
    return Pairs(found.first[same], found.second[same], threshold, note)


def _compare(found: Candidates, look: Look, threshold: Threshold) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Correlation of intensities and of gradients of each pair, and whether it reaches the threshold, (P,) each."""
    intensity, gradients = np.zeros(len(found.bits)), np.zeros(len(found.bits))
    sides = []
    for indices, second in ((found.first, False), (found.second, True)):
        wanted, places = np.unique(indices, return_inverse=True)
        sides.append((look(wanted, second), places))
    for start in range(0, len(found.bits), 512):
        piece = slice(start, start + 512)
        one, other = (pictures[places[piece]] for pictures, places in sides)
        window = found.window[piece]
        larger = np.where((window >= 0)[:, None, None], one, other)
        smaller = np.where((window >= 0)[:, None, None], other, one)
        intensity[piece], gradients[piece] = _agreement(larger, smaller, np.abs(window), threshold)
        # Of two whole pictures, either may be a crop of the other.
        whole = start + np.flatnonzero((window == 0) & (gradients[piece] < threshold.gradients))
        turned = _agreement(smaller[whole - start], larger[whole - start], window[whole - start], threshold)
        better = turned[1] > gradients[whole]
        intensity[whole[better]], gradients[whole[better]] = turned[0][better], turned[1][better]
    return intensity, gradients, (intensity >= threshold.intensity) & (gradients >= threshold.gradients)


def _agreement(
    larger: np.ndarray, smaller: np.ndarray, window: np.ndarray, threshold: Threshold
) -> tuple[np.ndarray, np.ndarray]:
    """`agreement`, without alignment steps for pairs that reach the threshold at once or are far from it."""
    if not len(window):
        return np.zeros(0), np.zeros(0)
    intensity, gradients = agreement(larger, smaller, window, 0)
    least = WORTH_ALIGNING_STRICT if threshold is STRICT else WORTH_ALIGNING
    aligned = np.flatnonzero(
        ((intensity < threshold.intensity) | (gradients < threshold.gradients)) & (gradients >= least)
    )
    if len(aligned):
        intensity[aligned], gradients[aligned] = agreement(larger[aligned], smaller[aligned], window[aligned], STEPS)
    return intensity, gradients
