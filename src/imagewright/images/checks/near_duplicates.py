"""Near-duplicates: the same picture resized, recompressed, brightened or slightly cropped.

Every picture is hashed, and so are its windows, as what a crop of it would be: seven words of 64 bits a picture, and no
comparison of all with all. Pairs whose hashes are near are then looked at; only this says that two pictures are one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from imagewright.images.checks.alignment import STEPS, agreement
from imagewright.images.checks.perceptual_hashes import WINDOWS, HashTable

CANDIDATES = 4
"""Of the pictures that a picture's hash is near to, so many are looked at, the nearest first."""
LOOKED_AT = 100_000  # pairs at most, the nearest first: of pictures that all look alike there is no end
HELD = 2**22  # candidates in memory at once


@dataclass(frozen=True)
class Threshold:
    """What a pair must reach after it is laid over each other: correlation of light, and of outlines (gradients)."""

    light: float
    outlines: float


ORDINARY = Threshold(0.95, 0.96)
LOOK_ALIKES = Threshold(0.997, 0.995)
"""Where distinct pictures agree to 0.99, as handwritten digits do, only what is as good as equal is called the same."""
CLOSE, CLOSE_SHARE, CLOSE_LEAST = 0.8, 0.005, 2
"""A set is one of look-alikes where more pairs than that share of its pictures, and than that many, agree so well in
outlines without being one picture, and they are not few beside those that are."""
SAMPLED = 1000  # pairs that decide this
HOPEFUL, HOPEFUL_ALIKE = 0.3, 0.9  # agreement of the outlines before any step, from which steps are worth their time


@dataclass(frozen=True)
class Candidates:
    """Pairs to look at: `first` and `second` int64 (P,), `window` of the first that may be the second, `bits` apart."""

    first: np.ndarray
    second: np.ndarray
    window: np.ndarray
    bits: np.ndarray

    def select(self, keep: np.ndarray) -> Candidates:
        return Candidates(self.first[keep], self.second[keep], self.window[keep], self.bits[keep])


def candidates(own: np.ndarray, others: np.ndarray | None = None) -> Candidates:
    """The nearest pairs by their hashes uint64 (N, W): within one set, or of one set and another (M, W).

    The nearest `CANDIDATES` of each picture of the first set; each pair once.
    """
    within = others is None
    tables = [(own, HashTable(own[:, 0] if others is None else others[:, 0]), False)]
    if others is not None:
        tables.append((others, HashTable(own[:, 0]), True))
    if not len(own) or not len(own if others is None else others):
        none = np.zeros(0, np.int64)
        return Candidates(none, none, none, none)
    held: list[Candidates] = []
    for queries, table, swapped in tables:
        for window in range(1 if swapped else 0, len(WINDOWS)):
            for asked, places, bits in table.near(queries[:, window], thorough=window == 0):
                keep = asked != places if within else np.ones(len(asked), bool)
                # Of pairs of whole pictures within a set each is found from both ends: one is enough.
                keep &= (asked < places) | (not within or window > 0)
                found = Candidates(asked[keep], places[keep], np.full(int(keep.sum()), window), bits[keep])
                held.append(_turned(found) if swapped else found)
                if sum(len(each.bits) for each in held) > HELD:
                    held = [_nearest(held, within)]
    return _nearest(held, within)


def _turned(found: Candidates) -> Candidates:
    """The pairs with their ends exchanged; a negative window says that it is the second's."""
    return Candidates(found.second, found.first, -found.window, found.bits)


def _nearest(held: Sequence[Candidates], within: bool) -> Candidates:
    """Each pair once, as near as it was found, and of each first picture the nearest few."""
    parts = zip(*((each.first, each.second, each.window, each.bits) for each in held), strict=True)
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
    """Pairs that are one picture: `first`, `second` int64 (P,); the threshold they reach; a word on the search."""

    first: np.ndarray
    second: np.ndarray
    threshold: Threshold
    note: str = ""


def same_pictures(found: Candidates, look: Callable[[np.ndarray, bool], np.ndarray], pictures: int) -> Pairs:
    """The candidates that are one picture. `look(indices, second)`: small pictures (n, 32, 32) of either set.

    `pictures`: how many there are in all, which tells a few look-alikes from a set of them.
    """
    note = ""
    if len(found.bits) > LOOKED_AT:
        note = f"Of {len(found.bits):,} pairs that look alike the {LOOKED_AT:,} nearest were compared."
        found = found.select(np.argsort(found.bits, kind="stable")[:LOOKED_AT])
    sample = np.unique(np.linspace(0, max(len(found.bits) - 1, 0), SAMPLED).astype(int))[: len(found.bits)]
    _, outlines, same = _judged(found.select(sample), look, ORDINARY)
    scale = len(found.bits) / max(len(sample), 1)
    close = ((outlines >= CLOSE) & ~same).sum() * scale
    alike = close > max(CLOSE_SHARE * pictures, CLOSE_LEAST, same.sum() * scale / 8)
    threshold = LOOK_ALIKES if alike else ORDINARY
    if alike:
        note = (
            "Distinct pictures of this set look much alike: only those that agree almost wholly are called the same. "
            + note
        ).strip()
    same = _judged(found, look, threshold)[2]
    return Pairs(found.first[same], found.second[same], threshold, note)


def _judged(
    found: Candidates, look: Callable[[np.ndarray, bool], np.ndarray], threshold: Threshold
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Agreement of light and of outlines of each pair, and whether it reaches the threshold, (P,) each."""
    light, outlines = np.zeros(len(found.bits)), np.zeros(len(found.bits))
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
        light[piece], outlines[piece] = _agreement(larger, smaller, np.abs(window), threshold)
        # Of two whole pictures either may be the one with more to see.
        whole = start + np.flatnonzero((window == 0) & (outlines[piece] < threshold.outlines))
        turned = _agreement(smaller[whole - start], larger[whole - start], window[whole - start], threshold)
        better = turned[1] > outlines[whole]
        light[whole[better]], outlines[whole[better]] = turned[0][better], turned[1][better]
    return light, outlines, (light >= threshold.light) & (outlines >= threshold.outlines)


def _agreement(
    larger: np.ndarray, smaller: np.ndarray, window: np.ndarray, threshold: Threshold
) -> tuple[np.ndarray, np.ndarray]:
    """`agreement`, with no more steps for pairs that reach the threshold at once or are far from it."""
    if not len(window):
        return np.zeros(0), np.zeros(0)
    light, outlines = agreement(larger, smaller, window, 0)
    least = HOPEFUL_ALIKE if threshold is LOOK_ALIKES else HOPEFUL
    going = np.flatnonzero(((light < threshold.light) | (outlines < threshold.outlines)) & (outlines >= least))
    if len(going):
        light[going], outlines[going] = agreement(larger[going], smaller[going], window[going], STEPS)
    return light, outlines
